"""What a node must satisfy, in the order it is asked (3.4)."""

from collections.abc import Callable, Iterator

from stead.controllers.scheduler import storage
from stead.controllers.scheduler.neighbours import Neighbourhood
from stead.controllers.scheduler.observed import Observed
from stead.controllers.scheduler.obstacles import Obstacle
from stead.kinds import podrequests, taints
from stead.kinds.nodeterms import is_chosen, named_nodes
from stead.machinery import meta, quantity
from stead.machinery.objects import Json, dig

Rule = Callable[[Observed, Json], Iterator[Obstacle]]

UNSCHEDULABLE = {"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"}
CORDONED = Obstacle("node(s) were unschedulable")
TAINTED = Obstacle("node(s) had untolerated taint(s)")
NOT_CHOSEN = Obstacle("node(s) didn't match Pod's node affinity/selector")
NOT_NAMED = Obstacle("node(s) didn't satisfy plugin(s) [NodeAffinity]")
NO_PORTS = Obstacle("node(s) didn't have free ports for the requested pod ports", is_lasting=False)
FULL = Obstacle("Too many pods", is_lasting=False)


def rules(neighbours: Neighbourhood) -> tuple[Rule, ...]:
    """The first rule that speaks against a node decides what is told of it."""
    return (
        _is_named,
        _is_open,
        _is_untainted,
        _is_chosen,
        _has_ports,
        _has_room,
        storage.is_alone,
        storage.can_have_volumes,
        storage.is_in_zone,
        neighbours.is_even,
        neighbours.is_among_friends,
        neighbours.is_free_of_foes,
        neighbours.is_welcome,
    )


def against(observed: Observed, node: Json, asked: tuple[Rule, ...]) -> list[Obstacle]:
    """Why the node will not do; empty if it will."""
    for rule in asked:
        reasons = list(rule(observed, node))
        if reasons:
            return reasons
    return []


def _is_named(observed: Observed, node: Json) -> Iterator[Obstacle]:
    """A pod that asks for nodes by name is never held against the others."""
    named = named_nodes(observed.pod)
    if named is not None and meta.name(node) not in named:
        yield NOT_NAMED


def _is_open(observed: Observed, node: Json) -> Iterator[Obstacle]:
    if dig(node, "spec", "unschedulable") and any(taints.untolerated(observed.pod, [UNSCHEDULABLE])):
        yield CORDONED


def _is_untainted(observed: Observed, node: Json) -> Iterator[Obstacle]:
    """The taint of a cordoned node goes a moment after the cordon, which has a rule of its own."""
    found = [one for one in taints.of(node, taints.KEEPS_AWAY) if one["key"] != UNSCHEDULABLE["key"]]
    if any(taints.untolerated(observed.pod, found)):
        yield TAINTED


def _is_chosen(observed: Observed, node: Json) -> Iterator[Obstacle]:
    if not is_chosen(observed.pod, node):
        yield NOT_CHOSEN


def _has_ports(observed: Observed, node: Json) -> Iterator[Obstacle]:
    wanted = podrequests.host_ports(observed.pod)
    taken = [port for tenant in observed.tenants(node).values() for port in tenant.ports] if wanted else []
    if any(one.clashes(other) for one in wanted for other in taken):
        yield NO_PORTS


def _has_room(observed: Observed, node: Json) -> Iterator[Obstacle]:
    """A node that does not say how many pods it takes takes any number."""
    has = dig(node, "status", "allocatable", default={})
    if "pods" in has and len(observed.tenants(node)) + 1 > quantity.parse(has["pods"]).value:
        yield FULL
    used = observed.line.used.get(meta.name(node), {})
    for name, nanos in podrequests.amounts(observed.pod).items():
        most = quantity.parse(has.get(name)).nanos
        if nanos and used.get(name, 0) + nanos > most:
            yield Obstacle(f"Insufficient {name}", is_lasting=nanos > most)
