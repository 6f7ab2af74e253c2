"""Claims and volumes that look for each other (3.3)."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stead.kinds.claimfit import fits
from stead.machinery import meta
from stead.machinery.objects import Json, dig
from stead.machinery.plan import Refused
from tests.controllers.world import World, a_claim, a_class, a_node, a_pod, a_volume


@pytest.fixture
def world() -> World:
    return World("binder")


def volume_of(world: World, claim: str) -> str | None:
    """The volume a Bound claim has; None where it is not Bound."""
    found = world.get("PersistentVolumeClaim", claim) or {}
    return found["spec"].get("volumeName") if dig(found, "status", "phase") == "Bound" else None


def claim_phase(world: World, name: str) -> str:
    return str(dig(world.get("PersistentVolumeClaim", name), "status", "phase"))


def volume_phase(world: World, name: str) -> str:
    return str(dig(world.get("PersistentVolume", name, ""), "status", "phase"))


FITTING: dict[str, tuple[Json, list[Json], str | None]] = {
    "the only one": (a_claim("c"), [a_volume("v")], "v"),
    "the smallest that is large enough": (
        a_claim("c", "2Gi"),
        [a_volume("v5", "5Gi"), a_volume("v1", "1Gi"), a_volume("v3", "3Gi")],
        "v3",
    ),
    "none is large enough": (a_claim("c", "2Gi"), [a_volume("v", "1Gi")], None),
    "all access modes": (
        a_claim("c", accessModes=["ReadWriteOnce", "ReadOnlyMany"]),
        [a_volume("v1"), a_volume("v2", accessModes=["ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce"])],
        "v2",
    ),
    "the same class": (
        a_claim("c", class_name="fast"),
        [a_volume("v1"), a_volume("v2", storageClassName="fast")],
        "v2",
    ),
    "no class is a class": (a_claim("c"), [a_volume("v", storageClassName="fast")], None),
    "the same mode": (
        a_claim("c", volumeMode="Block"),
        [a_volume("v1"), a_volume("v2", volumeMode="Block")],
        "v2",
    ),
    "selected by label": (
        a_claim("c", selector={"matchLabels": {"disk": "red"}}),
        [a_volume("v1"), a_volume("v2", labels={"disk": "red"})],
        "v2",
    ),
    "kept for it, though larger and of another class": (
        a_claim("c"),
        [a_volume("v1"), a_volume("v9", "9Gi", claim="c", storageClassName="fast")],
        "v9",
    ),
    "kept for it, but too small": (a_claim("c", "2Gi"), [a_volume("v", claim="c")], None),
    "kept for another": (a_claim("c"), [a_volume("v", claim="d")], None),
    "named by it": (a_claim("c", volumeName="v5"), [a_volume("v1"), a_volume("v5", "5Gi")], "v5"),
    "named by it, but too small": (a_claim("c", "2Gi", volumeName="v"), [a_volume("v")], None),
    "named by it and kept for it": (a_claim("c", "2Gi", volumeName="v"), [a_volume("v", claim="c")], "v"),
    "named by it and kept for another": (a_claim("c", volumeName="v"), [a_volume("v", claim="d")], None),
}


@pytest.mark.parametrize(("claim", "volumes", "expected"), FITTING.values(), ids=FITTING)
@pytest.mark.parametrize("is_claim_first", [True, False])
def test_which_volume(
    world: World, claim: Json, volumes: list[Json], expected: str | None, *, is_claim_first: bool
) -> None:
    """3.3.2"""
    for together in ([claim], volumes) if is_claim_first else (volumes, [claim]):
        for obj in together:
            world.put(obj)
        world.run()
    world.run(1)
    assert volume_of(world, "c") == expected
    assert claim_phase(world, "c") == ("Bound" if expected else "Pending")
    for volume in world.all("PersistentVolume", ""):
        is_taken = meta.name(volume) == expected
        assert volume_phase(world, meta.name(volume)) == ("Bound" if is_taken else "Available")


def test_both_sides_are_written(world: World) -> None:
    """3.3.1"""
    world.put(a_volume("v", "5Gi"))
    claim = world.put(a_claim("c"))
    world.run(1)
    bound, volume = world.get("PersistentVolumeClaim", "c"), world.get("PersistentVolume", "v", "")
    assert meta.annotations(bound) == {
        "pv.kubernetes.io/bind-completed": "yes",
        "pv.kubernetes.io/bound-by-controller": "yes",
    }
    assert bound["status"] == {"phase": "Bound", "accessModes": ["ReadWriteOnce"], "capacity": {"storage": "5Gi"}}
    assert meta.annotations(volume) == {"pv.kubernetes.io/bound-by-controller": "yes"}
    reference = volume["spec"]["claimRef"]
    assert (reference["kind"], reference["namespace"], reference["name"]) == ("PersistentVolumeClaim", "default", "c")
    assert reference["uid"] == meta.uid(claim)


def test_what_a_person_chose_is_not_marked_as_the_controllers_choice(world: World) -> None:
    world.put(a_volume("v", claim="c"))
    world.put(a_claim("c", volumeName="v"))
    world.run(1)
    assert "pv.kubernetes.io/bound-by-controller" not in meta.annotations(world.get("PersistentVolumeClaim", "c"))
    assert meta.annotations(world.get("PersistentVolume", "v", "")) == {}
    assert volume_of(world, "c") == "v"


def test_two_claims_never_get_one_volume(world: World) -> None:
    """Both see it free in the same step; who writes the claimRef first has it, the other has written nothing."""
    world.put(a_volume("v1"))
    world.put(a_volume("v2"))
    world.run()
    world.put(a_claim("a"))
    world.put(a_claim("b"))
    world.step()
    world.step()
    assert sorted(filter(None, (volume_of(world, "a"), volume_of(world, "b")))) in (["v1"], ["v2"], ["v1", "v2"])
    world.run(1)
    assert sorted(filter(None, (volume_of(world, "a"), volume_of(world, "b")))) == ["v1", "v2"]


def test_a_claim_whose_write_was_refused_binds_later(world: World) -> None:
    world.put(a_volume("v"))
    world.run()
    world.put(a_claim("c"))
    refusals = iter([Refused("Timeout")] * 3)
    world.refuse = lambda controller, action: next(refusals, None)
    world.run(10)
    assert volume_of(world, "c") == "v"


def test_a_claim_that_is_gone_leaves_its_volume_released(world: World) -> None:
    """3.3.6: and nobody gets it, not even a new claim of that name, until a person edits the claimRef."""
    world.put(a_volume("v"))
    world.put(a_claim("c"))
    world.run(1)
    world.patch("PersistentVolumeClaim", "c", {"metadata": {"finalizers": None}})
    world.delete("PersistentVolumeClaim", "c")
    world.run(1)
    assert volume_phase(world, "v") == "Released"
    world.put(a_claim("c"))
    world.run(1)
    assert (volume_phase(world, "v"), volume_of(world, "c")) == ("Released", None)
    world.patch("PersistentVolume", "v", {"spec": {"claimRef": None}}, "")
    world.run(1)
    assert (volume_phase(world, "v"), volume_of(world, "c")) == ("Bound", "v")


def test_a_claim_without_its_volume_is_lost(world: World) -> None:
    """3.3.1 and 3.3.4; it is found again with the volume."""
    world.put(a_volume("v", claim="c"))
    world.put(a_claim("c"))
    world.run(1)
    world.patch("PersistentVolume", "v", {"metadata": {"finalizers": None}}, "")
    world.delete("PersistentVolume", "v", "")
    world.run(1)
    assert (claim_phase(world, "c"), world.events("c")) == ("Lost", ["ClaimLost"])
    world.put(a_volume("v"))
    world.run(1)
    assert (claim_phase(world, "c"), volume_of(world, "c")) == ("Bound", "v")


def test_a_claim_whose_volume_is_anothers_is_misbound(world: World) -> None:
    """3.3.4"""
    world.put(a_volume("v"))
    first = world.put(a_claim("first"))
    world.run(1)
    stolen = a_claim("second", volumeName="v")
    stolen["metadata"]["annotations"] = {"pv.kubernetes.io/bind-completed": "yes"}
    world.put(stolen)
    world.run(1)
    assert (claim_phase(world, "second"), world.events("second")) == ("Lost", ["ClaimMisbound"])
    assert world.get("PersistentVolume", "v", "")["spec"]["claimRef"]["uid"] == meta.uid(first)


TOLD: dict[str, tuple[Json, list[Json], str, str]] = {
    "no class": (
        a_claim("c"),
        [],
        "FailedBinding",
        "no persistent volumes available for this claim and no storage class is set",
    ),
    "no such class": (
        a_claim("c", class_name="fast"),
        [],
        "ProvisioningFailed",
        'storageclass.storage.k8s.io "fast" not found',
    ),
    "nobody provisions": (
        a_claim("c", class_name="fast"),
        [a_class(provisioner="kubernetes.io/no-provisioner")],
        "ProvisioningFailed",
        "no volume plugin matched name: kubernetes.io/no-provisioner",
    ),
    "somebody else provisions": (
        a_claim("c", class_name="fast"),
        [a_class(provisioner="example.com/disks")],
        "ExternalProvisioning",
        "Waiting for a volume to be created either by the external provisioner 'example.com/disks' or manually by the "
        "system administrator. If volume creation is delayed, please verify that the provisioner is running and "
        "correctly registered.",
    ),
    "late": (
        a_claim("c", class_name="fast"),
        [a_class(volumeBindingMode="WaitForFirstConsumer")],
        "WaitForFirstConsumer",
        "waiting for first consumer to be created before binding",
    ),
    "late, with a pod": (
        a_claim("c", class_name="fast"),
        [a_class(volumeBindingMode="WaitForFirstConsumer"), a_pod("web-0", claims=["c"])],
        "WaitForPodScheduled",
        "waiting for pod web-0 to be scheduled",
    ),
    "the volume it names is too small": (
        a_claim("c", "2Gi", volumeName="v"),
        [a_volume("v")],
        "VolumeMismatch",
        'Cannot bind to requested volume "v": requested PV is too small',
    ),
    "the volume it names is another's": (
        a_claim("c", volumeName="v"),
        [a_volume("v", claim="d")],
        "FailedBinding",
        'volume "v" already bound to a different claim.',
    ),
    "the volume it names has another mode": (
        a_claim("c", volumeName="v", volumeMode="Block"),
        [a_volume("v")],
        "VolumeMismatch",
        'Cannot bind to requested volume "v": incompatible volumeMode',
    ),
}


@pytest.mark.parametrize(("claim", "others", "reason", "message"), TOLD.values(), ids=TOLD)
def test_why_a_claim_waits(world: World, claim: Json, others: list[Json], reason: str, message: str) -> None:
    """3.3.4"""
    for other in others:
        world.put(other)
    world.put(claim)
    world.run()
    assert (world.events("c"), world.messages("c")) == ([reason], [message])
    assert message.rstrip(".") in world.waits_of("PersistentVolumeClaim", "c") or reason == "ExternalProvisioning"
    before = len(world.rounds)
    world.run(600)
    assert len(world.rounds) == before


def test_an_outside_provisioner_finds_its_mark(world: World) -> None:
    """3.3.1: both annotations, the older one too."""
    world.put(a_class(provisioner="example.com/disks"))
    world.put(a_claim("c", class_name="fast"))
    world.run()
    marks = meta.annotations(world.get("PersistentVolumeClaim", "c"))
    assert marks["volume.kubernetes.io/storage-provisioner"] == "example.com/disks"
    assert marks["volume.beta.kubernetes.io/storage-provisioner"] == "example.com/disks"


def test_a_late_claim_takes_no_volume_before_its_node_is_known(world: World) -> None:
    """3.3.3: then one that the node reaches."""
    world.put(a_node("n1", {"kubernetes.io/hostname": "n1"}))
    world.put(a_class(provisioner="kubernetes.io/no-provisioner", volumeBindingMode="WaitForFirstConsumer"))
    for name in ("n0", "n1", "n2"):
        terms = [{"matchExpressions": [{"key": "kubernetes.io/hostname", "operator": "In", "values": [name]}]}]
        affinity = {"required": {"nodeSelectorTerms": terms}}
        world.put(a_volume(f"on-{name}", storageClassName="fast", nodeAffinity=affinity))
    world.put(a_claim("c", class_name="fast"))
    world.run(1)
    assert claim_phase(world, "c") == "Pending"
    mark = {"metadata": {"annotations": {"volume.kubernetes.io/selected-node": "n1"}}}
    world.patch("PersistentVolumeClaim", "c", mark)
    world.run(1)
    assert volume_of(world, "c") == "on-n1"


def test_a_late_claim_takes_what_is_kept_for_it_at_once(world: World) -> None:
    world.put(a_class(volumeBindingMode="WaitForFirstConsumer"))
    world.put(a_volume("v", claim="c", storageClassName="fast"))
    world.put(a_claim("c", class_name="fast"))
    world.run(1)
    assert volume_of(world, "c") == "v"


@pytest.mark.parametrize(("class_name", "expected"), [(None, "newer"), ("", None), ("other", "other")])
def test_a_default_class_is_given_to_claims_that_say_nothing(
    world: World, class_name: str | None, expected: str | None
) -> None:
    """3.3.5: also to those that were there before it; the newest of several."""
    world.put(a_claim("c", class_name=class_name))
    world.put(a_class("older", is_default=True))
    world.jump(5)
    world.put(a_class("newer", is_default=True))
    world.run(1)
    assert world.get("PersistentVolumeClaim", "c")["spec"].get("storageClassName") == (expected or class_name)


def test_a_claim_that_says_nothing_takes_a_volume_without_class_first(world: World) -> None:
    world.put(a_volume("v"))
    world.run()
    world.put(a_claim("c", class_name=None))
    world.run(1)
    assert volume_of(world, "c") == "v"


def test_a_volume_whose_claim_went_elsewhere_is_free_again(world: World) -> None:
    """It was kept for the claim by a person; the claim named another."""
    world.put(a_claim("c", volumeName="v"))
    world.put(a_volume("v"))
    world.run(1)
    claim = world.get("PersistentVolumeClaim", "c")
    kept = a_volume("spare", claim="c")
    kept["spec"]["claimRef"]["uid"] = meta.uid(claim or {})
    world.put(kept)
    world.run(1)
    spare = world.get("PersistentVolume", "spare", "")
    assert "uid" not in spare["spec"]["claimRef"]
    assert volume_phase(world, "spare") == "Available"


CLAIMS = st.lists(st.tuples(st.integers(1, 4), st.sampled_from(["", "a", "b"]), st.booleans()), max_size=7)
VOLUMES = st.lists(st.tuples(st.integers(1, 4), st.sampled_from(["", "a", "b"]), st.booleans()), max_size=7)


def _modes(has_both: bool) -> list[str]:
    return ["ReadWriteOnce", "ReadOnlyMany"] if has_both else ["ReadWriteOnce"]


@settings(max_examples=60, deadline=None)
@given(CLAIMS, VOLUMES, st.randoms(use_true_random=False), st.integers(0, 3))
def test_whatever_comes_in_whatever_order(claims: list[Any], volumes: list[Any], chance: Any, refusals: int) -> None:
    """A volume never has two claims; no claim waits while a volume that fits it is free; both sides agree."""
    world = World("binder")
    todo = [
        a_claim(f"c{n}", f"{size}Gi", class_name=name, accessModes=_modes(m))
        for n, (size, name, m) in enumerate(claims)
    ]
    todo += [
        a_volume(f"v{n}", f"{size}Gi", storageClassName=name, accessModes=_modes(m))
        for n, (size, name, m) in enumerate(volumes)
    ]
    chance.shuffle(todo)
    world.refuse = lambda controller, action: Refused("Timeout") if chance.randrange(10) < refusals else None
    for obj in todo:
        world.put(obj)
        if chance.random() < 0.5:
            world.step()
    world.run(5)
    world.refuse = lambda controller, action: None
    world.run(2000)
    found = world.all("PersistentVolumeClaim")
    bound = [claim for claim in found if claim["status"]["phase"] == "Bound"]
    taken = [claim["spec"]["volumeName"] for claim in bound]
    assert len(taken) == len(set(taken))
    for volume in world.all("PersistentVolume", ""):
        owner = next((claim for claim in bound if claim["spec"]["volumeName"] == meta.name(volume)), None)
        assert dig(volume, "spec", "claimRef", "uid") == (meta.uid(owner) if owner else None)
        assert dig(volume, "status", "phase") == ("Bound" if owner else "Available")
        assert not any(fits(volume, claim) for claim in found if claim not in bound)
