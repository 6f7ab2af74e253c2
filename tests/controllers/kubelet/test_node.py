"""What a node asks before it takes a pod, what it tells people, and several nodes beside each other."""

import pytest

from stead.controllers.kubelet import sandbox
from stead.controllers.kubelet.observed import observe
from stead.controllers.kubelet.reconcile import Kubelet
from stead.machinery.plan import Patch
from stead.machinery.runtime import RunSandbox, SandboxFailed, SandboxRunning, StartContainer

from .world import NODE, WEB, World, a_container, a_pod, a_probe


def test_services_are_variables():
    ports = [{"name": "web", "port": 80}, {"port": 53, "protocol": "UDP"}]
    db = {"kind": "Service", "metadata": {"name": "my-db", "namespace": "default"}}
    db["spec"] = {"clusterIP": "10.0.0.5", "ports": ports}
    headless = {"kind": "Service", "metadata": {"name": "none", "namespace": "default"}}
    headless["spec"] = {"clusterIP": "None", "ports": ports}
    world = World(db, headless, a_pod())
    world.run()
    assert dict(world.sent_of(StartContainer)[0].environment) == {
        "MY_DB_SERVICE_HOST": "10.0.0.5",
        "MY_DB_SERVICE_PORT": "80",
        "MY_DB_SERVICE_PORT_WEB": "80",
        "MY_DB_PORT": "tcp://10.0.0.5:80",
        "MY_DB_PORT_80_TCP": "tcp://10.0.0.5:80",
        "MY_DB_PORT_80_TCP_PROTO": "tcp",
        "MY_DB_PORT_80_TCP_PORT": "80",
        "MY_DB_PORT_80_TCP_ADDR": "10.0.0.5",
        "MY_DB_PORT_53_UDP": "udp://10.0.0.5:53",
        "MY_DB_PORT_53_UDP_PROTO": "udp",
        "MY_DB_PORT_53_UDP_PORT": "53",
        "MY_DB_PORT_53_UDP_ADDR": "10.0.0.5",
    }
    world = World(db, a_pod(enableServiceLinks=False))
    world.run()
    assert world.sent_of(StartContainer)[0].environment == ()


@pytest.mark.parametrize(
    "script, seconds, text",
    [
        ({"image-missing": "true"}, 5, 'Back-off pulling image "nginx:1"'),
        ({"pull-after": "1m"}, 5, "web-0: container c waits for its image nginx:1"),
        ({"start-after": "1m"}, 5, "web-0: container c is being started"),
        ({"unready": "true"}, 5, "has not passed its readiness probe: simulated: the script says no"),
        ({"exit-after": "1s", "exit-code": "1"}, 5, "back-off 10s after 2 starts; the last ended with exit code 1"),
    ],
)
def test_what_a_pod_waits_for(script, seconds, text):
    world = World(a_pod(a_container(readinessProbe=a_probe()), annotations=script))
    world.run(seconds)
    plan = world.kubelet.reconcile(world.kubelet.observe(world.cache, WEB), world.now)
    assert text in plan.waiting[0].text and not any(isinstance(action, Patch) for action in plan.actions)


def test_a_sandbox_that_cannot_be_made():
    world = World(a_pod())
    world.runtime.send = lambda action, now: None
    world.run()
    world._fold(SandboxFailed(WEB, "u1", "no address is left"))
    world.run()
    assert len(world.sent_of(RunSandbox)) == 2, "at once the first time"
    world._fold(SandboxFailed(WEB, "u1", "no address is left"))
    world.run(9)
    assert len(world.sent_of(RunSandbox)) == 2
    assert ("Warning", "FailedCreatePodSandBox", "Failed to create pod sandbox: no address is left") in world.told
    world.run(2)
    assert len(world.sent_of(RunSandbox)) == 3


def test_each_kubelet_minds_its_own_node():
    world = World(a_pod())
    world.run()
    other = Kubelet("other", name="kubelet-other")
    assert other.observe(world.cache, WEB) is None
    world.cache.put(sandbox.key_for("u9"), sandbox.fold(None, SandboxRunning(WEB, "u9", ()), world.now, "other"))
    assert observe(world.cache, WEB, NODE).strays == ()
    assert [sandbox.uid_of(record) for record in other.observe(world.cache, WEB).strays] == ["u9"]
