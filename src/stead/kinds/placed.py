"""Pods by their node, folded forward from events: an index for everyone who asks who lives where."""

import re
from collections.abc import Mapping

from stead.machinery.keys import Key
from stead.machinery.objects import Json, dig

_TAIL = re.compile(r"\. (?:no new claims to deallocate|plugin disabled|preemption:|not found$)")


class Placed:
    """A pod without a node is nowhere in here."""

    kinds: tuple[str, ...] = ("Pod",)

    def __init__(self) -> None:
        self._on: dict[str, dict[Key, Json]] = {}

    def on(self, node: str) -> Mapping[Key, Json]:
        """The pods of a node, whatever their phase."""
        return self._on.get(node, {})

    def apply(self, key: Key, old: Json | None, new: Json | None) -> None:
        if key.kind != "Pod":
            return
        before, after = node_of(old), node_of(new)
        if before and before != after:
            pods = self._on[before]
            del pods[key]
            if not pods:
                del self._on[before]
        if after and new is not None:
            self._on.setdefault(after, {})[key] = new


def why_unplaced(message: str) -> str:
    """What a scheduler says of the nodes, without what follows of claims of devices and of driving out others."""
    return _TAIL.split(message, maxsplit=1)[0].rstrip(".")


def node_of(pod: Json | None) -> str:
    """The name of the pod's node, "" for none."""
    return str(dig(pod, "spec", "nodeName", default=""))
