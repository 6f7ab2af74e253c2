"""The controller: whom a change concerns, and the order of the two answers."""

from collections.abc import Iterable, Mapping
from typing import Any

from msgspec import Struct

from stead.controllers.endpoints import legacy, slices
from stead.controllers.endpoints.rolls import SERVICE_NAME, Roll, Rolls
from stead.machinery import meta
from stead.machinery.cache import Cache
from stead.machinery.keys import Key
from stead.machinery.objects import Json
from stead.machinery.plan import NO_REACTION, Action, Outcome, Plan, Reaction, Refused
from stead.machinery.times import Now
from stead.machinery.watch import WatchEvent

DONE = ("Failed", "Succeeded")


class Observed(Struct, frozen=True):
    """A service's roll and pods, read on the spot; without a roll the service is gone."""

    roll: Roll | None
    pods: Mapping[str, Json]
    endpoints: Json | None


class Endpoints:
    name = "endpoints"
    kinds = ("Pod", "Service", "Endpoints", "EndpointSlice", "Node")

    def wants(self, event: WatchEvent, cache: Cache) -> Iterable[Key]:
        kind, namespace, name = event.key
        if kind == "Pod":
            return _services_of_pod(event, cache.index(Rolls))
        if kind in ("Service", "Endpoints"):
            return [Key("Service", namespace, name)]
        if kind == "EndpointSlice":
            return _services_of_slice(event, cache.index(Rolls))
        return cache.index(Rolls).troubled() if kind == "Node" and _is_moved(event) else []

    def observe(self, cache: Cache, key: Key) -> Observed | None:
        endpoints = cache.get(Key("Endpoints", key.namespace, key.name))
        if cache.get(key) is None:
            return Observed(None, {}, endpoints) if endpoints is not None else None
        index = cache.index(Rolls)
        pods = index.members.get(key)
        return None if pods is None else Observed(index.rolls[key], pods, endpoints)

    def reconcile(self, observed: Observed, now: Now) -> Plan:
        roll = observed.roll
        if roll is None or roll.service is None:
            return legacy.removal(observed.endpoints) if observed.endpoints is not None else Plan()
        pods = tuple(observed.pods.values())
        return slices.plan(roll, now) + legacy.plan(roll.service, observed.endpoints, pods, now)

    def react(self, observed: Observed, action: Action, outcome: Outcome, now: Now) -> Reaction:
        """A service or namespace that goes takes its slices along."""
        if isinstance(outcome, Refused) and outcome.reason in ("NotFound", "Forbidden"):
            return Reaction(is_failure=False)
        return NO_REACTION


def _services_of_pod(event: WatchEvent, rolls: Rolls) -> list[Key]:
    """Only changes that an endpoint shows are worth a round."""
    if rolls.is_idle:
        return []
    if event.old is None:
        return rolls.of(event.obj)
    if event.type == "MODIFIED" and _shown(event.obj) == _shown(event.old):
        return []
    before = rolls.of(event.old)
    return before + [key for key in rolls.of(event.obj) if key not in before]


def _services_of_slice(event: WatchEvent, rolls: Rolls) -> list[Key]:
    """Our own writes leave nothing wrong behind and need no other round."""
    now, before = meta.labels(event.obj), meta.labels(event.old or event.obj)
    is_foreign = event.type == "DELETED" or now != before
    names = dict.fromkeys((now.get(SERVICE_NAME, ""), before.get(SERVICE_NAME, "")))
    keys = [Key("Service", event.key.namespace, name) for name in names]
    return [key for key in keys if key in rolls.rolls and (is_foreign or rolls.rolls[key].wrong)]


def _shown(pod: Json) -> tuple[Any, ...]:
    """Addresses, whether it is ready, on its way out or done, its labels and its node."""
    status, metadata = pod.get("status") or {}, pod["metadata"]
    return (
        status.get("podIPs"),
        meta.has_condition(pod, "Ready"),
        metadata.get("deletionTimestamp"),
        status.get("phase") in DONE,
        metadata.get("labels"),
        pod["spec"].get("nodeName"),
    )


def _is_moved(event: WatchEvent) -> bool:
    return event.old is None or event.type == "DELETED" or meta.labels(event.obj) != meta.labels(event.old)
