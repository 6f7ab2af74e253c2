"""What a node must satisfy, in the order it is asked, and which of those that do is best (3.4)."""

from collections.abc import Callable, Iterator

from stead.controllers.scheduler import requests, storage
from stead.controllers.scheduler.neighbours import PREFERRED, Neighbourhood, Spread, is_chosen
from stead.controllers.scheduler.observed import Observed
from stead.kinds import taints
from stead.kinds.nodeterms import holds
from stead.machinery import meta, quantity
from stead.machinery.objects import Json, dig

Rule = Callable[[Observed, Json], Iterator[str]]  # upstream's words for each reason against the node

HOSTNAME = "kubernetes.io/hostname"
UNSCHEDULABLE = {"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"}
SELECTED_NODE = "volume.kubernetes.io/selected-node"


def rules(neighbours: Neighbourhood) -> tuple[Rule, ...]:
    """The first rule that speaks against a node decides what is told of it."""
    return (
        _is_open,
        _is_untainted,
        _is_chosen,
        _has_ports,
        _has_room,
        storage.is_alone,
        storage.can_have_volumes,
        neighbours.is_even,
        neighbours.is_among_friends,
        neighbours.is_free_of_foes,
        neighbours.is_welcome,
    )


def against(observed: Observed, node: Json, asked: tuple[Rule, ...]) -> list[str]:
    """Why the node will not do; empty if it will."""
    for rule in asked:
        reasons = list(rule(observed, node))
        if reasons:
            return reasons
    return []


def _is_open(observed: Observed, node: Json) -> Iterator[str]:
    if dig(node, "spec", "unschedulable") and any(taints.untolerated(observed.pod, [UNSCHEDULABLE])):
        yield "node(s) were unschedulable"


def _is_untainted(observed: Observed, node: Json) -> Iterator[str]:
    """The taint of a cordoned node goes a moment after the cordon, which has a rule of its own."""
    found = [one for one in taints.of(node, taints.KEEPS_AWAY) if one["key"] != UNSCHEDULABLE["key"]]
    if any(taints.untolerated(observed.pod, found)):
        yield "node(s) had untolerated taint(s)"


def _is_chosen(observed: Observed, node: Json) -> Iterator[str]:
    if not is_chosen(observed.pod, node):
        yield "node(s) didn't match Pod's node affinity/selector"


def _has_ports(observed: Observed, node: Json) -> Iterator[str]:
    wanted = requests.host_ports(observed.pod)
    taken = [port for tenant in observed.tenants(node).values() for port in tenant.ports] if wanted else []
    if any(one.clashes(other) for one in wanted for other in taken):
        yield "node(s) didn't have free ports for the requested pod ports"


def _has_room(observed: Observed, node: Json) -> Iterator[str]:
    """A node that does not say how many pods it takes takes any number."""
    has = dig(node, "status", "allocatable", default={})
    if "pods" in has and len(observed.tenants(node)) + 1 > quantity.parse(has["pods"]).value:
        yield "Too many pods"
    used = observed.line.used.get(meta.name(node), {})
    for name, nanos in requests.amounts(observed.pod).items():
        if nanos and used.get(name, 0) + nanos > quantity.parse(has.get(name)).nanos:
            yield f"Insufficient {name}"


# --- the best

Score = tuple[float, ...]


def score(observed: Observed, node: Json, neighbours: Neighbourhood) -> Score:
    """Compared from left to right: what was promised or is preferred, then even spread, then room."""
    return (
        _is_promised(observed, node),
        -sum(1 for _ in taints.untolerated(observed.pod, taints.of(node, ("PreferNoSchedule",)))),
        _liking(observed, node) + neighbours.fondness(node),
        -_crowding(observed, node),
        -_load(observed, node),
        -len(observed.tenants(node)),
    )


def _is_promised(observed: Observed, node: Json) -> int:
    """A claim of the pod has been told this node already."""
    claims = [claim.obj for claim in observed.claims if claim.obj is not None and not claim.is_bound]
    return sum(meta.annotations(claim).get(SELECTED_NODE) == meta.name(node) for claim in claims)


def _liking(observed: Observed, node: Json) -> int:
    terms = dig(observed.pod, "spec", "affinity", "nodeAffinity", PREFERRED, default=[])
    return sum(int(term["weight"]) for term in terms if holds(term["preference"], node))


def _crowding(observed: Observed, node: Json) -> int:
    """Skew that soft constraints mind; a pod without any minds others of its controller on the same node."""
    constraints = dig(observed.pod, "spec", "topologySpreadConstraints", default=[])
    if not constraints:
        return _siblings(observed, node)
    soft = [Spread(observed, one) for one in constraints if one["whenUnsatisfiable"] == "ScheduleAnyway"]
    labels = meta.labels(node)
    return sum(spread.skew_with(labels[spread.key]) for spread in soft if spread.key in labels)


def _siblings(observed: Observed, node: Json) -> int:
    owner = meta.controller_of(observed.pod)
    if owner is None:
        return 0
    return sum(meta.is_controlled_by(tenant.pod, owner["uid"]) for tenant in observed.tenants(node).values())


def _load(observed: Observed, node: Json) -> float:
    """The share of processor and memory asked for, once the pod is there."""
    has, used = dig(node, "status", "allocatable", default={}), observed.line.used.get(meta.name(node), {})
    asked = requests.amounts(observed.pod)
    shares = [
        (used.get(name, 0) + asked.get(name, 0)) / nanos
        for name in ("cpu", "memory")
        if (nanos := quantity.parse(has.get(name)).nanos)
    ]
    return round(sum(shares) / len(shares), 6) if shares else 0.0
