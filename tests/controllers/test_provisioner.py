"""A directory for a claim, as long as the claim lives (3.3.3, 3.3.6, 3.3.10), and what protects both (3.3.7)."""

import pytest

from stead.machinery import meta
from stead.machinery.objects import Json, dig
from stead.machinery.runtime import RemoveVolume, RuntimeAction, VolumeRemoved
from stead.machinery.times import Now
from tests.controllers.world import World, a_claim, a_class, a_volume

FAST = {"storageClassName": "fast"}


@pytest.fixture
def world() -> World:
    return World("binder", "provisioner", "protection")


def volume(world: World) -> Json | None:
    """The one volume there is."""
    found = world.all("PersistentVolume", "")
    assert len(found) < 2
    return found[0] if found else None


def test_a_claim_gets_a_directory(world: World) -> None:
    """3.3.3"""
    world.put(a_class(reclaimPolicy="Retain"))
    claim = world.put(a_claim("c", "3Gi", class_name="fast"))
    world.run(1)
    found = volume(world)
    assert found is not None
    assert meta.name(found) == f"pvc-{meta.uid(claim)}"
    assert meta.annotations(found) == {"pv.kubernetes.io/provisioned-by": "stead.dev/directory"}
    spec = found["spec"]
    assert spec["capacity"] == {"storage": "3Gi"}
    assert (spec["storageClassName"], spec["persistentVolumeReclaimPolicy"]) == ("fast", "Retain")
    assert spec["hostPath"]["path"].endswith(meta.name(found))
    assert dig(world.get("PersistentVolumeClaim", "c"), "status", "phase") == "Bound"
    assert world.messages("c") == [
        'External provisioner is provisioning volume for claim "default/c"',
        f"Successfully provisioned volume {meta.name(found)}",
    ]
    assert world.events("c") == ["Provisioning", "ProvisioningSucceeded"]
    assert world.failures() == []


def test_a_volume_that_fits_is_taken_instead(world: World) -> None:
    world.put(a_class())
    world.put(a_volume("v", **FAST))
    world.run()
    world.put(a_claim("c", class_name="fast"))
    world.run(1)
    assert meta.name(volume(world) or {"metadata": {}}) == "v"


def test_a_late_claim_waits_for_its_node(world: World) -> None:
    """3.3.3"""
    world.put(a_class(volumeBindingMode="WaitForFirstConsumer"))
    world.put(a_claim("c", class_name="fast"))
    world.run(1)
    assert volume(world) is None
    mark = {"metadata": {"annotations": {"volume.kubernetes.io/selected-node": "n1"}}}
    world.patch("PersistentVolumeClaim", "c", mark)
    world.run(1)
    assert volume(world) is not None


@pytest.mark.parametrize(
    ("mode", "bound_to", "trouble"),
    [
        ("WaitForFirstConsumer", "node", ""),
        ("Immediate", "node", "with boundTo: node the pod's node comes first"),
        ("WaitForFirstConsumer", "rack", "parameter boundTo is 'rack'"),
    ],
)
def test_a_class_whose_volumes_are_bound_to_their_node(world: World, mode: str, bound_to: str, trouble: str) -> None:
    """3.3.9: as a node's own disks are; without the parameter a directory is in reach of every node."""
    world.put(a_class(volumeBindingMode=mode, parameters={"boundTo": bound_to}))
    world.put(a_claim("c", class_name="fast"))
    world.run()
    if mode != "Immediate":
        selected = {"volume.kubernetes.io/selected-node": "n1"}
        world.patch("PersistentVolumeClaim", "c", {"metadata": {"annotations": selected}})
        world.run()
    made = volume(world)
    told = f'failed to provision volume with StorageClass "fast": {trouble}'
    assert (made is None, told in world.messages("c")) == (bool(trouble), bool(trouble))
    here = {"key": "kubernetes.io/hostname", "operator": "In", "values": ["n1"]}
    assert made is None or made["spec"]["nodeAffinity"]["required"]["nodeSelectorTerms"] == [
        {"matchExpressions": [here]}
    ]


def test_a_claim_with_a_selector_is_not_provisioned_for(world: World) -> None:
    world.put(a_class())
    world.put(a_claim("c", class_name="fast", selector={"matchLabels": {"disk": "red"}}))
    world.run(1)
    assert volume(world) is None
    assert world.events("c") == ["ProvisioningFailed"]


def test_a_class_that_comes_later_is_served(world: World) -> None:
    world.put(a_claim("c", class_name="fast"))
    world.run(1)
    world.put(a_class())
    world.run(1)
    assert volume(world) is not None


@pytest.mark.parametrize(("policy", "phase"), [("Retain", "Released"), ("Delete", None)])
def test_what_becomes_of_the_volume_of_a_claim_that_is_gone(world: World, policy: str, phase: str | None) -> None:
    """3.3.6: Delete removes the directory and then the volume; Retain touches neither."""
    world.put(a_class(reclaimPolicy=policy))
    world.put(a_claim("c", class_name="fast"))
    world.run(1)
    sent = spy(world)
    world.delete("PersistentVolumeClaim", "c")
    world.run(1)
    found = volume(world)
    assert (dig(found, "status", "phase") if found else None) == phase
    assert [isinstance(action, RemoveVolume) for action in sent] == ([] if phase else [True])


def test_a_directory_that_cannot_be_removed_is_told_of_and_tried_again(world: World) -> None:
    """3.3.1: Failed, with the reason; at growing intervals, and at last it goes."""
    world.put(a_class())
    world.put(a_claim("c", class_name="fast"))
    world.run(1)
    disk = StubbornDisk(world)
    world.delete("PersistentVolumeClaim", "c")
    world.run(20)
    found = volume(world)
    assert (dig(found, "status", "phase"), dig(found, "status", "message")) == ("Failed", "disk on fire")
    assert world.events(meta.name(found or {})) == ["VolumeFailedDelete"]
    assert 3 < disk.tries < 25
    disk.is_stubborn = False
    world.run(60)
    assert volume(world) is None


def test_a_volume_that_stead_did_not_make_is_not_removed(world: World) -> None:
    world.put(a_volume("v", persistentVolumeReclaimPolicy="Delete"))
    world.put(a_claim("c"))
    world.run(1)
    sent = spy(world)
    world.delete("PersistentVolumeClaim", "c")
    world.run(60)
    assert sent == []
    assert dig(volume(world), "status", "phase") == "Failed"
    assert world.events("v") == ["VolumeFailedDelete"]


def test_a_claim_grows(world: World) -> None:
    """3.3.10"""
    world.put(a_class(allowVolumeExpansion=True))
    world.put(a_claim("c", class_name="fast"))
    world.run(1)
    world.patch("PersistentVolumeClaim", "c", {"spec": {"resources": {"requests": {"storage": "2Gi"}}}})
    seen: list[str] = []
    for _ in range(6):
        world.step()
        claim = world.get("PersistentVolumeClaim", "c") or {}
        state = "Resizing" if meta.has_condition(claim, "Resizing") else claim["status"]["capacity"]["storage"]
        seen += [state] if state not in seen[-1:] else []
    assert seen[-2:] == ["Resizing", "2Gi"]
    assert dig(volume(world), "spec", "capacity", "storage") == "2Gi"
    assert world.events("c")[-2:] == ["Resizing", "VolumeResizeSuccessful"]


# --- protection


def test_a_claim_in_use_stays(world: World) -> None:
    """3.3.7 and 3.3.8: until the last pod with a node is gone, whatever its phase."""
    world.put(a_claim("c"))
    world.pod("running", "10.0.0.1", claims=["c"])
    world.pod("done", "10.0.0.2", claims=["c"])
    world.tell("done", phase="Succeeded")
    world.run()
    world.delete("PersistentVolumeClaim", "c")
    world.run(1)
    assert world.waits_of("PersistentVolumeClaim", "c") == ["c is still used by running, done"]
    world.end_pod("running")
    world.run(1)
    assert world.get("PersistentVolumeClaim", "c") is not None
    world.end_pod("done")
    world.run(1)
    assert world.get("PersistentVolumeClaim", "c") is None


def test_a_pod_without_a_node_protects_nothing(world: World) -> None:
    """3.3.7"""
    world.put(a_claim("c"))
    world.pod("pending", claims=["c"], node="")
    world.run()
    world.delete("PersistentVolumeClaim", "c")
    world.run(1)
    assert world.get("PersistentVolumeClaim", "c") is None


def test_a_bound_volume_stays(world: World) -> None:
    """3.3.7: until its claim is gone."""
    world.put(a_volume("v"))
    world.put(a_claim("c"))
    world.run(1)
    world.delete("PersistentVolume", "v", "")
    world.run(1)
    assert world.waits_of("PersistentVolume", "v", "") == ["v is still used by claim default/c"]
    world.delete("PersistentVolumeClaim", "c")
    world.run(1)
    assert volume(world) is None


def test_other_finalizers_are_left(world: World) -> None:
    claim = a_claim("c")
    claim["metadata"]["finalizers"] = ["example.com/backup"]
    world.put(claim)
    world.run()
    world.delete("PersistentVolumeClaim", "c")
    world.run(1)
    assert meta.finalizers(world.get("PersistentVolumeClaim", "c") or {}) == ["example.com/backup"]


# --- the disk


def spy(world: World) -> list[RuntimeAction]:
    """What the runtime is told from now on."""
    sent: list[RuntimeAction] = []
    send = world.runtime.send

    def listen(action: RuntimeAction, now: Now) -> None:
        sent.append(action)
        send(action, now)

    world.runtime.send = listen  # type: ignore[method-assign]
    return sent


class StubbornDisk:
    """Answers a removal with an error as long as it is stubborn."""

    def __init__(self, world: World) -> None:
        self.is_stubborn, self.tries = True, 0
        self._take, self._send = world.runtime.take, world.runtime.send
        self._failed: list[VolumeRemoved] = []
        world.runtime.send = self.send  # type: ignore[method-assign]
        world.runtime.take = self.take  # type: ignore[method-assign]
        self._world = world

    def send(self, action: RuntimeAction, now: Now) -> None:
        self.tries += 1
        if self.is_stubborn and isinstance(action, RemoveVolume):
            self._failed.append(VolumeRemoved(action.volume, "disk on fire"))
        else:
            self._send(action, now)

    def take(self, now: Now) -> list:  # type: ignore[type-arg]
        failed, self._failed = self._failed, []
        return [*failed, *self._take(now)]
