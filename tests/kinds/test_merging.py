"""Patches on real kinds: what the recorded server made of them (smp.json, jsonpatch.json, merge-* in others.json)."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from stead.kinds import types
from stead.machinery.patches import PatchError, json_patch, merge_patch, strategic_merge

SHARED = Path(os.environ.get("STEAD_SHARED") or Path(__file__).parents[3] / "shared")
SHAPE = types.shape_of("apps.v1.StatefulSet")
MERGES = {
    "application/json-patch+json": json_patch,
    "application/merge-patch+json": merge_patch,
    "application/strategic-merge-patch+json": lambda obj, patch: strategic_merge(obj, patch, SHAPE),
}


def recorded() -> list[tuple[str, Any, Any, Any]]:
    """Name, object before, request and answer of every recorded patch of a set."""
    found = []
    for file in ("smp.json", "jsonpatch.json", "others.json"):
        path = SHARED / "recordings" / file
        for name, steps in json.loads(path.read_text()).items() if path.exists() else ():
            first, last = steps[0], steps[-1]
            if last["request"]["method"] == "PATCH" and last["request"]["path"].endswith("/statefulsets/web"):
                found.append((name, first["answer"]["body"], last["request"], last["answer"]))
    return found


CASES = recorded()


def contains(found: Any, wanted: Any) -> bool:
    """Whether all of `found` is in `wanted`, which has defaults besides."""
    if isinstance(wanted, dict):
        return isinstance(found, dict) and all(key in wanted and contains(found[key], wanted[key]) for key in found)
    if isinstance(wanted, list):
        return len(found) == len(wanted) and all(map(contains, found, wanted))
    return bool(found == wanted)


@pytest.mark.skipif(not CASES, reason="no recordings beside the checkout")
@pytest.mark.parametrize("before, request_, answer", [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_recorded_patch(before: Any, request_: Any, answer: Any) -> None:
    merge, patch = MERGES[request_["headers"]["Content-Type"]], request_["body"]
    if answer["status"] == 422 and "causes" not in answer["body"]["details"]:
        with pytest.raises(PatchError) as raised:
            merge(before, patch)
        assert raised.value.code == 422
    elif answer["status"] == 200 and not isinstance(patch, str):
        merged = merge(before, patch)
        assert contains(merged["spec"], answer["body"]["spec"])
        assert (merged["metadata"].get("labels") or None) == answer["body"]["metadata"].get("labels")
