"""What a forecast is made of: the fields that differ between two states, and what became of an object in one change."""

from collections.abc import Iterator, Mapping
from typing import Any

from msgspec import Struct

from stead.kinds.pod import PodView
from stead.machinery import meta
from stead.machinery.objects import Json, dig

UNTOLD = ("managedFields", "resourceVersion", "generation", "creationTimestamp", "uid")
REVISION = "controller-revision-hash"


class Happening(Struct, frozen=True):
    """One thing that happens, `at` virtual seconds after the manifests were applied.

    `what`: created, deleted (asked to go), gone, Ready, restarted (a container, in place), bound. `detail` is a pod's
    revision or a claim's volume.
    """

    at: float
    kind: str
    namespace: str
    name: str
    what: str
    detail: str = ""


def differences(before: Json, after: Json) -> list[str]:
    """The fields a user sees that differ, each with its old and new value; values of Secrets are kept secret."""
    is_secret = before.get("kind") == "Secret"
    found = _differing(_visible(before), _visible(after), "")
    return [path if is_secret else f"{path}: {_short(old)} -> {_short(new)}" for path, old, new in found]


def happened(kind: str, before: Json | None, after: Json | None) -> Iterator[tuple[str, str]]:
    """(what, detail) of one change of a pod, claim or volume; see Happening."""
    obj = after or before or {}
    detail = meta.labels(obj).get(REVISION, "") if kind == "Pod" else dig(obj, "spec", "volumeName", default="")
    if before is None:
        yield "created", detail
    if after is None:
        yield "gone", detail
        return
    if meta.is_terminating(after) and not (before and meta.is_terminating(before)):
        yield "deleted", detail
    if kind == "Pod":
        yield from _of_pod(before or {}, after)
    elif kind == "PersistentVolumeClaim" and _is_bound(after) and not _is_bound(before or {}):
        yield "bound", detail


def _is_bound(claim: Json) -> bool:
    return bool(dig(claim, "status", "phase") == "Bound")


def _of_pod(before: Json, after: Json) -> Iterator[tuple[str, str]]:
    if _restarts(after) > _restarts(before):
        yield "restarted", ""
    is_ready = PodView(after).has_ready_condition and not meta.is_terminating(after)
    if is_ready and not (before and PodView(before).has_ready_condition):
        yield "Ready", ""


def _restarts(pod: Json) -> int:
    return sum(told.get("restartCount", 0) for told in dig(pod, "status", "containerStatuses", default=()))


def _visible(obj: Json) -> dict[str, Any]:
    metadata = {name: value for name, value in obj["metadata"].items() if name not in UNTOLD}
    return {**{name: value for name, value in obj.items() if name != "status"}, "metadata": metadata}


def _differing(old: Any, new: Any, path: str) -> Iterator[tuple[str, Any, Any]]:
    if old == new:
        return
    if isinstance(old, list) and isinstance(new, list):
        olds, news = _by_name(old), _by_name(new)
        if olds is None or news is None:
            yield path, old, new
            return
        for name in dict.fromkeys([*olds, *news]):
            yield from _differing(olds.get(name), news.get(name), f"{path}[{name}]")
    elif isinstance(old, Mapping) and isinstance(new, Mapping):
        for name in dict.fromkeys([*old, *new]):
            yield from _differing(old.get(name), new.get(name), f"{path}.{name}" if path else str(name))
    else:
        yield path, old, new


def _by_name(items: list[Any]) -> dict[str, Any] | None:
    """The parts of a list of named things; None where they have no names, or not each its own."""
    names = [item.get("name") if isinstance(item, Mapping) else None for item in items]
    return dict(zip(names, items, strict=True)) if all(names) and len(set(names)) == len(names) else None  # type: ignore[arg-type]


def _short(value: Any) -> str:
    text = "none" if value is None else str(value)
    return text if len(text) <= 60 else text[:57] + "..."
