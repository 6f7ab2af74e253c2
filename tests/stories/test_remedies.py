"""What `stead explain` says can be done truly helps: each stuck state that the spec knows, and its remedy typed.

Of a remedy only what it says is done, by a hand that knows the commands remedies are made of, and nothing else.
"""

import re
from collections.abc import Callable, Iterator

import pytest

from stead.kinds.explanation import EXPLANATION
from stead.kinds.paths import path_of
from stead.machinery.objects import Json, decode
from tests.stories.tale import Tale


def type_it(tale: Tale, remedy: str) -> None:
    """Do what the commands in a remedy say, as kubectl would."""
    commands = re.findall(r"kubectl [^;&]+", remedy)
    assert commands, f"no command in {remedy!r}"
    for command in commands:
        _, verb, *words = command.split()
        if verb == "delete":
            kind = {"pod": "Pod", "pvc": "PersistentVolumeClaim", "controllerrevision": "ControllerRevision"}[words[0]]
            for name in words[1:]:
                tale.simulation.delete(kind, name.rstrip(","))
        elif verb == "patch":
            body = re.search(r"-p '(.+)'", command)
            assert body is not None
            tale.simulation.patch("StatefulSet", words[1], decode(body[1].encode()))
        elif verb == "annotate":
            tale.simulation.patch("StatefulSet", words[1], {"metadata": {"annotations": {"any": "thing"}}})
        elif verb not in ("describe", "logs"):
            raise AssertionError(f"who would type {command!r}?")


def told(tale: Tale) -> list[tuple[str, str]]:
    """Rule and remedy of everything that `stead explain sts/web` says, from the set down."""
    answer = tale.simulation.request("GET", path_of(EXPLANATION, "default", "statefulset.web"))
    return list(_walk(decode(answer.body).get("waits", [])))


def _walk(waits: list[Json]) -> Iterator[tuple[str, str]]:
    for wait in waits:
        yield wait.get("rule", ""), wait.get("remedy", "")
        yield from _walk(wait.get("because", []))


def bad_then_good(strategy: str, **said: object) -> Tale:
    """All pods were Ready at `a`, then sicken; the template that cures them is `b`."""
    tale = Tale(strategy=strategy, readyAfter=1, **said)
    tale.settle()
    for pod in tale.uids():
        tale.do("ready", pod=pod, says=False)
    tale.run(20)
    tale.do("revise", image="b")
    tale.run(60)
    return tale


def sick_at_current_default() -> Tale:
    return bad_then_good("default")


def sick_at_current_bare() -> Tale:
    """RE-2, effect B: deleted, a pod comes back at the current revision, which is the bad one."""
    return bad_then_good("bare")


def sick_at_current_on_delete() -> Tale:
    return bad_then_good("OnDelete")


def sick_below_partition() -> Tale:
    return bad_then_good("RollingUpdate", partition=3)


def never_ready(strategy: str) -> Tale:
    """The first revision of all is bad, and a good one is asked for."""
    tale = Tale(strategy=strategy, replicas=0)
    tale.do("revise", image="a", trouble="image")
    tale.do("scale", replicas=3)
    assert tale.run(60) == "0Pa"
    tale.do("revise", image="b")
    tale.run(60)
    return tale


def first_is_bad_default() -> Tale:
    return never_ready("default")


def first_is_bad_bare() -> Tale:
    return never_ready("bare")


def forced_roll_back(strategy: str) -> Tale:
    tale = Tale(strategy=strategy)
    tale.settle()
    tale.do("revise", image="b", trouble="image")
    tale.until("0Ra 1Ra 2Pb")
    tale.do("revise", image="a")
    tale.run(60)
    return tale


def forced_roll_back_default() -> Tale:
    return forced_roll_back("default")


def forced_roll_back_bare() -> Tale:
    return forced_roll_back("bare")


def two_sick_condemned() -> Tale:
    tale = Tale(readyAfter=1)
    tale.settle()
    for pod in ("web-1", "web-2"):
        tale.do("ready", pod=pod, says=False)
    tale.run(20)
    tale.do("scale", replicas=1)
    tale.run(60)
    return tale


def leading_zero() -> Tale:
    tale = Tale(replicas=2)
    tale.do("delete-set")
    tale.run(30)
    tale.do("stray-pod", pod="web-01")
    tale.do("create-set")
    tale.run(60)
    return tale


def missing_volumes() -> Tale:
    tale = Tale(claims=["www"], replicas=1)
    tale.settle()
    tale.do("delete-set", policy="Orphan")
    tale.run(10)
    made = tale.world.manifests["web"]
    (www,) = made["spec"]["volumeClaimTemplates"]
    more = [www, {**www, "metadata": {"name": "log"}}]
    tale.simulation.apply({**made, "spec": {**made["spec"], "volumeClaimTemplates": more}})
    tale.run(60)
    return tale


def name_taken_by_a_stranger() -> Tale:
    """CL-6."""
    tale = Tale(replicas=1)
    tale.settle()
    tale.do("label-pod", pod="web-0", label="app", value="other")
    tale.run(60)
    return tale


def claim_and_nobody_says_it_has_gone() -> Tale:
    """PVC-8 with PVC-7."""
    tale = Tale(claims=["www"], whenScaled="Delete", stopAfter=2, grace=10)
    tale.settle()
    tale.do("scale", replicas=2)
    tale.run(1)
    tale.do("scale", replicas=3)
    tale.run(600)
    return tale


STUCK: list[tuple[Callable[[], Tale], str, str]] = [
    (sick_at_current_default, "RU-11", "0Rb 1Rb 2Rb"),
    (sick_at_current_bare, "RU-11", "0Rb 1Rb 2Rb"),
    (sick_at_current_on_delete, "PR-5", "0Rb 1Rb 2Rb"),
    (sick_below_partition, "PR-5", "0Rb 1Rb 2Rb"),
    (first_is_bad_default, "RU-11", "0Rb 1Rb 2Rb"),
    (first_is_bad_bare, "RU-11", "0Rb 1Rb 2Rb"),
    (forced_roll_back_default, "RU-11", "0Ra 1Ra 2Ra"),
    (forced_roll_back_bare, "RU-11", "0Ra 1Ra 2Ra"),
    (two_sick_condemned, "SD-4", "0Ra"),
    (leading_zero, "ID-3", "0Ra 1Ra"),
    (missing_volumes, "PR-7", "0Ra"),
    (name_taken_by_a_stranger, "CL-6", "0Ra"),
    (claim_and_nobody_says_it_has_gone, "PVC-7", "0Ra 1Ra 2Ra"),
]


@pytest.mark.parametrize(("stuck", "rule", "expected"), STUCK, ids=[stuck.__name__ for stuck, _, _ in STUCK])
def test_the_remedy_that_is_named_helps(stuck: Callable[[], Tale], rule: str, expected: str) -> None:
    tale = stuck()
    before = str(tale)
    assert tale.run(900) == before, "it is not stuck"
    assert told(tale)[0][0] == rule
    for _ in range(6):
        remedies = [remedy for _, remedy in told(tale) if "kubectl" in remedy]
        if str(tale) == expected or not remedies:
            break
        type_it(tale, remedies[0])
        tale.run(400)
    assert str(tale) == expected


def test_a_pod_without_a_node_comes_back_at_the_update_revision_too() -> None:
    """It is gone at once when it is deleted, before its set has counted itself anew (RE-2, effect B)."""
    tale = Tale(strategy="bare", replicas=1)
    tale.settle()
    tale.simulation.patch("Node", "stead", {"spec": {"unschedulable": True}}, "")
    tale.do("scale", replicas=2)
    assert tale.run(30) == "0Ra 1Pa"
    tale.do("revise", image="b")
    tale.run(30)
    tale.do("delete-pod", pod="web-1")
    assert tale.run(30) == "0Ra 1Pa", "RE-2 has changed: the remedy may be simpler"
    type_it(tale, told(tale)[0][1])
    assert tale.run(30) == "0Ra 1Pb"
