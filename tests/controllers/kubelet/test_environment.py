"""The variables a container sees, and the words made of them."""

from base64 import b64encode

import pytest
from msgspec.structs import replace

from stead.controllers.kubelet import privileges
from stead.controllers.kubelet.environment import expand
from stead.controllers.kubelet.round import begin
from stead.controllers.kubelet.settings import Settings
from stead.machinery.runtime import RunSandbox, StartContainer

from .world import WEB, World, a_container, a_pod


def environment_of(world, **fields):
    world.put(a_pod(a_container(**fields), serviceAccountName="robot"))
    world.run()
    return dict(world.sent_of(StartContainer)[0].environment)


def field(path):
    return {"name": "X", "valueFrom": {"fieldRef": {"fieldPath": path}}}


@pytest.mark.parametrize(
    "path, value",
    [
        ("metadata.name", "web-0"),
        ("metadata.namespace", "default"),
        ("metadata.uid", "u1"),
        ("metadata.labels['app']", "nginx"),
        ("metadata.annotations['none']", ""),
        ("spec.nodeName", "stead"),
        ("spec.serviceAccountName", "robot"),
        ("status.hostIP", "10.44.0.1"),
        ("status.podIP", "10.44.0.3"),
        ("status.podIPs", "10.44.0.3"),
    ],
)
def test_fields(path, value):
    assert environment_of(World(), env=[field(path)]) == {"X": value}


@pytest.mark.parametrize(
    "reference, value",
    [
        ({"resource": "limits.memory"}, "134217728"),
        ({"resource": "limits.memory", "divisor": "1Mi"}, "128"),
        ({"resource": "requests.cpu"}, "1"),
        ({"resource": "requests.cpu", "divisor": "1m"}, "250"),
        ({"resource": "limits.cpu"}, "2"),
    ],
)
def test_resources(reference, value):
    resources = {"limits": {"memory": "128Mi"}, "requests": {"cpu": "250m"}}
    env = [{"name": "X", "valueFrom": {"resourceFieldRef": reference}}]
    assert environment_of(World(), env=env, resources=resources) == {"X": value}


def test_sources_in_order():
    config = {"kind": "ConfigMap", "metadata": {"name": "c", "namespace": "default"}, "data": {"A": "1", "B": "2"}}
    secret = {"kind": "Secret", "metadata": {"name": "s", "namespace": "default"}, "data": {"B": "Mw=="}}
    assert b64encode(b"3") == b"Mw=="
    world = World(config, secret, settings=Settings(environment=(("HOST", "10.0.0.1"), ("A", "0"))))
    found = environment_of(
        world,
        envFrom=[{"configMapRef": {"name": "c"}}, {"secretRef": {"name": "s"}, "prefix": "S_"}],
        env=[
            {"name": "C", "value": "$(A)-$(S_B)-$(NONE)-$$(A)"},
            {"name": "B", "valueFrom": {"secretKeyRef": {"name": "s", "key": "B"}}},
            {"name": "D", "valueFrom": {"configMapKeyRef": {"name": "c", "key": "none", "optional": True}}},
        ],
    )
    assert found == {"HOST": "10.0.0.1", "A": "1", "B": "3", "S_B": "3", "C": "1-3-$(NONE)-$(A)"}


@pytest.mark.parametrize(
    "text, expected",
    [("$(A)", "1"), ("$$(A)", "$(A)"), ("$(B)", "$(B)"), ("a$(A)b$", "a1b$"), ("$$$(A)", "$1"), ("$A", "$A")],
)
def test_expansion(text, expected):
    assert expand(text, {"A": "1"}) == expected


def test_a_key_that_is_not_there_is_told():
    config = {"kind": "ConfigMap", "metadata": {"name": "c", "namespace": "default"}, "data": {}}
    env = [{"name": "X", "valueFrom": {"configMapKeyRef": {"name": "c", "key": "k"}}}]
    world = World(config, a_pod(a_container(env=env)))
    world.run()
    assert world.status()["state"]["waiting"]["message"] == "couldn't find key k in ConfigMap default/c"


def test_command_and_arguments():
    container = a_container(command=["sh", "-c"], args=["echo $(A)"], env=[{"name": "A", "value": "1"}])
    world = World(a_pod(container))
    world.run()
    start = world.sent_of(StartContainer)[0]
    assert (start.command, start.arguments) == (("sh", "-c"), ("echo 1",))


def test_limits_and_users():
    container = a_container(
        resources={"limits": {"cpu": "250m", "memory": "64Mi"}},
        securityContext={"runAsUser": 7, "readOnlyRootFilesystem": True},
    )
    world = World(a_pod(container, securityContext={"runAsUser": 5, "runAsGroup": 6, "fsGroup": 8}))
    world.run()
    start = world.sent_of(StartContainer)[0]
    assert (start.run_as_user, start.run_as_group, start.is_root_read_only) == (7, 6, True)
    assert (start.cpu_limit_millis, start.memory_limit_bytes) == (250, 67108864)
    assert world.sent_of(RunSandbox)[0].fs_group == 8


def test_groups_and_privileges():
    security = {"capabilities": {"add": ["NET_ADMIN"], "drop": ["ALL"]}, "allowPrivilegeEscalation": False}
    world = World(a_pod(a_container(securityContext=security), securityContext={"supplementalGroups": [3, 4]}))
    world.run()
    start = world.sent_of(StartContainer)[0]
    assert (start.groups, start.capabilities_added, start.capabilities_dropped) == ((3, 4), ("NET_ADMIN",), ("ALL",))
    assert not start.may_gain_privileges


@pytest.mark.parametrize("spec, host", [({}, "10.0.0.1"), ({"hostNetwork": True}, "127.0.0.1")])
def test_who_is_on_the_hosts_network_finds_the_api_elsewhere(spec, host):
    names = {"environment": (("HOST", "10.0.0.1"),), "host_environment": (("HOST", "127.0.0.1"),)}
    world = World(a_pod(a_container(), **spec), settings=Settings(**names))
    world.run()
    assert dict(world.sent_of(StartContainer)[0].environment)["HOST"] == host


@pytest.mark.parametrize(
    "security, user, told",
    [
        ({}, "", "container has runAsNonRoot and image will run as root"),
        ({}, "0:5", "image will run as root"),
        ({}, "web", "image has non-numeric user (web), cannot verify user is non-root"),
        ({}, "7", ""),
        ({"runAsUser": 7}, "", ""),
        ({"runAsNonRoot": False}, "", ""),
    ],
)
def test_run_as_non_root_looks_at_the_images_user(security, user, told):
    world = World(a_pod(a_container(securityContext=security), securityContext={"runAsNonRoot": True}))
    world.run()
    round_ = begin(world.kubelet.observe(world.cache, WEB), Settings(), world.now)
    life = replace(round_.lives.mains[0], image={"user": user})
    found = privileges.problem(round_, life)
    assert told in found and bool(found) == bool(told)


def test_a_root_that_must_not_be_waits():
    world = World(a_pod(a_container(securityContext={"runAsNonRoot": True, "runAsUser": 0})))
    world.run()
    waiting = world.status()["state"]["waiting"]
    assert waiting["reason"] == "CreateContainerConfigError"
    assert "container's runAsUser breaks non-root policy" in waiting["message"]


def test_names_of_a_replica():
    world = World(a_pod(hostname="web-0", subdomain="nginx", hostAliases=[{"ip": "10.0.0.9", "hostnames": ["db"]}]))
    world.run()
    sandbox = world.sent_of(RunSandbox)[0]
    assert (sandbox.hostname, sandbox.domain) == ("web-0", "nginx.default.svc.cluster.local")
    assert sandbox.host_aliases == (("10.0.0.9", "db"),)
    assert sandbox.searches == ("default.svc.cluster.local", "svc.cluster.local", "cluster.local")


@pytest.mark.parametrize(
    "spec, expected",
    [
        ({"dnsPolicy": "Default"}, ((), (), (), True)),
        (
            {"dnsPolicy": "None", "dnsConfig": {"nameservers": ["1.1.1.1"], "searches": ["x"]}},
            (("1.1.1.1",), ("x",), (), False),
        ),
        (
            {"dnsConfig": {"options": [{"name": "ndots", "value": "2"}]}},
            ((), ("default.svc.cluster.local", "svc.cluster.local", "cluster.local"), ("ndots:2",), False),
        ),
    ],
)
def test_dns(spec, expected):
    world = World(a_pod(**spec))
    world.run()
    sandbox = world.sent_of(RunSandbox)[0]
    assert (sandbox.nameservers, sandbox.searches, sandbox.dns_options, sandbox.uses_host_dns) == expected
