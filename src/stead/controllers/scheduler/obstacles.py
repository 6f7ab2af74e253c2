"""What speaks against a node, and what is told of a pod that no node will do for (3.4)."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from stead.machinery.objects import Json, dig

NO_DEVICES = "no new claims to deallocate"  # what upstream says first: it might free a device
UNKNOWN = "not found"  # what it says instead where the pod's claims are wrong, and nothing of preemption
NO_VICTIMS = "No preemption victims found for incoming pod"
NO_HELP = "Preemption is not helpful for scheduling"
NEVER = "not eligible due to preemptionPolicy=Never."


class Obstacle(NamedTuple):
    """`words` are upstream's. `is_lasting`: it would stay if other pods went."""

    words: str
    is_lasting: bool = True


def told(pod: Json, nodes: Sequence[Sequence[Obstacle]]) -> str:
    """The message of a pod with the obstacles of every node, counted; then what driving out others would give."""
    reasons = [obstacle.words for node in nodes for obstacle in node]
    return f"{_counted(len(nodes), reasons)} {NO_DEVICES}, {_preemption(pod, nodes)}"


def told_of_all(count: int, why: str) -> str:
    """The same where one thing speaks against all nodes before any is looked at."""
    return f"0/{count} nodes are available: {why}. {UNKNOWN}"


def _preemption(pod: Json, nodes: Sequence[Sequence[Obstacle]]) -> str:
    """Nobody is ever driven out to make room; where upstream would not either, it says so in these words."""
    if dig(pod, "spec", "preemptionPolicy") == "Never":
        return f"preemption: {NEVER}"
    words = [NO_HELP if any(one.is_lasting for one in node) else NO_VICTIMS for node in nodes]
    return f"preemption: {_counted(len(nodes), words)}"


def _counted(count: int, reasons: Iterable[str]) -> str:
    told = sorted(f"{times} {words}" for words, times in Counter(reasons).items())
    return f"0/{count} nodes are available: {', '.join(told)}."
