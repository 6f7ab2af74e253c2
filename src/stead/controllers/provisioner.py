"""The directory provisioner: a claim that no volume fits gets a directory of its own.

It serves every StorageClass whose provisioner is `stead.dev/directory`, and, so that manifests written for other
clusters run as they are, any class the config's table names. The directory itself is made when it is first mounted
and removed by the runtime when a Released volume's policy is Delete.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from stead.machinery import meta
from stead.machinery.cache import Cache
from stead.machinery.keys import Key, key_of
from stead.machinery.objects import Json, dig
from stead.machinery.plan import Calm, Create, Delete, Emit, Patch, Plan
from stead.machinery.runtime import RemoveVolume
from stead.machinery.times import Now
from stead.machinery.watch import WatchEvent

PROVISIONER = "stead.dev/directory"
PROVISIONED_BY = "pv.kubernetes.io/provisioned-by"
STORAGE_PROVISIONER = "volume.kubernetes.io/storage-provisioner"
SELECTED_NODE = "volume.kubernetes.io/selected-node"
CLAIM, VOLUME = "PersistentVolumeClaim", "PersistentVolume"


@dataclass(frozen=True, slots=True)
class Observed:
    key: Key
    obj: Json
    storage_class: Json | None = None  # of a claim
    has_volume: bool = False  # of a claim: its volume exists already
    removed: Json | None = None  # of a volume: what the runtime said of its directory


class Provisioner(Calm):
    """`root` is the absolute path under which directories are named; it is only text here."""

    name = "provisioner"

    def __init__(self, root: str) -> None:
        self.root = root

    def wants(self, event: WatchEvent, cache: Cache) -> Iterable[Key]:
        kind = event.key.kind
        if kind in (CLAIM, VOLUME):
            return [event.key]
        if kind == "RemovedVolume":
            return [Key(VOLUME, "", event.key.name)]
        if kind == "StorageClass":
            return [key_of(CLAIM, claim) for claim in cache.all(CLAIM) if not dig(claim, "spec", "volumeName")]
        return []

    def observe(self, cache: Cache, key: Key) -> Observed | None:
        obj = cache.get(key)
        if obj is None:
            return None
        if key.kind == VOLUME:
            return Observed(key, obj, removed=cache.get(Key("RemovedVolume", "", key.name)))
        name = dig(obj, "spec", "storageClassName", default="")
        has_volume = cache.get(Key(VOLUME, "", _volume_name(obj))) is not None
        return Observed(key, obj, cache.get(Key("StorageClass", "", name)), has_volume)

    def reconcile(self, observed: Observed, now: Now) -> Plan:
        return self._volume(observed) if observed.key.kind == VOLUME else self._claim(observed)

    def _claim(self, observed: Observed) -> Plan:
        claim, class_ = observed.obj, observed.storage_class
        if class_ is None or class_["provisioner"] != PROVISIONER or observed.has_volume:
            return Plan()
        if dig(claim, "spec", "volumeName") or meta.is_terminating(claim) or dig(claim, "spec", "selector"):
            return Plan()
        is_late = class_.get("volumeBindingMode") == "WaitForFirstConsumer"
        if is_late and SELECTED_NODE not in meta.annotations(claim):
            return Plan()
        told = f"Successfully provisioned volume {_volume_name(claim)}"
        mark = {"metadata": {"annotations": {STORAGE_PROVISIONER: PROVISIONER}}}
        return Plan(
            (
                Create(self._made_for(claim, class_)),
                Patch(observed.key, mark, uid=meta.uid(claim)),
                Emit(claim, "Normal", "ProvisioningSucceeded", told),
            )
        )

    def _made_for(self, claim: Json, class_: Json) -> Json:
        spec = claim["spec"]
        name = _volume_name(claim)
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
            },
        }

    def _volume(self, observed: Observed) -> Plan:
        """A Released volume that may go: first its directory, then, once the runtime says so, the object."""
        volume = observed.obj
        is_ours = meta.annotations(volume).get(PROVISIONED_BY) == PROVISIONER
        policy = dig(volume, "spec", "persistentVolumeReclaimPolicy")
        if not is_ours or policy != "Delete" or dig(volume, "status", "phase") != "Released":
            return Plan()
        if observed.removed is None:
            return Plan((RemoveVolume(observed.key.name, str(dig(volume, "spec", "hostPath", "path"))),))
        error = observed.removed["error"]
        if error:
            failed = Patch(observed.key, {"status": {"phase": "Failed", "message": error}}, subresource="status")
            return Plan((failed, Emit(volume, "Warning", "VolumeFailedDelete", error)))
        return Plan((Delete(observed.key, meta.uid(volume)),))


def _volume_name(claim: Json) -> str:
    return f"pvc-{meta.uid(claim)}"
