"""managedFields and server-side apply on real kinds: every recorded answer's entries come out again (wire.md 3.6)."""

import json
import os
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from stead.kinds import decoding, types
from stead.machinery.apply import Conflicts, apply
from stead.machinery.managedfields import SPEC_PATHS, STATUS_PATHS, managed_after_scale, managed_after_update

RECORDINGS = Path(os.environ.get("STEAD_SHARED") or Path(__file__).parents[3] / "shared") / "recordings"
GROUPS = {"v1": "core.v1", "storage.k8s.io/v1": "storage.v1", "coordination.k8s.io/v1": "coordination.v1"}
TIME = "<time>"

pytestmark = pytest.mark.skipif(not RECORDINGS.exists(), reason="no recordings beside the checkout")


def type_of(obj: Any) -> str:
    version = obj["apiVersion"]
    return f"{GROUPS.get(version, version.replace('.k8s.io', '').replace('/', '.'))}.{obj['kind']}"


def ways(obj: Any) -> dict[str, Any]:
    name = type_of(obj)
    return {"shape": types.shape_of(name), "zero": decoding.canonical(name, {}), "api_version": obj["apiVersion"]}


def managed(obj: Any) -> Any:
    return obj["metadata"].get("managedFields")


def conversations() -> Iterator[tuple[str, list[Any]]]:
    for file in sorted(RECORDINGS.glob("*.json")):
        yield from json.loads(file.read_text()).items()


def is_written(step: Any) -> bool:
    answer = step["answer"]
    return answer["status"] in (200, 201) and step["request"]["method"] in ("POST", "PUT", "PATCH")


def asked(step: Any, name: str, default: str) -> str:
    return dict(part.split("=") for part in step["request"]["path"].partition("?")[2].split("&") if part).get(
        name, default
    )


def subresource_of(step: Any) -> str:
    last = step["request"]["path"].partition("?")[0].rpartition("/")[2]
    return last if last in ("status", "scale") else ""


# What admission or allocation add after the entry was made; nobody owns it.
ADDED_LATER = {
    "Service": [("spec", "clusterIPs"), ("spec", "ipFamilies"), ("spec", "ipFamilyPolicy")],
    "PersistentVolumeClaim": [("metadata", "finalizers")],
    "PersistentVolume": [("metadata", "finalizers")],
    "Pod": [("spec", name) for name in ("serviceAccount", "serviceAccountName", "priority", "preemptionPolicy")]
    + [("spec", "volumes"), ("status",)],
}


def before_admission(obj: Any) -> Any:
    obj = json.loads(json.dumps(obj))
    obj["metadata"].pop("managedFields", None)
    for *way, last in ADDED_LATER.get(obj["kind"], ()):
        place = obj
        for name in way:
            place = place[name]
        place.pop(last, None)
    if obj["kind"] == "Pod":
        added = ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable")
        kept = [one for one in obj["spec"].get("tolerations", ()) if one.get("key") not in added]
        obj["spec"] = {**obj["spec"], "tolerations": kept} if kept else without(obj["spec"], "tolerations")
        for container in obj["spec"]["containers"] + obj["spec"].get("initContainers", []):
            container.pop("volumeMounts", None)
    return obj


def without(obj: Any, name: str) -> Any:
    return {key: value for key, value in obj.items() if key != name}


CREATED = [
    (f"{name}-{place}", step)
    for name, steps in conversations()
    for place, step in enumerate(steps)
    if step["request"]["method"] == "POST" and is_written(step) and "spec" not in step["request"]["path"]
    if isinstance(step["answer"]["body"], dict)
    and step["answer"]["body"]["kind"] not in ("Eviction", "Binding", "Status")
]


@pytest.mark.parametrize("step", [case[1] for case in CREATED], ids=[case[0] for case in CREATED])
def test_created(step: Any) -> None:
    obj = step["answer"]["body"]
    bare = before_admission(obj)
    manager = asked(step, "fieldManager", "conversation")
    made = managed_after_update(None, bare, manager=manager, time=TIME, reset=STATUS_PATHS, **ways(obj))
    assert managed(made) == managed(obj)


def written_over() -> Iterator[tuple[str, Any, Any]]:
    """Recorded writes over an object, with the answer that showed it before."""
    for name, steps in conversations():
        for place, (first, step) in enumerate(pairwise(steps)):
            media = step["request"]["headers"].get("Content-Type", "")
            before, after = first["answer"]["body"], step["answer"]["body"]
            is_same = isinstance(before, dict) and isinstance(after, dict) and before.get("kind") == after.get("kind")
            if is_written(step) and is_same and step["request"]["method"] != "POST" and "apply" not in media:
                yield f"{name}-{place + 1}", before, step


WRITTEN = list(written_over())


@pytest.mark.parametrize("before, step", [case[1:] for case in WRITTEN], ids=[case[0] for case in WRITTEN])
def test_written_over(before: Any, step: Any) -> None:
    obj = step["answer"]["body"]
    subresource = subresource_of(step)
    bare = {**obj, "metadata": without(obj["metadata"], "managedFields")}
    made = managed_after_update(
        before,
        bare,
        manager=asked(step, "fieldManager", "conversation"),
        subresource=subresource,
        time=TIME,
        reset=SPEC_PATHS if subresource else STATUS_PATHS,
        **ways(obj),
    )
    assert managed(made) == managed(obj)


def test_scaled() -> None:
    steps = dict(conversations())["sts-scale"]
    before, after = steps[0]["answer"]["body"], steps[3]["answer"]["body"]
    bare = {**after, "metadata": without(after["metadata"], "managedFields")}
    made = managed_after_scale(before, bare, manager="conversation", api_version="apps/v1")
    assert managed(made) == managed(after)


APPLIED = [(name, steps) for name, steps in conversations() if name.startswith("apply-")]


@pytest.mark.parametrize("steps", [case[1] for case in APPLIED], ids=[case[0] for case in APPLIED])
def test_applied(steps: list[Any]) -> None:
    live = None
    for step in steps:
        request, answer = step["request"], step["answer"]
        if request["method"] == "PATCH" and answer["status"] in (200, 201, 409) and "fieldManager" in request["path"]:
            live = applied(live, request, answer, step)


def applied(live: Any, request: Any, answer: Any, step: Any) -> Any:
    """Apply as was recorded, compare, and go on from what the server stored."""
    force = asked(step, "force", "") == "true"
    given = {"manager": asked(step, "fieldManager", ""), "force": force, "time": TIME, "reset": STATUS_PATHS}
    given |= ways(request["body"])
    if answer["status"] == 409:
        with pytest.raises(Conflicts) as raised:
            apply(live, request["body"], **given)
        assert {**raised.value.status()} == answer["body"]
        return live
    made = apply(live, request["body"], **given)
    assert managed(made) == managed(answer["body"])
    assert contains(made.get("spec"), answer["body"].get("spec"))
    assert made.get("data") == answer["body"].get("data")
    return answer["body"]


def contains(found: Any, wanted: Any) -> bool:
    """Whether all of `found` that is not null is in `wanted`, which has defaults besides."""
    if isinstance(wanted, dict):
        return all(contains(value, wanted.get(key)) for key, value in (found or {}).items())
    if isinstance(wanted, list) and found:
        return len(found) == len(wanted) and all(map(contains, found, wanted))
    return bool(found == wanted)
