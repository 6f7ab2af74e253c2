"""The controller: whom a change concerns, and what is to be known of a claim or a volume."""

from collections.abc import Iterable

from msgspec import Struct

from stead.controllers.binder import claims, volumes
from stead.controllers.binder.shelves import CLAIM, VOLUME, Shelves, is_bound, sought, volume_name
from stead.kinds.claimfit import (
    class_of,
    default_class,
    fits,
    has_class,
    is_kept_for,
    is_large_enough,
    is_reachable,
    reserved_for,
)
from stead.machinery import meta
from stead.machinery.cache import Cache
from stead.machinery.keys import Key
from stead.machinery.objects import Json, dig
from stead.machinery.plan import Calm, Plan
from stead.machinery.times import Now
from stead.machinery.watch import WatchEvent


class VolumeObserved(Struct, frozen=True):
    volume: Json
    claim: Json | None


class Binder(Calm):
    name = "binder"
    kinds = (CLAIM, VOLUME, "StorageClass", "Pod")

    def wants(self, event: WatchEvent, cache: Cache) -> Iterable[Key]:
        kind, shelves = event.key.kind, cache.index(Shelves)
        if kind == CLAIM:
            name = volume_name(event.obj)
            kept = [Key(VOLUME, "", meta.name(volume)) for volume in shelves.kept(event.key)]
            return dict.fromkeys([event.key, *kept, *([Key(VOLUME, "", name)] if name else [])])
        if kind == VOLUME:
            return dict.fromkeys([event.key, *_claims_of(event, shelves)])
        if kind == "StorageClass":
            return [*shelves.unbound(event.key.name), *shelves.unbound("")]
        if kind == "Pod" and event.type == "ADDED":
            return [key for key in sought(event.obj) if _is_waiting(cache.get(key))]
        return []

    def observe(self, cache: Cache, key: Key) -> claims.Observed | VolumeObserved | None:
        obj = cache.get(key)
        if obj is None:
            return None
        if key.kind == VOLUME:
            reserved = reserved_for(obj)
            return VolumeObserved(obj, cache.get(reserved) if reserved else None)
        name = volume_name(obj)
        if name or is_bound(obj):
            return claims.Observed(obj, cache.get(Key(VOLUME, "", name)) if name else None)
        return _seeking(cache, key, obj)

    def reconcile(self, observed: claims.Observed | VolumeObserved, now: Now) -> Plan:
        if isinstance(observed, VolumeObserved):
            return volumes.plan(observed.volume, observed.claim, now)
        return claims.plan(observed, now)


def _seeking(cache: Cache, key: Key, claim: Json) -> claims.Observed:
    shelves, name = cache.index(Shelves), class_of(claim)
    kept = [found for found in shelves.kept(key) if is_kept_for(found, claim) and is_large_enough(found, claim)]
    node_name = meta.annotations(claim).get(claims.SELECTED_NODE, "")
    node = cache.get(Key("Node", "", node_name)) if node_name else None
    free = [
        found
        for found in shelves.free(name)
        if dig(found, "status", "phase") == "Available"
        and fits(found, claim)
        and (node is None or is_reachable(found, node))
    ]
    return claims.Observed(
        claim,
        kept=tuple(kept),
        free=tuple(free),
        storage_class=cache.get(Key("StorageClass", "", name)) if name else None,
        default_class="" if has_class(claim) else default_class(cache.all("StorageClass")),
        seekers=tuple(shelves.seekers(key)),
    )


def _claims_of(event: WatchEvent, shelves: Shelves) -> list[Key]:
    """The claims that name a volume, those it is or was kept for, and, where it is free, all that look for its like."""
    found = shelves.naming(event.key.name)
    for obj in (event.obj, event.old) if event.old is not None else (event.obj,):
        reserved = reserved_for(obj)
        if reserved is not None:
            found.append(reserved)
    if event.type != "DELETED" and reserved_for(event.obj) is None:
        found += shelves.unbound(class_of(event.obj))
    return found


def _is_waiting(claim: Json | None) -> bool:
    return claim is not None and not is_bound(claim)
