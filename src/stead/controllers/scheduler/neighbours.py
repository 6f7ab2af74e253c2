"""Rules that look at where other pods are: spread over topologies, affinity and anti-affinity (3.4)."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cached_property

from stead.controllers.scheduler.line import REQUIRED, Tenant
from stead.controllers.scheduler.observed import Observed
from stead.controllers.scheduler.obstacles import Obstacle
from stead.kinds import taints
from stead.kinds.nodeterms import is_chosen
from stead.machinery import meta, selectors
from stead.machinery.objects import Json, dig
from stead.machinery.selectors import Selector

UNEVEN = Obstacle("node(s) didn't match pod topology spread constraints", is_lasting=False)
NO_LABEL = Obstacle("node(s) didn't match pod topology spread constraints (missing required label)")
NO_FRIENDS = Obstacle("node(s) didn't match pod affinity rules")
FOES = Obstacle("node(s) didn't match pod anti-affinity rules", is_lasting=False)
UNWELCOME = Obstacle("node(s) didn't satisfy existing pods anti-affinity rules", is_lasting=False)
PREFERRED = "preferredDuringSchedulingIgnoredDuringExecution"

Domain = tuple[str, str]  # a topology's key and value


class Neighbourhood:
    """Counts over all tenants, taken once for a pod, when the first node asks."""

    def __init__(self, observed: Observed) -> None:
        self.observed = observed
        self.pod = observed.pod

    # --- spread

    @cached_property
    def constraints(self) -> list["Spread"]:
        """Those that must hold; the soft ones are a matter of taste (see `evenness`)."""
        wanted = dig(self.pod, "spec", "topologySpreadConstraints", default=[])
        hard = [one for one in wanted if one["whenUnsatisfiable"] == "DoNotSchedule"]
        keys = [one["topologyKey"] for one in hard]
        nodes = [node for node in self.observed.nodes.values() if all(key in meta.labels(node) for key in keys)]
        return [Spread(self.observed, one, nodes) for one in hard]

    def is_even(self, _: Observed, node: Json) -> Iterator[Obstacle]:
        """A rule: no constraint would be stretched further than it allows."""
        for constraint in self.constraints:
            value = meta.labels(node).get(constraint.key)
            if value is None:
                yield NO_LABEL
                return
            if constraint.skew_with(value) > constraint.most:
                yield UNEVEN
                return

    # --- affinity

    def is_among_friends(self, _: Observed, node: Json) -> Iterator[Obstacle]:
        """A rule: required affinity, which the first of those that want to be together need not find."""
        if not all(domain_of(node, key) in self._friends for key in self._friend_keys):
            is_first = not self._has_friends and self._is_own_friend
            if not is_first or not all(key in meta.labels(node) for key in self._friend_keys):
                yield NO_FRIENDS

    def is_free_of_foes(self, _: Observed, node: Json) -> Iterator[Obstacle]:
        """A rule: required anti-affinity of the pod."""
        if any(domain_of(node, term["topologyKey"]) in self._foes for term in self._terms("podAntiAffinity")):
            yield FOES

    def is_welcome(self, _: Observed, node: Json) -> Iterator[Obstacle]:
        """A rule: required anti-affinity of those that are there."""
        if any((key, value) in self._unwelcoming for key, value in meta.labels(node).items()):
            yield UNWELCOME

    def fondness(self, node: Json) -> int:
        """How much preferred terms, of the pod and of those that are there, speak for a node."""
        return sum(self._leanings.get(domain, 0) for domain in meta.labels(node).items())

    @property
    def _friend_keys(self) -> list[str]:
        return [term["topologyKey"] for term in self._terms("podAffinity")]

    @cached_property
    def _friends(self) -> frozenset[Domain]:
        """Domains of pods that every term wants; one that only some want is no friend."""
        terms = self._terms("podAffinity")
        matchers = [matcher(self.observed, term, self.pod) for term in terms]
        return frozenset(
            domain
            for tenant in self._tenants
            if matchers and all(match(tenant.pod) for match in matchers)
            for domain in self._domains(tenant, self._friend_keys)
        )

    @property
    def _has_friends(self) -> bool:
        return bool(self._friends)

    @cached_property
    def _is_own_friend(self) -> bool:
        return all(matcher(self.observed, term, self.pod)(self.pod) for term in self._terms("podAffinity"))

    @cached_property
    def _foes(self) -> frozenset[Domain]:
        found: set[Domain] = set()
        for term in self._terms("podAntiAffinity"):
            found |= self._domains_of_matching(term, self.pod)
        return frozenset(found)

    @cached_property
    def _unwelcoming(self) -> frozenset[Domain]:
        """Domains of tenants that will not have this pod near them."""
        found: set[Domain] = set()
        for tenant in self.observed.line.repelling.values():
            for term in required(tenant.pod, "podAntiAffinity"):
                if matcher(self.observed, term, tenant.pod)(self.pod):
                    found |= set(self._domains(tenant, [term["topologyKey"]]))
        return frozenset(found)

    @cached_property
    def _leanings(self) -> dict[Domain, int]:
        """By domain, the weights of all pairs of pods that like (or dislike) being there together."""
        found: dict[Domain, int] = {}
        for weight, term in _tastes(self.pod):
            match = matcher(self.observed, term, self.pod)
            self._lean(found, weight, term, (tenant for tenant in self._tenants if match(tenant.pod)))
        for tenant in self.observed.line.leaning.values():
            musts = [(1, term) for term in required(tenant.pod, "podAffinity")]
            for weight, term in (*_tastes(tenant.pod), *musts):
                if matcher(self.observed, term, tenant.pod)(self.pod):
                    self._lean(found, weight, term, [tenant])
        return found

    def _lean(self, found: dict[Domain, int], weight: int, term: Json, tenants: Iterable[Tenant]) -> None:
        for tenant in tenants:
            for domain in self._domains(tenant, [term["topologyKey"]]):
                found[domain] = found.get(domain, 0) + weight

    def _domains_of_matching(self, term: Json, owner: Json) -> set[Domain]:
        match = matcher(self.observed, term, owner)
        tenants = (tenant for tenant in self._tenants if match(tenant.pod))
        return {domain for tenant in tenants for domain in self._domains(tenant, [term["topologyKey"]])}

    def _terms(self, sort: str) -> list[Json]:
        return required(self.pod, sort)

    @property
    def _tenants(self) -> Iterator[Tenant]:
        return self.observed.line.all()

    def _domains(self, tenant: Tenant, keys: Iterable[str]) -> Iterator[Domain]:
        labels = meta.labels(self.observed.nodes.get(tenant.node, {"metadata": {}}))
        return ((key, labels[key]) for key in keys if key in labels)


class Spread:
    """One constraint that must hold: how many matching pods each of its domains has. `nodes`: those with every key."""

    def __init__(self, observed: Observed, constraint: Json, nodes: Iterable[Json]) -> None:
        self.key = str(constraint["topologyKey"])
        self.most = int(constraint["maxSkew"])
        self._least_domains = int(constraint.get("minDomains") or 1)
        selector = with_label_keys(constraint, observed.pod)
        self._self = int(selector.matches(meta.labels(observed.pod)))
        self._counts: dict[str, int] = {}
        for node in nodes:
            if counts(constraint, observed.pod, node):
                value = meta.labels(node)[self.key]
                self._counts[value] = self._counts.get(value, 0) + alike(observed, node, selector)

    def skew_with(self, value: str) -> int:
        """How uneven it would be with the pod in that domain."""
        fewest = min(self._counts.values(), default=0) if len(self._counts) >= self._least_domains else 0
        return self._counts.get(value, 0) + self._self - fewest


def _tastes(pod: Json) -> Iterator[tuple[int, Json]]:
    """Preferred terms with their weights; below nothing where the pod would rather not."""
    for sort, sign in (("podAffinity", 1), ("podAntiAffinity", -1)):
        for term in dig(pod, "spec", "affinity", sort, PREFERRED, default=[]):
            yield sign * int(term["weight"]), term["podAffinityTerm"]


def required(pod: Json, sort: str) -> list[Json]:
    """The terms of a sort (`podAffinity`, `podAntiAffinity`) that must hold."""
    found: list[Json] = dig(pod, "spec", "affinity", sort, REQUIRED, default=[])
    return found


def domain_of(node: Json, key: str) -> Domain | None:
    """The node's domain of a topology, if it is in any."""
    value = meta.labels(node).get(key)
    return None if value is None else (key, value)


def matcher(observed: Observed, term: Json, owner: Json) -> Callable[[Json], bool]:
    """Whether a pod is one that the term speaks of; `owner` is the pod whose term it is."""
    selector = with_label_keys(term, owner)
    spaces = _namespaces(observed.namespaces, term, meta.namespace(owner))
    return lambda pod: meta.namespace(pod) in spaces and selector.matches(meta.labels(pod))


def _namespaces(all_: Mapping[str, Json], term: Json, own: str) -> frozenset[str]:
    """Those named and those selected; the owner's own where neither is said."""
    named, chosen = term.get("namespaces") or [], term.get("namespaceSelector")
    if not named and chosen is None:
        return frozenset((own,))
    selector = selectors.from_object(chosen)
    return frozenset((*named, *(name for name, labels in all_.items() if selector.matches(labels))))


def with_label_keys(term: Json, owner: Json) -> Selector:
    """The term's selector, and that certain labels are the owner's own."""
    selector, labels = selectors.from_object(term.get("labelSelector")), meta.labels(owner)
    same = {key: labels[key] for key in term.get("matchLabelKeys") or [] if key in labels}
    other = {key: labels[key] for key in term.get("mismatchLabelKeys") or [] if key in labels}
    if selector.requirements is None or not (same or other):
        return selector
    more = [selectors.requirement(key, "=", (value,)) for key, value in same.items()]
    more += [selectors.requirement(key, "!=", (value,)) for key, value in other.items()]
    return Selector((*selector.requirements, *more))


def alike(observed: Observed, node: Json, selector: Selector) -> int:
    """How many of the node's pods a constraint counts: of the pod's namespace, selected, and here to stay."""
    space = meta.namespace(observed.pod)
    return sum(
        meta.namespace(tenant.pod) == space
        and not meta.is_terminating(tenant.pod)
        and selector.matches(meta.labels(tenant.pod))
        for tenant in observed.tenants(node).values()
    )


def counts(constraint: Json, pod: Json, node: Json) -> bool:
    """Whether a node is one of those over which a constraint spreads."""
    if (constraint.get("nodeAffinityPolicy") or "Honor") == "Honor" and not is_chosen(pod, node):
        return False
    if (constraint.get("nodeTaintsPolicy") or "Ignore") == "Honor":
        return not any(taints.untolerated(pod, taints.of(node, taints.KEEPS_AWAY)))
    return True
