"""What a real 1.36 API server answered, held against the kinds: defaults of what it took, causes of what it refused."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from stead.kinds.paths import Target, target_of
from stead.kinds.registry import BUILT_IN
from stead.machinery.objects import Json

SHARED = Path(os.environ.get("STEAD_SHARED") or Path(__file__).parents[3] / "shared")
# What the server and its admission add, so that kinds cannot.
SERVER_SET = ("creationTimestamp", "generation", "managedFields", "namespace", "resourceVersion", "uid")


def steps() -> Iterator[tuple[str, Json, Json]]:
    for file in sorted((SHARED / "recordings").glob("*.json")):
        for name, conversation in json.loads(file.read_text()).items():
            for step in conversation:
                yield name, step["request"], step["answer"]


def creations(code: int) -> Iterator[Any]:
    for name, request, answer in steps():
        target = target_of(request["path"].partition("?")[0], BUILT_IN)
        is_body = isinstance(request["body"], dict) and "?" not in request["path"]
        if request["method"] == "POST" and answer["status"] == code and target and is_body and not target.subresource:
            yield pytest.param(target, request["body"], answer, id=name)


def taken_in(target: Target, body: Json) -> Json:
    return target.kind.default(without_empty(target.kind.prepare_create(target.kind.default(body))))


def without_empty(value: Any, key: str = "") -> Any:
    """What encoding decides alone (empty texts, lists and structs that are left out or kept) carries no meaning here."""
    if isinstance(value, dict):
        members = {name: without_empty(member) for name, member in value.items()}
        return {name: member for name, member in members.items() if member not in ("", None, [], {}, 0)}
    return [without_empty(item) for item in value] if isinstance(value, list) else value


ADMISSION = {
    "Pod": ("volumes", "serviceAccount", "serviceAccountName"),
    "Service": ("clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy"),
}


def comparable(obj: Json, id: str) -> Any:
    obj = dict(obj)
    obj["metadata"] = {key: value for key, value in obj["metadata"].items() if key not in SERVER_SET}
    obj.get("status", {}).pop("lastPhaseTransitionTime", None)
    if id in ADMISSION:
        obj["spec"] = {key: value for key, value in obj["spec"].items() if key not in ADMISSION[id]}
    if id == "Pod":
        obj["spec"]["containers"] = [without_token(container) for container in obj["spec"]["containers"]]
        obj["spec"]["initContainers"] = [without_token(each) for each in obj["spec"].get("initContainers", [])]
    return without_empty(obj)


def without_token(container: Json) -> Json:
    mounts = [mount for mount in container.get("volumeMounts", []) if not mount["name"].startswith("kube-api-access")]
    return {**container, "volumeMounts": mounts}


@pytest.mark.parametrize(("target", "body", "answer"), creations(201))
def test_what_was_taken_has_the_recorded_defaults(target: Target, body: Json, answer: Json) -> None:
    assert list(target.kind.validate_create(taken_in(target, body))) == []
    assert comparable(taken_in(target, body), target.kind.id) == comparable(answer["body"], target.kind.id)


@pytest.mark.parametrize(("target", "body", "answer"), creations(422))
def test_what_was_refused_has_the_recorded_causes(target: Target, body: Json, answer: Json) -> None:
    obj = target.kind.prepare_create(target.kind.default(body))
    causes = [error.cause for error in target.kind.validate_create(obj)]
    assert causes == answer["body"]["details"]["causes"]
