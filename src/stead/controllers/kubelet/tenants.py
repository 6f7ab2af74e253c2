"""What the pods that a node has taken ask of it: folded forward, so that none of them is looked at again.

A node has taken a pod once its status says since when, or something was done for it. Until then the pod is only placed
there, and takes no room: who comes first has it, as in upstream's kubelet.
"""

from collections.abc import Iterable, Iterator

from msgspec import Struct, field

from stead.controllers.kubelet import sandbox
from stead.kinds import podrequests
from stead.kinds.placed import node_of
from stead.kinds.pod import PodView
from stead.kinds.podrequests import Amounts, HostPort
from stead.machinery import meta
from stead.machinery.keys import Key
from stead.machinery.objects import Json, dig
from stead.machinery.quantity import Quantity, parse

NOTHING: Amounts = {}


FIRST = ("cpu", "memory", "ephemeral-storage")  # of what may be lacking, told before all else


class Lack(Struct, frozen=True):
    """What a node has too little of, in thousandths of processors or in whole units."""

    resource: str
    requested: int
    used: int
    capacity: int

    @property
    def told(self) -> str:
        amounts = f"requested: {self.requested}, used: {self.used}, capacity: {self.capacity}"
        return f"Node didn't have enough resource: {self.resource}, {amounts}"


class Tenant(Struct, frozen=True):
    """What a pod asks that a node has taken and that is not done."""

    amounts: Amounts
    ports: tuple[HostPort, ...]


class Room(Struct):
    """One node's tenants, and what they ask of it together (nanos by resource)."""

    tenants: dict[Key, Tenant] = field(default_factory=dict)
    used: dict[str, int] = field(default_factory=dict)
    listening: dict[Key, Tenant] = field(default_factory=dict)  # those with ports of the host

    def clashes(self, wanted: Iterable[HostPort]) -> bool:
        """Whether a port of the host is another's already."""
        taken = [port for tenant in self.listening.values() for port in tenant.ports]
        return any(one.clashes(other) for one in wanted for other in taken)

    def lacking(self, key: Key, pod: Json, node: Json) -> Iterator[Lack]:
        """What a pod asks beyond what the node has left; a node that says nothing of itself is never full.

        A device that the node does not know is left to whoever knows it. What a tenant has already is its own.
        """
        has, others = dig(node, "status", "allocatable") or {}, len(self.tenants) - (key in self.tenants)
        own = self.tenants[key].amounts if key in self.tenants else NOTHING
        if "pods" in has and others + 1 > parse(has["pods"]).value:
            yield Lack("pods", 1, others, parse(has["pods"]).value)
        asked = podrequests.amounts(pod) if has else NOTHING
        for name in sorted(asked, key=lambda name: (FIRST.index(name) if name in FIRST else len(FIRST), name)):
            nanos, used, most = asked[name], self.used.get(name, 0) - own.get(name, 0), parse(has.get(name)).nanos
            is_known = name in has or not podrequests.is_extended(name)
            if nanos and is_known and used + nanos > most:
                yield Lack(name, *(counted(name, amount) for amount in (nanos, used, most)))

    def move_in(self, key: Key, tenant: Tenant) -> None:
        self.tenants[key] = tenant
        podrequests.add(self.used, tenant.amounts)
        if tenant.ports:
            self.listening[key] = tenant

    def move_out(self, key: Key) -> None:
        tenant = self.tenants.pop(key)
        podrequests.add(self.used, tenant.amounts, -1)
        for name in tenant.amounts:
            if not self.used[name]:
                del self.used[name]
        self.listening.pop(key, None)


class Tenants:
    """An index: the room of every node."""

    kinds = ("Pod", sandbox.KIND)

    def __init__(self) -> None:
        self.rooms: dict[str, Room] = {}
        self._placed: dict[Key, Json] = {}  # pods that have a node and are not done
        self._known: dict[str, None] = {}  # uids of pods for which something was done
        self._home: dict[Key, str] = {}  # the nodes of tenants

    def room(self, node: str) -> Room:
        return self.rooms.get(node) or Room()

    def apply(self, key: Key, old: Json | None, new: Json | None) -> None:
        if key.kind == sandbox.KIND and (old is None) != (new is None):
            self._note(key.name, old or new or {}, is_known=new is not None)
        elif key.kind == "Pod":
            self._apply_pod(key, old, new)

    def assume(self, key: Key) -> None:
        """The pod was taken; the event that says so is on the way."""
        if key in self._placed and key not in self._home:
            self._move_in(key, self._placed[key])

    def _apply_pod(self, key: Key, old: Json | None, new: Json | None) -> None:
        if new is not None and node_of(new) and not PodView(new).is_terminal:
            self._placed[key] = new
        else:
            self._placed.pop(key, None)
        if not (_asks_the_same(old, new) and key in self._home and key in self._placed):
            self._settle(key)

    def _note(self, uid: str, record: Json, *, is_known: bool) -> None:
        if is_known:
            self._known[uid] = None
        else:
            self._known.pop(uid, None)
        self._settle(sandbox.pod_of(record))

    def _settle(self, key: Key) -> None:
        """Have the pod where it belongs, with what it asks now."""
        before = self._home.pop(key, None)
        if before is not None:
            self.rooms[before].move_out(key)
            if not self.rooms[before].tenants:
                del self.rooms[before]
        pod = self._placed.get(key)
        if pod is not None and self._is_taken(pod):
            self._move_in(key, pod)

    def _is_taken(self, pod: Json) -> bool:
        return bool(dig(pod, "status", "startTime")) or meta.uid(pod) in self._known

    def _move_in(self, key: Key, pod: Json) -> None:
        node = node_of(pod)
        self._home[key] = node
        amounts = {name: amount for name, amount in podrequests.amounts(_as_given(pod)).items() if amount}
        tenant = Tenant(amounts, podrequests.host_ports(pod))
        self.rooms.setdefault(node, Room()).move_in(key, tenant)


def counted(resource: str, nanos: int) -> int:
    """An amount as the kubelet tells it: processors in thousandths, all else in whole units."""
    amount = Quantity(nanos)
    return amount.milli_value if resource == "cpu" else amount.value


def _asks_the_same(old: Json | None, new: Json | None) -> bool:
    if old is None or new is None or _is_held(old) != _is_held(new):
        return False
    return old["spec"] is new["spec"] and meta.uid(old) == meta.uid(new)


def _is_held(pod: Json) -> bool:
    """Whether it asks for more than it was given, and has to wait for that."""
    return meta.has_condition(pod, "PodResizePending")


def _as_given(pod: Json) -> Json:
    """The pod as it was before a resize that has to wait: others do not wait for what it does not have."""
    if not _is_held(pod):
        return pod
    status, spec = pod["status"], {**pod["spec"]}
    if "allocatedResources" in status:
        spec["resources"] = {"requests": status["allocatedResources"]}
    for list_, statuses in (("containers", "containerStatuses"), ("initContainers", "initContainerStatuses")):
        given = {one["name"]: one.get("allocatedResources") or {} for one in status.get(statuses) or ()}
        told = [(one, given.get(one["name"])) for one in spec.get(list_) or ()]
        spec[list_] = [one if has is None else {**one, "resources": {"requests": has}} for one, has in told]
    return {**pod, "spec": spec}
