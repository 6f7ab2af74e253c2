"""What is to be known to place one pod."""

from collections.abc import Mapping

from msgspec import Struct

from stead.controllers.scheduler.line import CLAIM, Line, Tenant, claims_of
from stead.kinds.claimfit import class_of
from stead.machinery import meta
from stead.machinery.cache import Cache
from stead.machinery.keys import Key
from stead.machinery.objects import Json, dig

BIND_COMPLETED = "pv.kubernetes.io/bind-completed"
LATE = "WaitForFirstConsumer"


class Claim(Struct, frozen=True):
    """A claim of the pod with its volume and class, as far as they exist, and the other pods that use it."""

    name: str
    obj: Json | None
    volume: Json | None = None
    storage_class: Json | None = None
    users: int = 0

    @property
    def is_bound(self) -> bool:
        if self.obj is None or BIND_COMPLETED not in meta.annotations(self.obj):
            return False
        return str(dig(self.obj, "status", "phase")) == "Bound"

    @property
    def is_late(self) -> bool:
        return str(dig(self.storage_class, "volumeBindingMode")) == LATE


class Observed(Struct, frozen=True):
    """The pod, all nodes, its claims, free volumes (if a claim needs one), and who lives where, read on the spot."""

    key: Key
    pod: Json
    nodes: Mapping[str, Json]
    claims: tuple[Claim, ...]
    volumes: tuple[Json, ...]
    line: Line
    namespaces: Mapping[str, Json]  # labels by name
    owner: Json | None = None  # the set that the pod is of, where there is a choice of nodes
    services: tuple[Json, ...] = ()  # of its namespace, likewise

    def tenants(self, node: Json) -> Mapping[Key, Tenant]:
        return self.line.tenants.get(meta.name(node), {})


def observe(cache: Cache, key: Key) -> Observed | None:
    line = cache.index(Line)
    pod = line.waiting.get(key)
    if pod is None:
        return None
    claims = tuple(_claim(cache, claim) for claim in claims_of(pod))
    nodes = {meta.name(node): node for node in cache.all("Node")}
    has_choice = len(nodes) > 1
    needs_volumes = any(claim.obj is not None and claim.is_late and not claim.is_bound for claim in claims)
    return Observed(
        key,
        pod,
        nodes,
        claims,
        tuple(cache.all("PersistentVolume")) if needs_volumes else (),
        line,
        {meta.name(space): meta.labels(space) for space in cache.all("Namespace")},
        _owner(cache, key, pod) if has_choice else None,
        tuple(cache.all("Service", key.namespace)) if has_choice else (),
    )


def _owner(cache: Cache, key: Key, pod: Json) -> Json | None:
    reference = meta.controller_of(pod)
    is_set = reference is not None and reference["kind"] == "StatefulSet"
    return cache.get(Key("StatefulSet", key.namespace, reference["name"])) if reference and is_set else None


def _claim(cache: Cache, key: Key) -> Claim:
    obj = cache.get(key)
    if obj is None:
        return Claim(key.name, None)
    volume = cache.get(Key("PersistentVolume", "", dig(obj, "spec", "volumeName", default="")))
    storage_class = cache.get(Key("StorageClass", "", class_of(obj)))
    return Claim(key.name, obj, volume, storage_class, len(cache.index(Line).users(Key(CLAIM, *key[1:]))))
