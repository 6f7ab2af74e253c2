"""Manifests of apps/v1beta1 and apps/v1beta2 are still read, and their writers told what to write today.

Such versions are not served: discovery does not tell of them, and what comes back is apps/v1.
"""

from collections.abc import Callable, Mapping
from typing import Any

from stead.api.core import Call
from stead.machinery.objects import Json, dig

TODAY = "apps/v1"
OLD = ("apps/v1beta1", "apps/v1beta2")
KINDS = ("StatefulSet", "ControllerRevision")
PLURALS = ("statefulsets", "controllerrevisions")


def path_today(path: str) -> str:
    """The path in apps/v1 of a path in an older version, any other path as it is."""
    for old in OLD:
        prefix = f"/apis/{old}/"
        if path.startswith(prefix) and any(f"/{plural}" in path for plural in PLURALS):
            return f"/apis/{TODAY}/{path[len(prefix) :]}"
    return path


def read(obj: Json, call: Call) -> Json:
    """An object of an older version as apps/v1 has it, with a warning; any other object as it is."""
    version, kind = obj.get("apiVersion"), obj.get("kind")
    if (version, kind) == ("policy/v1beta1", "Eviction"):  # the one older body that 1.36 itself still takes
        return {**obj, "apiVersion": "policy/v1"}
    if version not in OLD or kind not in KINDS:
        return obj
    made: Json = {**obj, "apiVersion": TODAY}
    filled: list[str] = []
    if kind == "StatefulSet" and isinstance(obj.get("spec"), Mapping):
        for fill in FILLS[str(version)]:
            made = fill(made, filled)
    said = f"; write {' and '.join(filled)} as well, which {TODAY} does not fill in so" if filled else ""
    call.warn([f"{version} {kind} is no longer served: write apiVersion {TODAY}{said}"])
    return made


def _with_selector(obj: Json, filled: list[str]) -> Json:
    """Formerly a set without a selector selected what its template makes."""
    labels = dig(obj, "spec", "template", "metadata", "labels")
    if obj["spec"].get("selector") is not None or not labels:
        return obj
    filled.append("spec.selector")
    return _with(obj, "selector", {"matchLabels": labels})


def _with_strategy(obj: Json, filled: list[str]) -> Json:
    """Formerly a set without a strategy waited for its pods to be deleted."""
    if dig(obj, "spec", "updateStrategy", "type"):
        return obj
    filled.append("spec.updateStrategy.type OnDelete")
    return _with(obj, "updateStrategy", {"type": "OnDelete"})


def _with(obj: Json, field: str, value: Any) -> Json:
    return {**obj, "spec": {**obj["spec"], field: value}}


Fill = Callable[[Json, list[str]], Json]
FILLS: Mapping[str, tuple[Fill, ...]] = {"apps/v1beta1": (_with_selector, _with_strategy), "apps/v1beta2": ()}
