"""Who waits for a node, and who has one: folded forward from events.

A pod that was bound a moment ago is counted at once, before its event comes back: else all pods of one step would see
the same room on the same node.
"""

from collections.abc import Iterator, Mapping

from msgspec import Struct
from msgspec.structs import replace

from stead.kinds import podrequests
from stead.kinds.placed import node_of
from stead.kinds.pod import PodView
from stead.machinery import meta
from stead.machinery.keys import Key
from stead.machinery.objects import Json, dig

CLAIM = "PersistentVolumeClaim"
ASKING = ("containers", "initContainers", "overhead", "resources")
OUR_NAME = "default-scheduler"
REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"


class Tenant(Struct, frozen=True):
    """A pod that has a node and is not done."""

    pod: Json
    node: str
    amounts: podrequests.Amounts
    presumed: podrequests.Amounts
    ports: tuple[podrequests.HostPort, ...]


class Line:
    """An index: pods in line, in the order they came, and tenants by node."""

    kinds = ("Pod",)

    def __init__(self) -> None:
        self.waiting: dict[Key, Json] = {}
        self.tenants: dict[str, dict[Key, Tenant]] = {}
        self.used: dict[str, dict[str, int]] = {}  # amounts by node and resource
        self.presumed: dict[str, dict[str, int]] = {}  # the same for comparing nodes, see `podrequests.presumed`
        self.leaning: dict[Key, Tenant] = {}  # tenants that would like certain others near them, or not
        self.repelling: dict[Key, Tenant] = {}  # tenants that will not have certain others near them
        self._seekers: dict[Key, dict[Key, None]] = {}  # pods in line by their claims
        self._sociable: dict[Key, None] = {}  # pods in line that look at where others are
        self._home: dict[Key, str] = {}
        self._users: dict[Key, dict[Key, None]] = {}

    def apply(self, key: Key, old: Json | None, new: Json | None) -> None:
        if key.kind != "Pod":
            return
        if new is not None and old is not None and _asks_the_same(new, old):
            self._renew(key, new)
            return
        self._queue(key, new)
        before = self._move_out(key)
        if new is not None and node_of(new) and not PodView(new).is_terminal:
            self._move_in(key, new, node_of(new), before)

    def assume(self, key: Key, node: str) -> None:
        """The pod was bound to the node; its event is on the way."""
        pod = self.waiting.get(key)
        if pod is not None:
            self._move_in(key, pod, node)

    def seekers(self, claim: Key) -> list[Key]:
        """The pods in line that use a claim."""
        return list(self._seekers.get(claim, ()))

    def claiming(self) -> list[Key]:
        """The pods in line that use any claim."""
        return list(dict.fromkeys(pod for pods in self._seekers.values() for pod in pods))

    def sociable(self) -> list[Key]:
        """The pods in line that look at where others are."""
        return list(self._sociable)

    def users(self, claim: Key) -> Mapping[Key, None]:
        """The tenants that use a claim."""
        return self._users.get(claim, {})

    def all(self) -> Iterator[Tenant]:
        """The tenants of all nodes."""
        for tenants in self.tenants.values():
            yield from tenants.values()

    def _renew(self, key: Key, pod: Json) -> None:
        """The pod says something new of itself, and stays where it is."""
        if key in self.waiting:
            self.waiting[key] = pod
        node = self._home.get(key)
        if node is None:
            return
        tenant = self.tenants[node][key]
        self.tenants[node][key] = renewed = replace(tenant, pod=pod)
        for others in (self.leaning, self.repelling):
            if key in others:
                others[key] = renewed

    def _queue(self, key: Key, new: Json | None) -> None:
        if new is None or not is_in_line(new):
            self._leave(key)
            return
        self.waiting[key] = new
        for claim in claims_of(new):
            self._seekers.setdefault(claim, {})[key] = None
        if _is_sociable(new):
            self._sociable[key] = None

    def _leave(self, key: Key) -> None:
        pod = self.waiting.pop(key, None)
        self._sociable.pop(key, None)
        for claim in claims_of(pod) if pod is not None else ():
            self._seekers[claim].pop(key, None)
            if not self._seekers[claim]:
                del self._seekers[claim]

    def _move_in(self, key: Key, pod: Json, node: str, before: Tenant | None = None) -> None:
        """`before`: what it was until now, for most of what a pod asks is asked of it before."""
        if before is not None and _asks_alike(before.pod["spec"], pod["spec"]):
            tenant = replace(before, pod=pod, node=node)
        else:
            tenant = Tenant(pod, node, podrequests.amounts(pod), podrequests.presumed(pod), podrequests.host_ports(pod))
        self.tenants.setdefault(node, {})[key] = tenant
        self._home[key] = node
        podrequests.add(self.used.setdefault(node, {}), tenant.amounts)
        podrequests.add(self.presumed.setdefault(node, {}), tenant.presumed)
        for claim in claims_of(pod):
            self._users.setdefault(claim, {})[key] = None
        if affinities := _affinities(pod):
            self.leaning[key] = tenant
            if "podAntiAffinity" in affinities and affinities["podAntiAffinity"].get(REQUIRED):
                self.repelling[key] = tenant

    def _move_out(self, key: Key) -> Tenant | None:
        node = self._home.pop(key, None)
        if node is None:
            return None
        tenant = self.tenants[node].pop(key)
        if not self.tenants[node]:
            del self.tenants[node], self.used[node], self.presumed[node]
        else:
            podrequests.add(self.used[node], tenant.amounts, -1)
            podrequests.add(self.presumed[node], tenant.presumed, -1)
        for claim in claims_of(tenant.pod):
            self._users[claim].pop(key, None)
            if not self._users[claim]:
                del self._users[claim]
        self.leaning.pop(key, None)
        self.repelling.pop(key, None)
        return tenant


def claims_of(pod: Json) -> list[Key]:
    """The claims that a pod uses, each once."""
    return list(dict.fromkeys(Key(CLAIM, meta.namespace(pod), name) for name in PodView(pod).claim_names()))


def is_in_line(pod: Json) -> bool:
    """It wants a node, and from us."""
    view = PodView(pod)
    scheduler = dig(pod, "spec", "schedulerName", default=OUR_NAME)
    return not view.node and not view.is_terminating and not view.is_terminal and scheduler == OUR_NAME


def _asks_alike(spec: Json, other: Json) -> bool:
    """Whether two specs share all that amounts and ports are read from."""
    return all(spec.get(member) is other.get(member) for member in ASKING)


def _asks_the_same(new: Json, old: Json) -> bool:
    """Whether only the status differs, and not in whether the pod is done."""
    is_same = new["spec"] is old["spec"] and meta.is_terminating(new) == meta.is_terminating(old)
    return is_same and PodView(new).is_terminal == PodView(old).is_terminal


def _is_sociable(pod: Json) -> bool:
    return bool(pod["spec"].get("topologySpreadConstraints") or _affinities(pod))


def _affinities(pod: Json) -> dict[str, Json]:
    """podAffinity and podAntiAffinity, where they ask for something."""
    affinity = pod["spec"].get("affinity") or {}
    return {sort: affinity[sort] for sort in ("podAffinity", "podAntiAffinity") if affinity.get(sort)}
