"""What a node's taints keep away, and what a pod tolerates (3.4 and 3.6 in around.md)."""

from collections.abc import Iterable, Iterator

from stead.machinery.objects import Json, dig

KEEPS_AWAY = ("NoSchedule", "NoExecute")
DRIVES_OUT = ("NoExecute",)


def of(node: Json | None, effects: tuple[str, ...]) -> list[Json]:
    """The node's taints of those effects."""
    return [taint for taint in dig(node, "spec", "taints", default=[]) if taint.get("effect") in effects]


def untolerated(pod: Json, taints: Iterable[Json]) -> Iterator[Json]:
    """The taints that no toleration of the pod covers."""
    return (taint for taint in taints if not any(True for _ in tolerations_of(pod, taint)))


def tolerations_of(pod: Json, taint: Json) -> Iterator[Json]:
    """The pod's tolerations that cover a taint."""
    return (found for found in dig(pod, "spec", "tolerations", default=[]) if covers(found, taint))


def covers(toleration: Json, taint: Json) -> bool:
    """An empty effect covers all effects, an empty key with Exists all taints."""
    if toleration.get("effect") not in (None, "", taint.get("effect")):
        return False
    key = toleration.get("key") or ""
    if (toleration.get("operator") or "Equal") == "Exists":
        return key in ("", taint["key"])
    return bool(key == taint["key"]) and (toleration.get("value") or "") == (taint.get("value") or "")
