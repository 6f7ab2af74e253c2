"""Events with their exact reasons and message shapes (1.11), and what a refusal keeps from happening."""

from collections.abc import Callable

import pytest

from stead.machinery import meta
from stead.machinery.keys import key_of
from stead.machinery.objects import Json, with_value, without
from stead.machinery.plan import Action, Create, Delete, Lost, Outcome, Patch, Refused, Update
from stead.testing.builders import a_claim, a_pod
from stead.testing.pictures import a_set
from tests.controllers.statefulset.scene import Scene

SET = a_set("3 claims")
Refusal = Callable[[Action], Outcome | None]


def refusing(verb: type, kind: str, reason: str = "Forbidden", name: str = "") -> Refusal:
    """Refuse one sort of action on one kind, of any name or one."""

    def refuse(action: Action) -> Outcome | None:
        if not isinstance(action, verb):
            return None
        key = action.key if isinstance(action, Delete | Patch) else key_of(action.obj["kind"], action.obj)  # type: ignore[attr-defined]
        is_meant = key.kind == kind and name in ("", key.name)
        return Refused(reason, "exceeded quota") if is_meant else None

    return refuse


UNNAMED = without(a_pod(SET, 0), "metadata", "labels", "statefulset.kubernetes.io/pod-name")
CLAIM = "PersistentVolumeClaim"
WELL = [
    ("1", "", (), ["SuccessfulCreate: Create Pod web-0 in StatefulSet web successful"]),
    (
        "1 claims",
        "",
        (),
        [
            "SuccessfulCreate: Create Claim www-web-0 Pod web-0 in StatefulSet web success",
            "SuccessfulCreate: Create Pod web-0 in StatefulSet web successful",
        ],
    ),
    ("0", "0R", (), ["SuccessfulDelete: Delete Pod web-0 in StatefulSet web successful"]),
    ("1", "0F", (), ["SuccessfulDelete: Delete Pod web-0 in StatefulSet web successful"]),
    ("1 claims", "", (UNNAMED,), ["SuccessfulUpdate: Update Pod web-0 in StatefulSet web successful"]),
    ("1", "0R", (), []),
]


@pytest.mark.parametrize(("spec", "pods", "others", "told"), WELL)
def test_what_is_told_when_all_goes_well(spec: str, pods: str, others: tuple[Json, ...], told: list[str]) -> None:
    scene = Scene(spec, pods, *others)
    scene.round()
    assert scene.told == told


CREATE, DELETE = (
    "Create Pod web-0 in StatefulSet web failed error: ",
    "Delete Pod web-0 in StatefulSet web failed error: ",
)
BADLY = [
    ("PR-9", "1", "", refusing(Create, "Pod"), [f"FailedCreate: {CREATE}exceeded quota"]),
    ("CL-4", "1", "", refusing(Create, "Pod", "AlreadyExists"), []),
    ("PR-1", "1", "0S", refusing(Delete, "Pod"), [f"FailedDelete: {DELETE}exceeded quota"]),
    (
        "PVC-3",
        "1 claims",
        "",
        refusing(Create, CLAIM),
        [
            "FailedCreate: Create Claim www-web-0 for Pod web-0 in StatefulSet web failed error: exceeded quota",
            f"FailedCreate: {CREATE}failed to create PVC www-web-0: exceeded quota",
        ],
    ),
    (
        "PVC-3",
        "1 claims",
        "",
        refusing(Create, CLAIM, "AlreadyExists"),
        [f"FailedCreate: {CREATE}failed to create PVC www-web-0: exceeded quota"],
    ),
    (
        "PVC-5",
        "1 claims",
        "0P",
        refusing(Create, CLAIM),
        ["FailedCreate: Create Claim www-web-0 for Pod web-0 in StatefulSet web failed error: exceeded quota"],
    ),
]


@pytest.mark.parametrize(("rule", "spec", "pods", "refuse", "told"), BADLY)
def test_what_is_told_when_it_goes_badly(rule: str, spec: str, pods: str, refuse: Refusal, told: list[str]) -> None:
    scene = Scene(spec, pods)
    scene.refuse = refuse
    assert scene.round().is_failed
    assert scene.told == told


def test_a_pod_that_is_gone_already_was_deleted_well() -> None:
    scene = Scene("0", "0R")
    scene.refuse = refusing(Delete, "Pod", "NotFound")
    assert not scene.round().is_failed
    assert scene.told == ["SuccessfulDelete: Delete Pod web-0 in StatefulSet web successful"]


def test_pvc_3_without_its_claim_no_pod() -> None:
    scene = Scene("1 claims")
    scene.refuse = refusing(Create, CLAIM)
    scene.round()
    assert not any(isinstance(deed, Create) and deed.obj["kind"] == "Pod" for deed in scene.deeds)


def test_pr_7_a_repair_that_is_refused_is_told_and_a_conflict_is_not() -> None:
    for reason, told in (("Invalid", 1), ("Conflict", 0)):
        scene = Scene("1 claims", "", UNNAMED)
        scene.refuse = refusing(Update, "Pod", reason)
        assert scene.round().is_failed
        assert len(scene.told) == told


def test_a_claim_whose_owner_cannot_be_set_is_an_update_that_failed() -> None:
    scene = Scene("1 claims deleted=Delete", "0R", a_claim(SET, 0))
    scene.refuse = refusing(Patch, CLAIM, "Conflict")
    assert scene.round().is_failed
    assert [text.partition(":")[0] for text in scene.told] == ["FailedUpdate"]


def test_nobody_knows_what_became_of_a_lost_action_so_the_round_failed() -> None:
    scene = Scene("1")
    scene.refuse = lambda action: Lost("connection reset") if isinstance(action, Create) else None
    assert scene.round().is_failed
    assert scene.told == [f"FailedCreate: {CREATE}connection reset"]


def test_ordered_the_first_refusal_ends_the_round() -> None:
    nameless = [with_value(a_pod(SET, i), ("metadata", "labels"), meta.labels(UNNAMED)) for i in range(2)]
    scene = Scene("2 claims", "", *nameless)
    scene.refuse = refusing(Update, "Pod", name="web-0")
    scene.round()
    assert not any(isinstance(deed, Update) for deed in scene.deeds)


def test_pr_11_a_batch_of_slow_start_runs_to_its_end_and_no_further() -> None:
    """Slots 0; 1 and 2; 3 to 6: an error in the second batch keeps the third, scale-down and roll-out from it."""
    scene = Scene("7 parallel b", "8R")
    scene.refuse = refusing(Create, "Pod", name="web-1")
    assert scene.round().is_failed
    assert str(scene) == "0Pb 2Pb 8Ra"
    assert scene.status["replicas"] == 1


def test_sd_5_slow_start_holds_for_scale_down_too() -> None:
    scene = Scene("0 parallel", "0R 1R 2R 3R")
    scene.refuse = refusing(Delete, "Pod", name="web-2")
    scene.round()
    assert str(scene) == "0Ra 1Ta 2Ra 3Ta"


def test_rv_7_a_refused_deletion_of_history_keeps_the_rest() -> None:
    scene = Scene("1 c limit=0", "0Rc")
    web = scene.get("StatefulSet", "web")
    scene.put(
        with_value(
            web, ("status", "currentRevision"), meta.labels(scene.get("Pod", "web-0"))["controller-revision-hash"]
        )
    )
    asked: list[str] = []

    def refuse(action: Action) -> Outcome | None:
        if isinstance(action, Delete):
            asked.append(action.key.name)
        return Refused("Forbidden", "no") if isinstance(action, Delete) else None

    scene.refuse = refuse
    assert scene.round().is_failed
    assert len(asked) == 1
