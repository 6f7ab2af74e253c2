"""Volumes and claims by what they look for in each other, folded forward from events."""

from collections.abc import Iterable, Iterator

from stead.kinds.claimfit import class_of, reserved_for
from stead.kinds.pod import PodView
from stead.machinery import meta
from stead.machinery.keys import Key
from stead.machinery.objects import Json, dig

CLAIM, VOLUME = "PersistentVolumeClaim", "PersistentVolume"
BIND_COMPLETED = "pv.kubernetes.io/bind-completed"


def is_bound(claim: Json) -> bool:
    """Whether its binding was completed once, whatever has become of the volume."""
    return BIND_COMPLETED in meta.annotations(claim)


class Shelves:
    """An index: free volumes and unbound claims by class, kept volumes and pods without a node by claim."""

    kinds = (VOLUME, CLAIM, "Pod")

    def __init__(self) -> None:
        self._free: dict[str, dict[str, Json]] = {}
        self._kept: dict[Key, dict[str, Json]] = {}
        self._unbound: dict[str, dict[Key, None]] = {}
        self._naming: dict[str, dict[Key, None]] = {}
        self._seekers: dict[Key, dict[str, None]] = {}

    def free(self, class_name: str) -> Iterable[Json]:
        """The volumes of a class that no claimRef keeps for anyone."""
        return self._free.get(class_name, {}).values()

    def kept(self, claim: Key) -> Iterable[Json]:
        """The volumes whose claimRef names the claim."""
        return self._kept.get(claim, {}).values()

    def unbound(self, class_name: str) -> list[Key]:
        """The claims of a class that look for a volume."""
        return list(self._unbound.get(class_name, ()))

    def naming(self, volume: str) -> list[Key]:
        """The claims whose volumeName is this volume's."""
        return list(self._naming.get(volume, ()))

    def seekers(self, claim: Key) -> list[str]:
        """The pods that use the claim and have no node."""
        return list(self._seekers.get(claim, ()))

    def apply(self, key: Key, old: Json | None, new: Json | None) -> None:
        if key.kind == VOLUME:
            self._put_volume(key, old, new)
        elif key.kind == CLAIM:
            self._put_claim(key, old, new)
        elif key.kind == "Pod":
            self._put_pod(key, old, new)

    def _put_volume(self, key: Key, old: Json | None, new: Json | None) -> None:
        if old is not None:
            before = reserved_for(old)
            if before is None:
                _take(self._free, class_of(old), key.name)
            else:
                _take(self._kept, before, key.name)
        if new is not None:
            after = reserved_for(new)
            if after is None:
                self._free.setdefault(class_of(new), {})[key.name] = new
            else:
                self._kept.setdefault(after, {})[key.name] = new

    def _put_claim(self, key: Key, old: Json | None, new: Json | None) -> None:
        if old is not None:
            _take(self._unbound, class_of(old), key)
            _take(self._naming, volume_name(old), key)
        if new is not None and not is_bound(new):
            self._unbound.setdefault(class_of(new), {})[key] = None
        if new is not None and volume_name(new):
            self._naming.setdefault(volume_name(new), {})[key] = None

    def _put_pod(self, key: Key, old: Json | None, new: Json | None) -> None:
        if old is not None and new is not None and _seeks_the_same(old, new):
            return
        before, after = list(sought(old)), list(sought(new))
        for claim in before:
            if claim not in after:
                _take(self._seekers, claim, key.name)
        for claim in after:
            self._seekers.setdefault(claim, {})[key.name] = None


def _seeks_the_same(old: Json, new: Json) -> bool:
    """Whether only the status differs, and not in whether the pod is done."""
    return old["spec"] is new["spec"] and PodView(old).is_terminal == PodView(new).is_terminal


def sought(pod: Json | None) -> Iterator[Key]:
    """The claims of a pod that has no node."""
    view = PodView(pod) if pod is not None else None
    if view is not None and not view.node and not view.is_terminal:
        for name in view.claim_names():
            yield Key(CLAIM, meta.namespace(view.obj), name)


def volume_name(claim: Json) -> str:
    """The volume that a claim names, "" for none."""
    return str(dig(claim, "spec", "volumeName", default=""))


def _take(shelf: dict, place: object, item: object) -> None:  # type: ignore[type-arg]
    """Out of the shelf, and the board with it when nothing else stands there."""
    board = shelf.get(place)
    if board is not None:
        board.pop(item, None)
        if not board:
            del shelf[place]
