"""Every service's roll: which endpoints it should have, which its slices hold, and where the two disagree.

Both sides are folded forward from events, so that a round looks at what is wrong and at nothing else.
"""

from itertools import zip_longest

from msgspec import Struct, field

from stead.controllers.endpoints.endpoint import Place, Wanted, place_of, wanted
from stead.kinds.pod import PodView
from stead.machinery import meta, selectors
from stead.machinery.keys import Key
from stead.machinery.membership import Membership
from stead.machinery.objects import Json, dig
from stead.machinery.selectors import Selector

MANAGED_BY = "endpointslice.kubernetes.io/managed-by"
OURS = "endpointslice-controller.k8s.io"
SERVICE_NAME = "kubernetes.io/service-name"
ZONE = "topology.kubernetes.io/zone"


class Roll(Struct):
    """`service` is None while only slices are left of it."""

    service: Json | None = None
    slices: dict[str, Json] = field(default_factory=dict)
    wanted: dict[Place, Wanted] = field(default_factory=dict)
    found: dict[Place, dict[str, Json]] = field(default_factory=dict)  # endpoints by the name of their slice
    wrong: dict[Place, None] = field(default_factory=dict)

    def check(self, place: Place) -> None:
        """Note whether a place is as it should be: in one slice, of the right ports, saying the right thing."""
        wanted, found = self.wanted.get(place), self.found.get(place) or {}
        if wanted is None:
            is_right = not found
        else:
            is_right = len(found) == 1 and all(
                endpoint == wanted.endpoint and (self.slices[name].get("ports") or []) == wanted.ports
                for name, endpoint in found.items()
            )
        if is_right:
            self.wrong.pop(place, None)
        else:
            self.wrong[place] = None


class Rolls(Membership):
    """The rolls of all services that select pods; services of type ExternalName do not."""

    kind = "Service"
    kinds = ("Pod", "Service", "EndpointSlice", "Node")

    def __init__(self) -> None:
        super().__init__()
        self.rolls: dict[Key, Roll] = {}
        self._zones: dict[str, str] = {}

    def selector_of(self, obj: Json) -> Selector | None:
        selector = dig(obj, "spec", "selector")
        is_external = dig(obj, "spec", "type") == "ExternalName"
        return selectors.from_labels(selector) if selector and not is_external else None

    def troubled(self) -> list[Key]:
        """The services whose slices are not what they should be."""
        return [key for key, roll in self.rolls.items() if roll.wrong]

    def apply(self, key: Key, old: Json | None, new: Json | None) -> None:
        if key.kind == "EndpointSlice":
            out, come = _changed(old, new)
            self._take_out(key, old, out, is_gone=_owner(new) != _owner(old))
            self._put_in(key, new, come)
        elif key.kind == "Node":
            self._put_node(key.name, new)
        elif key.kind == "Service":
            self._put_service(key, old, new)
        else:
            super().apply(key, old, new)

    def turned(self, owner: Key, pod: str, old: Json | None, new: Json | None) -> None:
        roll = self.rolls[owner]
        before = [place for place in (Place("IPv4", pod), Place("IPv6", pod)) if place in roll.wanted]
        after = dict(self._wanted(roll.service, new)) if new is not None else {}
        for place in before:
            if place not in after:
                del roll.wanted[place]
        roll.wanted.update(after)
        for place in (*before, *after):
            roll.check(place)

    def _put_service(self, key: Key, old: Json | None, new: Json | None) -> None:
        roll = self.rolls.setdefault(key, Roll())
        roll.service = new
        super().apply(key, old, new)
        if old is not None and new is not None and old["spec"] != new["spec"]:
            for name, pod in self.members.get(key, {}).items():
                self.turned(key, name, pod, pod)
        self._drop_empty(key)

    def _take_out(self, key: Key, obj: Json | None, endpoints: list[Json], *, is_gone: bool) -> None:
        owner = _owner(obj)
        if obj is None or owner is None:
            return
        roll = self.rolls[owner]
        for endpoint in endpoints:
            place = place_of(obj["addressType"], endpoint)
            found = roll.found.get(place, {})
            found.pop(key.name, None)
            if not found:
                roll.found.pop(place, None)
            roll.check(place)
        if is_gone:
            del roll.slices[key.name]
            self._drop_empty(owner)

    def _put_in(self, key: Key, obj: Json | None, endpoints: list[Json]) -> None:
        owner = _owner(obj)
        if obj is None or owner is None:
            return
        roll = self.rolls.setdefault(owner, Roll())
        roll.slices[key.name] = obj
        for endpoint in endpoints:
            place = place_of(obj["addressType"], endpoint)
            roll.found.setdefault(place, {})[key.name] = endpoint
            roll.check(place)

    def _put_node(self, name: str, new: Json | None) -> None:
        zone = meta.labels(new).get(ZONE, "") if new is not None else ""
        if zone == self._zones.get(name, ""):
            return
        self._zones[name] = zone
        for key, members in self.members.items():
            for pod, obj in members.items():
                if PodView(obj).node == name:
                    self.turned(key, pod, obj, obj)

    def _wanted(self, service: Json | None, pod: Json) -> list[tuple[Place, Wanted]]:
        view = PodView(pod)
        return list(wanted(service, view, self._zones.get(view.node, ""))) if service is not None else []

    def _drop_empty(self, key: Key) -> None:
        roll = self.rolls[key]
        if roll.service is None and not roll.slices:
            del self.rolls[key]


def _owner(obj: Json | None) -> Key | None:
    """The service whose slice it is, if it is one of ours."""
    if obj is None or meta.labels(obj).get(MANAGED_BY) != OURS:
        return None
    return Key("Service", meta.namespace(obj), meta.labels(obj).get(SERVICE_NAME, ""))


def _changed(old: Json | None, new: Json | None) -> tuple[list[Json], list[Json]]:
    """The endpoints that leave a slice and those that come; not those that stay as and where they were."""
    before, after = _endpoints(old), _endpoints(new)
    if old is None or new is None or _owner(old) != _owner(new) or old.get("ports") != new.get("ports"):
        return before, after
    pairs = [(left, right) for left, right in zip_longest(before, after) if left != right]
    out = [left for left, _ in pairs if left is not None]
    return out, [right for _, right in pairs if right is not None]


def _endpoints(obj: Json | None) -> list[Json]:
    return (obj.get("endpoints") or []) if obj is not None else []
