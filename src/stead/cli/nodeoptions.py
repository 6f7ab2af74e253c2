"""How many nodes, in which zones, and how long their silence is borne: what `up` and `simulate` ask alike."""

import argparse
import re
from typing import Any

from stead.cluster.roster import Roster
from stead.kinds.syntax import label_value_faults
from stead.machinery import quantity
from stead.runtimes.imagegc import Limits

ALONE = Roster()
MOST_NODES = 200
SHORTEST_GRACE, LONGEST = 2.0, 86_400
DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h)?$")
UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, None: 1}


def add_nodes(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--nodes", metavar="N", type=int, default=None, help="how many nodes (as many as the data directory has, or 1)"
    )
    parser.add_argument(
        "--zones", metavar="LIST", default=None, help="zones for the nodes in turn, comma-separated (none)"
    )
    for name, like in (("cpu", "2 or 500m"), ("memory", "4Gi")):
        told = f"how much {name} each node offers to pods, like {like}; a list is given to them in turn (the machine's)"
        parser.add_argument(f"--node-{name}", metavar="LIST", default=None, help=told)
    parser.add_argument(
        "--node-monitor-grace-period",
        metavar="DURATION",
        default="50s",
        help="how long a node may be silent before it is Unknown (50s)",
    )
    for trouble in ("not-ready", "unreachable"):
        parser.add_argument(
            f"--default-{trouble}-toleration-seconds",
            metavar="SECONDS",
            type=int,
            default=300,
            help=f"how long pods that say nothing stay on a node that is {trouble} (300)",
        )


def add_image_gc(parser: argparse.ArgumentParser) -> None:
    for name, percent, told in (("high", 85, "above which unused images go"), ("low", 80, "down to which they go")):
        parser.add_argument(
            f"--image-gc-{name}-threshold",
            metavar="PERCENT",
            type=int,
            default=percent,
            help=f"how full the disk of the images may be, {told} ({percent})",
        )
    parser.add_argument(
        "--minimum-image-ttl-duration",
        metavar="DURATION",
        default="2m",
        help="how long an image is kept that nobody uses (2m)",
    )


def image_gc(parsed: argparse.Namespace) -> Limits:
    """Raises ValueError."""
    match = DURATION.fullmatch(parsed.minimum_image_ttl_duration)
    if match is None:
        told = "a number of seconds, or 300ms, 90s, 2m, 1h"
        raise ValueError(f"--minimum-image-ttl-duration {parsed.minimum_image_ttl_duration}: {told}")
    seconds = float(match[1]) * UNITS[match[2]]
    return Limits(parsed.image_gc_high_threshold, parsed.image_gc_low_threshold, seconds)


def asked(parsed: argparse.Namespace, kept: Roster = ALONE) -> dict[str, Any]:
    """The fields of a Config; `kept` is what holds where nothing is said. Raises ValueError."""
    nodes = kept.count if parsed.nodes is None else parsed.nodes
    if not 1 <= nodes <= MOST_NODES:
        raise ValueError(f"--nodes {nodes}: 1 to {MOST_NODES}")
    return {
        "node_count": nodes,
        "zones": kept.zones if parsed.zones is None else _zones(parsed.zones),
        "node_cpu": kept.cpu if parsed.node_cpu is None else _amounts("cpu", parsed.node_cpu),
        "node_memory": kept.memory if parsed.node_memory is None else _amounts("memory", parsed.node_memory),
        "node_monitor_grace_seconds": _grace(parsed.node_monitor_grace_period),
        "not_ready_toleration_seconds": _patience(parsed, "not-ready"),
        "unreachable_toleration_seconds": _patience(parsed, "unreachable"),
    }


def _amounts(name: str, text: str) -> tuple[str, ...]:
    found = tuple(word.strip() for word in text.split(",") if word.strip())
    for word in found:
        try:
            is_some = quantity.parse(word) > quantity.ZERO
        except ValueError as error:
            raise ValueError(f"--node-{name} {word}: {error}") from error
        if not is_some:
            raise ValueError(f"--node-{name} {word}: more than nothing, like {'2 or 500m' if name == 'cpu' else '4Gi'}")
    return tuple(map(quantity.canonical, found))


def _zones(text: str) -> tuple[str, ...]:
    found = tuple(name.strip() for name in text.split(",") if name.strip())
    for name in found:
        if faults := label_value_faults(name):
            raise ValueError(f"--zones: {name!r} cannot be a label's value: {faults[0]}")
    return found


def _grace(text: str) -> float:
    match = DURATION.match(text)
    seconds = float(match[1]) * UNITS[match[2]] if match else -1.0
    if not SHORTEST_GRACE <= seconds <= LONGEST:
        raise ValueError(f"--node-monitor-grace-period {text}: a duration like 50s or 1m, from 2s to 24h")
    return seconds


def _patience(parsed: argparse.Namespace, trouble: str) -> int:
    seconds = int(getattr(parsed, f"default_{trouble.replace('-', '_')}_toleration_seconds"))
    if not 0 <= seconds <= LONGEST:
        raise ValueError(f"--default-{trouble}-toleration-seconds {seconds}: 0 to {LONGEST}")
    return seconds
