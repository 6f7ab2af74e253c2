"""What the kubelet looks at for one pod: the pod, its sandbox's record, and all that its volumes and variables name."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from msgspec import Struct, field

from stead.controllers.kubelet import sandbox
from stead.controllers.kubelet.tenants import Room, Tenants
from stead.machinery import meta
from stead.machinery.cache import Cache
from stead.machinery.keys import Key
from stead.machinery.objects import Json, dig

TERMINAL = ("Failed", "Succeeded")
CRITICAL = 2_000_000_000  # the priority from which on a pod is
KUBERNETES = Key("Service", "default", "kubernetes")


class Observed(Struct, frozen=True):
    """One bearer of a pod's name, and what earlier bearers left behind.

    `pod` is None where no pod of that name is on this node (any more). `strays` are records of pods that are gone from
    the API while their containers may still run. `things` holds what the pod names; a missing one is not in it.
    `services` are those a container's variables tell of, `room` what its pods have taken of the node, read on the spot;
    `beside` are those pods, where this one is so important that some of them may have to go.
    """

    key: Key
    pod: Json | None
    record: Json | None = None
    strays: tuple[Json, ...] = ()
    node: Json | None = None
    things: Mapping[Key, Json] = field(default_factory=dict)
    services: tuple[Json, ...] = ()
    room: Room = field(default_factory=Room)
    tenants: Tenants | None = None
    beside: Mapping[Key, Json] = field(default_factory=dict)

    def thing(self, kind: str, name: str) -> Json | None:
        """A ConfigMap, Secret or PersistentVolumeClaim of the pod's namespace."""
        return self.things.get(Key(kind, self.key.namespace, name))

    def volume(self, name: str) -> Json | None:
        return self.things.get(Key("PersistentVolume", "", name))


class Residents:
    """An index of the cache: who names a thing, and which records belong to a pod's name."""

    kinds = ("Pod", sandbox.KIND)

    def __init__(self) -> None:
        self._things: dict[Key, tuple[Key, ...]] = {}
        self._users: dict[Key, dict[Key, None]] = {}
        self._records: dict[Key, dict[Key, None]] = {}

    def apply(self, key: Key, old: Json | None, new: Json | None) -> None:
        if key.kind == sandbox.KIND:
            _move(self._records, key, _pod_keys(old), _pod_keys(new))
        elif key.kind == "Pod" and (old is None or new is None or old["spec"] is not new["spec"]):
            self._note_things(key, new)

    def users(self, key: Key) -> tuple[Key, ...]:
        """The pods that name this claim, ConfigMap or Secret."""
        return tuple(self._users.get(key, ()))

    def things(self, pod: Key) -> tuple[Key, ...]:
        """The claims, ConfigMaps and Secrets that a pod names."""
        return self._things.get(pod, ())

    def records(self, pod: Key) -> tuple[Key, ...]:
        return tuple(self._records.get(pod, ()))

    def _note_things(self, key: Key, pod: Json | None) -> None:
        named = tuple(dict.fromkeys(things_named(key, pod))) if pod else ()
        _move(self._users, key, self._things.pop(key, ()), named)
        if named:
            self._things[key] = named


def observe(cache: Cache, key: Key, node_name: str) -> Observed | None:
    """Freeze what matters for one pod; None: it is not on this node and left nothing here."""
    pod = cache.get(key)
    uid = meta.uid(pod) if pod else ""
    if pod is not None and dig(pod, "spec", "nodeName") != node_name:
        pod = None
    residents, tenants = cache.index(Residents), cache.index(Tenants)
    records = [record for name in residents.records(key) if (record := cache.get(name))]
    mine = [record for record in records if record["node"] in ("", node_name)]
    strays = tuple(record for record in mine if sandbox.uid_of(record) != uid)
    if pod is None:
        return Observed(key, None, strays=strays) if strays else None
    return Observed(
        key,
        pod,
        cache.get(sandbox.key_for(uid)),
        strays,
        cache.get(Key("Node", "", node_name)),
        dict(found(cache, residents.things(key))),
        tuple(_services(cache, key)),
        tenants.room(node_name),
        tenants,
        _beside(cache, pod, tenants.room(node_name)),
    )


def is_critical(pod: Json) -> bool:
    """system-node-critical and system-cluster-critical: a node makes room for it."""
    return int(dig(pod, "spec", "priority", default=0) or 0) >= CRITICAL


def _beside(cache: Cache, pod: Json, room: Room) -> Mapping[Key, Json]:
    if not is_critical(pod) or dig(pod, "status", "startTime"):
        return {}
    return {key: other for key in room.tenants if (other := cache.get(key)) is not None}


def things_named(key: Key, pod: Json) -> Iterator[Key]:
    """Claims, ConfigMaps and Secrets that the pod's volumes and variables name."""
    for volume in dig(pod, "spec", "volumes", default=()):
        for kind, name in _volume_things(volume, key.name):
            yield Key(kind, key.namespace, name)
    for secret in dig(pod, "spec", "imagePullSecrets", default=()):
        yield Key("Secret", key.namespace, secret.get("name", ""))
    for container in containers_of(pod):
        for kind, name in _variable_things(container):
            yield Key(kind, key.namespace, name)


def containers_of(pod: Json) -> list[Json]:
    """Init containers first, then the others, then those that were added to look inside."""
    fields = ("initContainers", "containers", "ephemeralContainers")
    return [container for field in fields for container in pod["spec"].get(field) or ()]


def _services(cache: Cache, key: Key) -> Iterator[Json]:
    """The namespace's services, and the API's own for everyone."""
    kubernetes = cache.get(KUBERNETES)
    if kubernetes is not None and key.namespace != KUBERNETES.namespace:
        yield kubernetes
    yield from cache.all("Service", key.namespace)


def found(cache: Cache, keys: Iterable[Key]) -> Iterator[tuple[Key, Json]]:
    """Those of the named things that are there, and the volumes that claims are bound to."""
    for key in keys:
        thing = cache.get(key)
        if thing is None:
            continue
        yield key, thing
        volume_name = dig(thing, "spec", "volumeName", default="") if key.kind == "PersistentVolumeClaim" else ""
        volume_key = Key("PersistentVolume", "", volume_name)
        volume = cache.get(volume_key) if volume_name else None
        if volume is not None:
            yield volume_key, volume


def _volume_things(volume: Json, pod_name: str) -> Iterator[tuple[str, str]]:
    if claim := volume.get("persistentVolumeClaim"):
        yield "PersistentVolumeClaim", claim["claimName"]
    if volume.get("ephemeral"):
        yield "PersistentVolumeClaim", f"{pod_name}-{volume['name']}"
    sources = [volume, *dig(volume, "projected", "sources", default=())]
    for source in sources:
        if named := source.get("configMap"):
            yield "ConfigMap", named.get("name", "")
        if named := source.get("secret"):
            yield "Secret", named.get("secretName") or named.get("name", "")


def _variable_things(container: Json) -> Iterator[tuple[str, str]]:
    sources: list[Any] = [variable.get("valueFrom") or {} for variable in container.get("env") or ()]
    for source in sources:
        if named := source.get("configMapKeyRef"):
            yield "ConfigMap", named.get("name", "")
        if named := source.get("secretKeyRef"):
            yield "Secret", named.get("name", "")
    for source in container.get("envFrom") or ():
        if named := source.get("configMapRef"):
            yield "ConfigMap", named.get("name", "")
        if named := source.get("secretRef"):
            yield "Secret", named.get("name", "")


def _pod_keys(record: Json | None) -> list[Key]:
    return [sandbox.pod_of(record)] if record else []


def _move(index: dict[Key, dict[Key, None]], key: Key, old: Iterable[Key], new: Iterable[Key]) -> None:
    for name in old:
        members = index.get(name, {})
        members.pop(key, None)
        if not members:
            index.pop(name, None)
    for name in new:
        index.setdefault(name, {})[key] = None
