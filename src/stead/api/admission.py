"""What the cluster itself adds to, and asks of, every write: ordered steps between defaults and validation.

A step takes the object and answers it, changed or not, or raises. The steps of a kind stand in a table; their order is
that of the real server, so that the first refusal is the same.
"""

from collections.abc import Callable, Mapping
from typing import Any

from stead.api import addresses, escalation, limits, podadmission
from stead.api.core import Call, Core
from stead.kinds.kind import Kind
from stead.machinery import errors, meta, quantity
from stead.machinery.errors import Forbidden
from stead.machinery.keys import Key
from stead.machinery.objects import Json, dig, with_value

OnCreate = Callable[[Core, Call, Json], Json]
OnUpdate = Callable[[Core, Call, Json, Json], Json]

PVC_PROTECTION = "kubernetes.io/pvc-protection"
PV_PROTECTION = "kubernetes.io/pv-protection"
DEFAULT_CLASS = "storageclass.kubernetes.io/is-default-class"
BETA_DEFAULT_CLASS = "storageclass.beta.kubernetes.io/is-default-class"
BETA_CLASS = "volume.beta.kubernetes.io/storage-class"


def on_create(core: Core, call: Call, kind: Kind, obj: Json) -> Json:
    """The object as it may be created; raises NotFound and Forbidden."""
    require_namespace(core, kind, obj)
    for step in CREATE_STEPS.get(kind.id, ()):
        obj = step(core, call, obj)
    return obj


def on_update(core: Core, call: Call, kind: Kind, *, new: Json, old: Json) -> Json:
    """The object as it may become; raises Forbidden."""
    for step in UPDATE_STEPS.get(kind.id, ()):
        new = step(core, call, new, old)
    return new


def require_namespace(core: Core, kind: Kind, obj: Json) -> None:
    """Nothing is created in a namespace that is not there or is on its way out."""
    if not kind.is_namespaced:
        return
    name = meta.namespace(obj)
    row = core.store.get(Key("Namespace", "", name))
    if row is None:
        raise errors.not_found("namespaces", "", name)
    if meta.is_terminating(row.obj):
        why = f"unable to create new content in namespace {name} because it is being terminated"
        cause = {
            "reason": "NamespaceTerminating",
            "message": f"namespace {name} is being terminated",
            "field": "metadata.namespace",
        }
        raise forbidden(kind, meta.name(obj), why, [cause])


def forbidden(kind: Kind, name: str, why: str, causes: list[dict[str, Any]] | None = None) -> Forbidden:
    """A refusal of an admission step, which names the object."""
    details = {**errors.named(kind.plural, kind.group, name), **({"causes": causes} if causes else {})}
    return Forbidden(f'{errors.qualified(kind.plural, kind.group)} "{name}" is forbidden: {why}', details=details)


def _with_finalizer(finalizer: str) -> OnCreate:
    def step(core: Core, call: Call, obj: Json) -> Json:
        found = meta.finalizers(obj)
        return obj if finalizer in found else with_value(obj, ("metadata", "finalizers"), [*found, finalizer])

    return step


def _with_default_class(core: Core, call: Call, claim: Json) -> Json:
    """A claim that names no class gets the newest of those that say they are the default; "" names none on purpose."""
    if dig(claim, "spec", "storageClassName") is not None or BETA_CLASS in meta.annotations(claim):
        return claim
    classes = [row.obj for row in core.store.rows("StorageClass") if _is_default(row.obj)]
    if not classes:
        return claim
    by_name = sorted(classes, key=meta.name)
    newest = max(by_name, key=lambda found: found["metadata"]["creationTimestamp"])
    return with_value(claim, ("spec", "storageClassName"), meta.name(newest))


def _is_default(storage_class: Json) -> bool:
    marks = meta.annotations(storage_class)
    return "true" in (marks.get(DEFAULT_CLASS), marks.get(BETA_DEFAULT_CLASS))


def _may_grow(core: Core, call: Call, new: Json, old: Json) -> Json:
    """A claim grows only where its class lets it (V-3)."""
    wanted, had = (dig(claim, "spec", "resources", "requests", "storage") for claim in (new, old))
    if not wanted or not had or quantity.parse(wanted) <= quantity.parse(had):
        return new
    if dig(old, "status", "phase") != "Bound":
        return new  # validation has words for this
    name = dig(old, "spec", "storageClassName", default="")
    row = core.store.get(Key("StorageClass", "", name))
    if row is None or not row.obj.get("allowVolumeExpansion"):
        why = (
            "only dynamically provisioned pvc can be resized and the storageclass that provisions the pvc must "
            "support resize"
        )
        raise forbidden(core.registry.by_id("PersistentVolumeClaim"), meta.name(new), why)
    return new


CREATE_STEPS: Mapping[str, tuple[OnCreate, ...]] = {
    "Pod": (
        limits.on_pod,
        podadmission.with_account,
        podadmission.with_priority,
        podadmission.with_tolerations,
        podadmission.with_runtime,
    ),
    "PersistentVolumeClaim": (_with_finalizer(PVC_PROTECTION), _with_default_class),
    "PersistentVolume": (_with_finalizer(PV_PROTECTION),),
    "Service": (addresses.on_create,),
    "ClusterRole": (escalation.on_role,),
    "ClusterRoleBinding": (escalation.on_binding,),
    "Role": (escalation.on_role,),
    "RoleBinding": (escalation.on_binding,),
}
UPDATE_STEPS: Mapping[str, tuple[OnUpdate, ...]] = {
    "PersistentVolumeClaim": (_may_grow,),
    "Service": (addresses.on_update,),
    "ClusterRole": (escalation.on_role_update,),
    "ClusterRoleBinding": (escalation.on_binding_update,),
    "Role": (escalation.on_role_update,),
    "RoleBinding": (escalation.on_binding_update,),
}
