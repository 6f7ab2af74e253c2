"""Where an object stands, in one sentence: what is told beside its waits, and where it waits for nothing."""

from collections.abc import Callable, Mapping

from stead.cluster.settled import is_settled
from stead.controllers.statefulset import identity
from stead.kinds.pod import PodView
from stead.machinery import meta
from stead.machinery.cache import Cache
from stead.machinery.keys import Key
from stead.machinery.objects import Json, dig


def of(cache: Cache, key: Key, *, is_waiting: bool) -> str:
    """One sentence without a full stop, "" for an object that is not there and that nobody makes.

    `is_waiting`: for something that its spec does not ask for.
    """
    obj = cache.get(key)
    if obj is None:
        return _expected(cache, key)
    if obj["metadata"].get("deletionTimestamp"):
        return "it is being deleted"
    told = _TELLERS[key.kind](obj) if key.kind in _TELLERS else "it is there"
    is_as_wanted = key.kind == "StatefulSet" and not is_waiting and is_settled(obj)
    return f"{told}: as its spec wants it" if is_as_wanted else told


def _of_set(obj: Json) -> str:
    spec, status = obj["spec"], obj.get("status") or {}
    wanted, ready = spec.get("replicas", 1), status.get("readyReplicas", 0)
    return f"{ready} of {wanted} replicas are Ready, {_rolled(spec, status, wanted)}"


def _rolled(spec: Json, status: Json, wanted: int) -> str:
    """How far a roll-out is."""
    old, new = status.get("currentRevision", ""), status.get("updateRevision", "")
    updated = status.get("updatedReplicas", 0)
    if old == new:
        return f"{'all' if updated == status.get('replicas', 0) else updated} at revision {new or 'none yet'}"
    told = f"{updated} of {wanted} at the new revision {new}, the others at {old}"
    if dig(spec, "updateStrategy", "type") == "OnDelete":
        return f"{told} until they are deleted (OnDelete)"
    partition = dig(spec, "updateStrategy", "rollingUpdate", "partition", default=0)
    return f"{told} (partition {partition})" if partition else told


def _of_pod(obj: Json) -> str:
    pod = PodView(obj)
    where = f" on node {pod.node}" if pod.node else ""
    why = dig(obj, "status", "message") or dig(obj, "status", "reason")
    if pod.phase == "Failed" and why:
        return f"it is Failed{where} for good: {why}"
    return f"it is {pod.phase or 'Pending'}{where}, {'Ready' if pod.has_ready_condition else 'not Ready'}"


def _of_claim(obj: Json) -> str:
    volume = dig(obj, "spec", "volumeName", default="")
    return f"it is {dig(obj, 'status', 'phase', default='Pending')}{f' to {volume}' if volume else ''}"


def _of_node(obj: Json) -> str:
    ready = (meta.condition(obj, "Ready") or {}).get("status", "")
    told = {"True": "Ready", "False": "not Ready"}.get(ready, "Unknown: nobody has heard of it")
    return f"it is {told}" + (", and takes no pods (cordoned)" if dig(obj, "spec", "unschedulable") else "")


_TELLERS: Mapping[str, Callable[[Json], str]] = {
    "StatefulSet": _of_set,
    "Pod": _of_pod,
    "PersistentVolumeClaim": _of_claim,
    "Node": _of_node,
}


# --- what is not there yet


def owner_to_be(cache: Cache, key: Key) -> Key | None:
    """The set that makes a pod or claim of that name, whether it wants it now or not."""
    found = identity.parse(key.name)
    if found is None or found.ordinal < 0:
        return None
    for obj in cache.all("StatefulSet", key.namespace):
        name = obj["metadata"]["name"]
        templates = obj["spec"].get("volumeClaimTemplates") or ()
        claims = [f"{template['metadata']['name']}-{name}" for template in templates]
        if found.parent in {"Pod": [name], "PersistentVolumeClaim": claims}.get(key.kind, ()):
            return Key("StatefulSet", key.namespace, name)
    return None


def _expected(cache: Cache, key: Key) -> str:
    owner = owner_to_be(cache, key)
    obj = cache.get(owner) if owner else None
    found = identity.parse(key.name)
    if owner is None or obj is None or found is None:
        return ""
    first = dig(obj, "spec", "ordinals", "start", default=0)
    last = first + obj["spec"].get("replicas", 1) - 1
    if first <= found.ordinal <= last:
        return f"it does not exist yet; StatefulSet {owner.name} makes it"
    named = f"{owner.name}-{first} to {owner.name}-{last}" if last >= first else "none"
    return f"it does not exist, and StatefulSet {owner.name} wants no such replica: its replicas are {named}"
