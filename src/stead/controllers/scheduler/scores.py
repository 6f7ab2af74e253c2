"""Which of the nodes that will do is best: the scores of upstream's plugins, weighed as upstream weighs them (3.4).

Every score is made comparable over the nodes that will do, from 0 to 100. Where nodes are equal the first wins;
upstream throws dice. What a node has of the pod's images does not count: all nodes share one store.
"""

import math
from collections.abc import Iterable, Mapping, Sequence

from stead.controllers.scheduler.neighbours import PREFERRED, Neighbourhood, alike, counts, with_label_keys
from stead.controllers.scheduler.observed import Observed
from stead.kinds import podrequests, taints
from stead.kinds.nodeterms import holds
from stead.machinery import meta, quantity, selectors
from stead.machinery.objects import Json, dig
from stead.machinery.selectors import Selector

MOST = 100
OF_TAINTS, OF_AFFINITY, OF_SPREAD, OF_NEIGHBOURS, OF_ROOM, OF_BALANCE = 3, 2, 2, 2, 1, 1
COMPARED = ("cpu", "memory")
HOSTNAME, ZONE = "kubernetes.io/hostname", "topology.kubernetes.io/zone"
SELECTED_NODE = "volume.kubernetes.io/selected-node"
DEFAULTS = ({"topologyKey": HOSTNAME, "maxSkew": 3}, {"topologyKey": ZONE, "maxSkew": 5})  # for pods that say nothing

Scores = Sequence[float]  # by node, in the order of the nodes


def best(observed: Observed, nodes: Sequence[Json], neighbours: Neighbourhood) -> Json:
    """One node of several; one that was promised to a claim of the pod goes before all scores."""
    told = [
        (OF_TAINTS, _reversed([_unwanted(observed.pod, node) for node in nodes])),
        (OF_AFFINITY, _raised([_liking(observed.pod, node) for node in nodes])),
        (OF_SPREAD, _evenness(observed, nodes)),
        (OF_NEIGHBOURS, _stretched([neighbours.fondness(node) for node in nodes])),
        (OF_ROOM, [_room(observed, node) for node in nodes]),
        (OF_BALANCE, [_balance(observed, node) for node in nodes]),
    ]
    total = [sum(weight * int(scores[at]) for weight, scores in told) for at in range(len(nodes))]
    promised = [_promises(observed, node) for node in nodes]
    return nodes[max(range(len(nodes)), key=lambda at: (promised[at], total[at]))]


def _promises(observed: Observed, node: Json) -> int:
    """How many claims of the pod have been told this node already."""
    claims = [claim.obj for claim in observed.claims if claim.obj is not None and not claim.is_bound]
    return sum(meta.annotations(claim).get(SELECTED_NODE) == meta.name(node) for claim in claims)


# --- from counts to scores


def _raised(found: Sequence[int]) -> Scores:
    """The most is 100."""
    most = max(found)
    return [MOST * one // most for one in found] if most else found


def _reversed(found: Sequence[int]) -> Scores:
    """None is 100."""
    most = max(found)
    return [MOST - MOST * one // most for one in found] if most else [MOST] * len(found)


def _stretched(found: Sequence[int]) -> Scores:
    """The least is 0, the most 100."""
    least, most = min(found), max(found)
    return [MOST * (one - least) / (most - least) for one in found] if most > least else [0] * len(found)


# --- the node's own


def _unwanted(pod: Json, node: Json) -> int:
    return sum(1 for _ in taints.untolerated(pod, taints.of(node, ("PreferNoSchedule",))))


def _liking(pod: Json, node: Json) -> int:
    terms = dig(pod, "spec", "affinity", "nodeAffinity", PREFERRED, default=[])
    return sum(int(term["weight"]) for term in terms if holds(term["preference"], node))


def _room(observed: Observed, node: Json) -> int:
    """What would be left of processor and memory; who asks for nothing is thought to need a little."""
    used = observed.line.presumed.get(meta.name(node), {})
    asked = podrequests.presumed(observed.pod)
    left = [_left(used.get(name, 0) + asked.get(name, 0), most) for name, most in _has(node).items() if most]
    return sum(left) // len(left) if left else 0


def _left(used: int, most: int) -> int:
    return (most - used) * MOST // most if used <= most else 0


def _balance(observed: Observed, node: Json) -> int:
    """Processor and memory used up alike; a pod that asks for neither changes nothing."""
    asked = podrequests.amounts(observed.pod)
    if not any(asked.get(name) for name in COMPARED):
        return 0
    used = observed.line.used.get(meta.name(node), {})
    shares = [min(1.0, (used.get(name, 0) + asked.get(name, 0)) / most) for name, most in _has(node).items() if most]
    apart = abs(shares[0] - shares[1]) / 2 if len(shares) == len(COMPARED) else 0.0
    return int((1 - apart) * MOST)


def _has(node: Json) -> Mapping[str, int]:
    has = dig(node, "status", "allocatable", default={})
    return {name: quantity.parse(has.get(name)).nanos for name in COMPARED}


# --- spread


def _evenness(observed: Observed, nodes: Sequence[Json]) -> Scores:
    """Soft constraints: fewer like the pod in the same domains is better, and the more domains, the more it counts.

    A pod that asks for no spread at all is spread over nodes and zones, with those of its services and its set.
    """
    asked = dig(observed.pod, "spec", "topologySpreadConstraints", default=[])
    soft = [(one, with_label_keys(one, observed.pod)) for one in asked if one["whenUnsatisfiable"] == "ScheduleAnyway"]
    if not asked and (kin := _kin(observed)).requirements:
        soft = [(one, kin) for one in DEFAULTS]
    keys = [one["topologyKey"] for one, _ in soft]
    counted = [node for node in nodes if not asked or all(key in meta.labels(node) for key in keys)]
    if not soft or not counted:
        return [0] * len(nodes)
    totals = {meta.name(node): 0.0 for node in counted}
    for constraint, selector in soft:
        for name, score in _stretch(observed, constraint, selector, counted).items():
            totals[name] += score
    rounded = {name: math.floor(total + 0.5) for name, total in totals.items()}
    least, most = min(rounded.values()), max(rounded.values())
    scores = {name: MOST * (most + least - one) // most if most else MOST for name, one in rounded.items()}
    return [scores.get(meta.name(node), 0) for node in nodes]


def _stretch(observed: Observed, constraint: Json, selector: Selector, nodes: Sequence[Json]) -> Mapping[str, float]:
    """How much one constraint speaks against each node, by name."""
    key = constraint["topologyKey"]
    there = {meta.name(node): meta.labels(node)[key] for node in nodes if key in meta.labels(node)}
    if key == HOSTNAME:
        found = {meta.name(node): alike(observed, node, selector) for node in nodes if meta.name(node) in there}
        size = len(nodes)
    else:
        domains = _domains(observed, constraint, selector, frozenset(there.values()))
        found = {name: domains.get(value, 0) for name, value in there.items()}
        size = len(set(there.values()))
    return {name: count * math.log(size + 2) + constraint["maxSkew"] - 1 for name, count in found.items()}


def _domains(observed: Observed, constraint: Json, selector: Selector, wanted: frozenset[str]) -> Mapping[str, int]:
    """How many pods like it each domain has, on nodes that will do and on those that will not."""
    found: dict[str, int] = {}
    for node in observed.nodes.values():
        value = meta.labels(node).get(constraint["topologyKey"])
        if value in wanted and counts(constraint, observed.pod, node):
            found[value] = found.get(value, 0) + alike(observed, node, selector)
    return found


def _kin(observed: Observed) -> Selector:
    """Who is like a pod that does not say: those of all its services, and of its set."""
    labels = meta.labels(observed.pod)
    chosen: dict[str, str] = {}
    for service in observed.services:
        wanted = dig(service, "spec", "selector", default={})
        if wanted and all(labels.get(name) == value for name, value in wanted.items()):
            chosen |= wanted
    same = [selectors.requirement(name, "=", (value,)) for name, value in chosen.items()]
    return Selector((*same, *_requirements(dig(observed.owner, "spec", "selector"))))


def _requirements(selector: Json | None) -> Iterable[selectors.Requirement]:
    return (selectors.from_object(selector).requirements or ()) if selector else ()
