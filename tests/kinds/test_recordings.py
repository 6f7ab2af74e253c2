"""What a real 1.36 API server answered, held against the kinds: defaults of what it took, causes of what it refused."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from stead.kinds import decoding
from stead.kinds.paths import Target, target_of
from stead.kinds.registry import BUILT_IN
from stead.machinery import errors, patches
from stead.machinery.objects import Json

SHARED = Path(os.environ.get("STEAD_SHARED") or Path(__file__).parents[3] / "shared")
# What the server and its admission add, so that kinds cannot.
SERVER_SET = ("creationTimestamp", "finalizers", "generation", "managedFields", "namespace", "resourceVersion", "uid")
ADMISSION = {
    "Pod": ("volumes", "serviceAccount", "serviceAccountName", "tolerations", "priority", "preemptionPolicy"),
    "Service": ("clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy"),
}


def steps() -> Iterator[tuple[str, Json, Json]]:
    for file in sorted((SHARED / "recordings").glob("*.json")):
        for name, conversation in json.loads(unmarked(file.read_text())).items():
            for step in conversation:
                yield name, step["request"], step["answer"]


def unmarked(recording: str) -> str:
    """What differs from run to run is marked in recordings; any such value does here."""
    return recording.replace("{ns}", "ns").replace("<time>", "2026-11-22T18:00:00Z").replace("<random>", "abcde")


def creations(code: int) -> list[Any]:
    found = []
    for name, request, answer in steps():
        target = target_of(request["path"].partition("?")[0], BUILT_IN)
        is_body = isinstance(request["body"], dict) and "?" not in request["path"]
        if request["method"] == "POST" and answer["status"] == code and target and is_body and not target.subresource:
            found.append(pytest.param(target, request["body"], answer, id=name))
    return found


def taken_in(target: Target, body: Json) -> Json:
    kind = target.kind
    obj = kind.default(decoding.canonical(kind.type, {"apiVersion": kind.api_version, "kind": kind.name, **body}))
    return kind.prepare_create(obj)


def comparable(obj: Json, id: str) -> Any:
    obj = dict(obj)
    obj["metadata"] = {key: value for key, value in obj["metadata"].items() if key not in SERVER_SET}
    obj.get("status", {}).pop("lastPhaseTransitionTime", None)
    if id in ADMISSION:
        obj["spec"] = {key: value for key, value in obj["spec"].items() if key not in ADMISSION[id]}
    if id == "Pod":
        for list_ in {"containers", "initContainers"} & obj["spec"].keys():
            obj["spec"][list_] = [without_token(container) for container in obj["spec"][list_]]
    return obj


def without_token(container: Json) -> Json:
    mounts = [mount for mount in container.get("volumeMounts", []) if not mount["name"].startswith("kube-api-access")]
    return {
        **{key: value for key, value in container.items() if key != "volumeMounts"},
        **({"volumeMounts": mounts} if mounts else {}),
    }


@pytest.mark.parametrize(("target", "body", "answer"), creations(201))
def test_what_was_taken_has_the_recorded_defaults(target: Target, body: Json, answer: Json) -> None:
    obj = taken_in(target, body)
    assert list(target.kind.validate_create(obj)) == []
    assert comparable(obj, target.kind.id) == comparable(answer["body"], target.kind.id)


@pytest.mark.parametrize(("target", "body", "answer"), creations(201))
def test_taking_in_what_was_answered_changes_nothing(target: Target, body: Json, answer: Json) -> None:
    """D-5: a default is laid once; the second time everything is there."""
    kind = target.kind
    assert kind.default(decoding.canonical(kind.type, answer["body"])) == answer["body"]


@pytest.mark.parametrize(("target", "body", "answer"), creations(422))
def test_what_was_refused_has_the_recorded_causes(target: Target, body: Json, answer: Json) -> None:
    obj = taken_in(target, body)
    refusal = errors.invalid(
        target.kind.name, target.kind.group, obj["metadata"].get("name", ""), target.kind.validate_create(obj)
    )
    assert refusal.status()["details"]["causes"] == answer["body"]["details"]["causes"]
    assert refusal.message == answer["body"]["message"]


def changes(code: int) -> list[Any]:
    """Every recorded PUT or merge patch of an object, with the object as it was last seen."""
    found = []
    seen: dict[str, Json] = {}
    for name, request, answer in steps():
        path = request["path"].partition("?")[0]
        target = target_of(path, BUILT_IN)
        if target is None or "?" in request["path"]:
            continue
        is_change = request["method"] in ("PUT", "PATCH") and not _is_patching_alone(request)
        if answer["status"] == code and is_change and path.partition("/status")[0] in seen:
            found.append(pytest.param(name, target, request, seen[path.partition("/status")[0]], answer, id=name))
        is_object = isinstance(answer["body"], dict) and answer["body"].get("kind") == target.kind.name
        if answer["status"] in (200, 201) and is_object:
            own = answer["body"]["metadata"].get("name", "")
            seen[f"{path}/{own}" if request["method"] == "POST" else path.partition("/status")[0]] = answer["body"]
    return found


def _is_patching_alone(request: Json) -> bool:
    """A patch that does not apply is refused before any kind is asked: `tests/conversations` holds those."""
    return isinstance(request["body"], list) or "apply-patch" in request["headers"].get("Content-Type", "")


@pytest.mark.parametrize(("name", "target", "request_", "old", "answer"), changes(422))
def test_what_could_not_be_changed_has_the_recorded_causes(
    name: str, target: Target, request_: Json, old: Json, answer: Json
) -> None:
    kind, body = target.kind, request_["body"]
    sent = patches.merge_patch(old, body) if request_["method"] == "PATCH" else body
    new = kind.default(decoding.canonical(kind.type, {**sent, "metadata": {**old["metadata"], **sent["metadata"]}}))
    if target.subresource == "status":
        found = kind.validate_status(kind.prepare_status(new, old), old)
    else:
        found = kind.validate_update(kind.prepare_update(new, old), old)
    assert [error.cause for error in found] == answer["body"]["details"]["causes"]
