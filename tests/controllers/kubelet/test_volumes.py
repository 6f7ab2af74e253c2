"""Where a pod's volumes come from, and what it waits for without them."""

from base64 import b64encode
from functools import partial

import pytest

from stead.controllers.kubelet.settings import Settings
from stead.machinery.runtime import EmptyDir, File, Mount, RunSandbox, StartContainer, UpdateVolume, VolumeFiles

from .world import World, a_container, a_pod

a_mount = partial(Mount, name="v")


def mounted(**fields):
    return a_container(volumeMounts=[{"name": "v", "mountPath": "/data", **fields}])


def a_claim(phase="Bound", name="www-web-0"):
    return {
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": name, "namespace": "default", "uid": "claim"},
        "spec": {"volumeName": "pv-1"},
        "status": {"phase": phase},
    }


def a_volume(**source):
    spec = {"claimRef": {"namespace": "default", "name": "www-web-0", "uid": "claim"}, **source}
    return {"kind": "PersistentVolume", "metadata": {"name": "pv-1"}, "spec": spec}


def a_config(**data):
    return {"kind": "ConfigMap", "metadata": {"name": "settings", "namespace": "default"}, "data": data}


CLAIM = {"name": "v", "persistentVolumeClaim": {"claimName": "www-web-0"}}
CONFIG = {"name": "v", "configMap": {"name": "settings"}}


@pytest.mark.parametrize(
    "source, mount, expected",
    [
        ({"hostPath": {"path": "/srv/1"}}, {}, a_mount("/srv/1", "/data")),
        ({"local": {"path": "/srv/1"}}, {}, a_mount("/srv/1", "/data", host_type="Directory", is_grouped=True)),
        ({"hostPath": {"path": "/srv/1"}}, {"readOnly": True}, a_mount("/srv/1", "/data", True)),
        ({"hostPath": {"path": "/srv/1"}}, {"subPath": "a/b"}, a_mount("/srv/1/a/b", "/data", within="/srv/1")),
    ],
)
def test_a_claim_is_the_path_of_its_volume(source, mount, expected):
    world = World(a_pod(mounted(**mount), volumes=[CLAIM]), a_claim(), a_volume(**source))
    world.run()
    assert world.sent_of(StartContainer)[0].mounts == (expected,)


def test_a_provisioned_volume_is_open_to_the_pods_users_and_belongs_to_its_group():
    volume = a_volume(hostPath={"path": "/srv/1", "type": "DirectoryOrCreate"})
    volume["metadata"]["annotations"] = {"pv.kubernetes.io/provisioned-by": "stead.dev/directory"}
    world = World(a_pod(mounted(), volumes=[CLAIM]), a_claim(), volume)
    world.run()
    assert world.sent_of(StartContainer)[0].mounts == (a_mount("/srv/1", "/data", is_grouped=True),)


def test_an_unbound_claim_is_waited_for():
    world = World(a_pod(mounted(), volumes=[CLAIM]), a_claim("Pending"))
    world.run(60)
    assert world.sent == [] and world.shown[-1] == "Pending 0/1 ContainerCreating"
    assert world.told == [("Warning", "FailedMount", world.status()["state"]["waiting"]["message"])]
    assert "PVC is not bound" in world.told[0][2]
    world.put(a_claim(), a_volume(local={"path": "/srv/1"}))
    world.run()
    assert world.shown[-1] == "Running 1/1 running"


def test_a_claim_of_another_life_is_not_used():
    other = a_volume(local={"path": "/srv/1"})
    other["spec"]["claimRef"]["uid"] = "another"
    world = World(a_pod(mounted(), volumes=[CLAIM]), a_claim(), other)
    world.run()
    assert world.sent == []


def test_files_of_a_config_map_follow_it():
    world = World(a_pod(mounted(), volumes=[CONFIG]), a_config(b="2", a="1"))
    world.run()
    files = (File("a", b"1", 0o644), File("b", b"2", 0o644))
    assert world.sent_of(RunSandbox)[0].volumes == (VolumeFiles("v", files),)
    assert world.sent_of(StartContainer)[0].mounts == (a_mount("volume:v", "/data", True),)
    world.put(a_config(a="3"))
    world.run()
    assert world.sent_of(UpdateVolume)[-1].volume == VolumeFiles("v", (File("a", b"3", 0o644),))
    world.run(60)
    assert len(world.sent_of(UpdateVolume)) == 1


@pytest.mark.parametrize(
    "source, problem",
    [
        ({"configMap": {"name": "settings"}}, 'configmap "settings" not found'),
        ({"secret": {"secretName": "keys"}}, 'secret "keys" not found'),
        ({"nfs": {"server": "there"}}, "no volume plugin matched"),
    ],
)
def test_what_is_missing_is_told(source, problem):
    world = World(a_pod(mounted(), volumes=[{"name": "v", **source}]))
    world.run()
    assert world.told == [("Warning", "FailedMount", f'MountVolume.SetUp failed for volume "v" : {problem}')]


def test_optional_sources_may_be_missing():
    world = World(a_pod(mounted(), volumes=[{"name": "v", "configMap": {"name": "none", "optional": True}}]))
    world.run()
    assert world.sent_of(RunSandbox)[0].volumes == (VolumeFiles("v", ()),)


def test_a_key_that_is_not_there():
    volume = {"name": "v", "configMap": {"name": "settings", "items": [{"key": "x", "path": "y"}]}}
    world = World(a_pod(mounted(), volumes=[volume]), a_config(a="1"))
    world.run()
    assert world.told[0][2].endswith("references non-existent config key: x")


def test_projected_sources_come_together():
    secret = {"kind": "Secret", "metadata": {"name": "keys", "namespace": "default"}}
    secret["data"] = {"key": b64encode(b"s3cret").decode()}
    items = [{"path": "labels", "fieldRef": {"fieldPath": "metadata.labels"}}]
    sources = [
        {"configMap": {"name": "settings"}},
        {"secret": {"name": "keys", "items": [{"key": "key", "path": "private/key", "mode": 0o400}]}},
        {"downwardAPI": {"items": items}},
        {"serviceAccountToken": {"path": "token"}},
    ]
    volume = {"name": "v", "projected": {"sources": sources, "defaultMode": 0o640}}
    settings = Settings(make_token=lambda pod, audience, seconds: b"token")
    world = World(a_pod(mounted(), volumes=[volume]), a_config(a="1"), secret, settings=settings)
    world.run()
    assert world.sent_of(RunSandbox)[0].volumes[0].files == (
        File("a", b"1", 0o640),
        File("labels", b'app="nginx"', 0o640),
        File("private/key", b"s3cret", 0o400),
        File("token", b"token", 0o640),
    )


def test_an_empty_directory():
    volume = {"name": "v", "emptyDir": {"medium": "Memory", "sizeLimit": "1Mi"}}
    world = World(a_pod(mounted(subPath="x"), volumes=[volume]))
    world.run()
    assert world.sent_of(RunSandbox)[0].volumes == (EmptyDir("v", True, 1048576),)
    assert world.sent_of(StartContainer)[0].mounts == (a_mount("volume:v/x", "/data", within="volume:v"),)


def test_a_path_made_of_variables():
    container = a_container(
        env=[{"name": "POD", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}],
        volumeMounts=[{"name": "v", "mountPath": "/data", "subPathExpr": "of-$(POD)"}],
    )
    world = World(a_pod(container, volumes=[{"name": "v", "hostPath": {"path": "/srv"}}]))
    world.run()
    assert world.sent_of(StartContainer)[0].mounts[0].source == "/srv/of-web-0"


def test_no_pod_waits_for_the_certificates_of_its_account():
    sources = [{"configMap": {"name": "kube-root-ca.crt"}}]
    world = World(a_pod(volumes=[{"name": "kube-api-access-b2x7j", "projected": {"sources": sources}}]))
    world.run()
    assert world.shown[-1] == "Running 1/1 running"
