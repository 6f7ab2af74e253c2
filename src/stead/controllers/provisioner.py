"""The directory provisioner: a claim that no volume fits gets a directory of its own, which grows and goes with it.

It serves every StorageClass whose provisioner is `stead.dev/directory`, once the binder has written on the claim that
it is wanted. The directory itself is made when it is first mounted, and removed by the runtime when the volume is
Released and its policy is Delete (3.3.3, 3.3.6 and 3.3.10 in around.md).

All nodes are on one machine, so a directory is in reach of each of them, like a disk on a network. A class with the
parameter `boundTo: node` gives its volumes the node affinity that a node's own disks would have (3.3.9).
"""

from collections.abc import Iterable

from msgspec import Struct

from stead.kinds.claimfit import class_of, wanted_size
from stead.machinery import meta, quantity
from stead.machinery.cache import Cache
from stead.machinery.keys import Key
from stead.machinery.objects import Json, dig
from stead.machinery.plan import (
    NO_REACTION,
    Action,
    Create,
    Delete,
    Emit,
    Fence,
    Outcome,
    Patch,
    Plan,
    Reaction,
    Refused,
    Waiting,
)
from stead.machinery.runtime import RemoveVolume
from stead.machinery.times import Now
from stead.machinery.watch import WatchEvent

PROVISIONER = "stead.dev/directory"
PROVISIONED_BY = "pv.kubernetes.io/provisioned-by"
STORAGE_PROVISIONER = "volume.kubernetes.io/storage-provisioner"
SELECTED_NODE, HOSTNAME = "volume.kubernetes.io/selected-node", "kubernetes.io/hostname"
BOUND_TO, NODE = "boundTo", "node"
CLAIM, VOLUME, REMOVED = "PersistentVolumeClaim", "PersistentVolume", "RemovedVolume"


class Observed(Struct, frozen=True):
    """A claim with its class and volume; or a volume, and what the runtime said of its directory ("" is: removed)."""

    key: Key
    obj: Json
    storage_class: Json | None = None
    volume: Json | None = None
    error: str | None = None


class Provisioner:
    """`root` is the absolute path under which directories are named; it is only text here."""

    name = "provisioner"
    kinds = (CLAIM, VOLUME, REMOVED)

    def __init__(self, root: str) -> None:
        self.root = root

    def wants(self, event: WatchEvent, cache: Cache) -> Iterable[Key]:
        kind, _, name = event.key
        if kind == REMOVED:  # an error is told in a round of its own, so that telling it does not count as a retry
            return [event.key if event.obj["error"] else Key(VOLUME, "", name)]
        return [event.key] if kind in (CLAIM, VOLUME) and event.type != "DELETED" else []

    def observe(self, cache: Cache, key: Key) -> Observed | None:
        obj = cache.get(Key(VOLUME, "", key.name) if key.kind == REMOVED else key)
        if obj is None:
            return None
        if key.kind != CLAIM:
            removed = cache.get(Key(REMOVED, "", key.name))
            return Observed(key, obj, error=None if removed is None else str(removed["error"]))
        if meta.annotations(obj).get(STORAGE_PROVISIONER) != PROVISIONER:
            return None
        storage_class = cache.get(Key("StorageClass", "", class_of(obj)))
        return Observed(key, obj, storage_class, cache.get(Key(VOLUME, "", _volume_name(obj))))

    def reconcile(self, observed: Observed, now: Now) -> Plan:
        if observed.key.kind == REMOVED:
            return _failed(observed, observed.error or "")
        if observed.key.kind == VOLUME:
            return _volume(observed)
        return _grow(observed) if dig(observed.obj, "spec", "volumeName") else self._claim(observed)

    def react(self, observed: Observed, action: Action, outcome: Outcome, now: Now) -> Reaction:
        """The volume is there already, or gone already: as it was meant."""
        is_so = isinstance(outcome, Refused) and outcome.reason in ("AlreadyExists", "NotFound")
        return Reaction(is_failure=False) if is_so else NO_REACTION

    def _claim(self, observed: Observed) -> Plan:
        claim, class_ = observed.obj, observed.storage_class
        if observed.volume is not None or meta.is_terminating(claim) or class_ is None:
            return Plan()
        why, remedy = _objection(claim, class_)
        if why:
            told = f'failed to provision volume with StorageClass "{meta.name(class_)}": {why}'
            waiting = Waiting(told, "3.3.3", observed.key, remedy=remedy)
            return Plan((Emit(claim, "Warning", "ProvisioningFailed", told),), waiting=(waiting,))
        name = f"{meta.namespace(claim)}/{meta.name(claim)}"
        began = f'External provisioner is provisioning volume for claim "{name}"'
        told = f"Successfully provisioned volume {_volume_name(claim)}"
        return Plan(
            (
                Emit(claim, "Normal", "Provisioning", began),
                Create(self._made_for(claim, class_)),
                Fence(),
                Emit(claim, "Normal", "ProvisioningSucceeded", told),
            )
        )

    def _made_for(self, claim: Json, class_: Json) -> Json:
        spec, name = claim["spec"], _volume_name(claim)
        reference = {
            "apiVersion": "v1",
            "kind": CLAIM,
            "namespace": meta.namespace(claim),
            "name": meta.name(claim),
            "uid": meta.uid(claim),
        }
        return {
            "apiVersion": "v1",
            "kind": VOLUME,
            "metadata": {"name": name, "annotations": {PROVISIONED_BY: PROVISIONER}},
            "spec": {
                "accessModes": spec["accessModes"],
                "capacity": {"storage": dig(spec, "resources", "requests", "storage")},
                "claimRef": reference,
                "persistentVolumeReclaimPolicy": class_.get("reclaimPolicy", "Delete"),
                "storageClassName": meta.name(class_),
                "volumeMode": spec.get("volumeMode", "Filesystem"),
                "hostPath": {"path": f"{self.root}/{name}", "type": "DirectoryOrCreate"},
                **_affinity(claim, class_),
            },
        }


def _objection(claim: Json, class_: Json) -> tuple[str, str]:
    """Why no volume is made for a claim, and what helps; "" where one is."""
    bound_to = _bound_to(class_)
    if dig(claim, "spec", "selector"):
        return "claim Selector is not supported", "take the selector out of the claim"
    if bound_to not in ("", NODE):
        return f"parameter {BOUND_TO} is {bound_to!r}", f"write {BOUND_TO}: {NODE} or leave it out, in a new class"
    if bound_to and SELECTED_NODE not in meta.annotations(claim):
        told = f"with {BOUND_TO}: {NODE} the pod's node comes first"
        return told, "make the class anew with volumeBindingMode: WaitForFirstConsumer"
    return "", ""


def _bound_to(class_: Json) -> str:
    return str(dig(class_, "parameters", BOUND_TO, default=""))


def _affinity(claim: Json, class_: Json) -> dict[str, Json]:
    if not _bound_to(class_):
        return {}
    here = {"key": HOSTNAME, "operator": "In", "values": [meta.annotations(claim)[SELECTED_NODE]]}
    return {"nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [here]}]}}}


def _volume_name(claim: Json) -> str:
    return f"pvc-{meta.uid(claim)}"


# --- growth


def _grow(observed: Observed) -> Plan:
    """3.3.10: a directory holds what the disk holds, so that growing it is a matter of saying so, in two steps."""
    claim, volume = observed.obj, observed.volume
    has = dig(claim, "status", "capacity", "storage")
    if volume is None or dig(claim, "status", "phase") != "Bound" or meta.is_terminating(claim) or has is None:
        return Plan()
    wanted = dig(claim, "spec", "resources", "requests", "storage", default="0")
    if wanted_size(claim) <= quantity.value(has):
        return Plan()
    others = [one for one in dig(claim, "status", "conditions", default=[]) if one["type"] != "Resizing"]
    if not meta.has_condition(claim, "Resizing"):
        resizing = {"type": "Resizing", "status": "True", "lastProbeTime": None}
        told = f"External resizer is resizing volume {meta.name(volume)}"
        return Plan((_status(claim, {"conditions": [*others, resizing]}), Emit(claim, "Normal", "Resizing", told)))
    grown = Patch(Key(VOLUME, "", meta.name(volume)), {"spec": {"capacity": {"storage": wanted}}}, uid=meta.uid(volume))
    done = _status(claim, {"capacity": {"storage": wanted}, "conditions": others or None})
    return Plan((grown, Fence(), done, Emit(claim, "Normal", "VolumeResizeSuccessful", "Resize volume succeeded")))


def _status(claim: Json, status: Json) -> Patch:
    key = Key(CLAIM, meta.namespace(claim), meta.name(claim))
    return Patch(key, {"status": status}, subresource="status", uid=meta.uid(claim))


# --- the end


def _volume(observed: Observed) -> Plan:
    """A Released volume that may go: first its directory, then, once the runtime says so, the object."""
    volume, by = observed.obj, meta.annotations(observed.obj).get(PROVISIONED_BY)
    policy, phase = dig(volume, "spec", "persistentVolumeReclaimPolicy"), dig(volume, "status", "phase")
    if policy != "Delete" or phase not in ("Released", "Failed") or by not in (None, PROVISIONER):
        return Plan()
    if by is None:
        told = f'no deleter for volume "{meta.name(volume)}": it was not provisioned by {PROVISIONER}'
        return _failed(observed, told) if phase == "Released" else Plan()
    if observed.error == "":
        return Plan() if meta.is_terminating(volume) else Plan((Delete(observed.key, meta.uid(volume)),))
    path = str(dig(volume, "spec", "hostPath", "path"))
    return Plan((RemoveVolume(observed.key.name, path),), is_failed=observed.error is not None)


def _failed(observed: Observed, error: str) -> Plan:
    volume = observed.obj
    told = Emit(volume, "Warning", "VolumeFailedDelete", error)
    if (dig(volume, "status", "phase"), dig(volume, "status", "message")) == ("Failed", error):
        return Plan((told,))
    status = {"phase": "Failed", "message": error}
    key = Key(VOLUME, "", meta.name(volume))
    return Plan((Patch(key, {"status": status}, subresource="status", uid=meta.uid(volume)), told))
