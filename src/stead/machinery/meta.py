"""Labels, owner references, finalizers and conditions: read them, or take a changed copy."""

from typing import Any

from stead.machinery.objects import Json, dig, with_value


def name(obj: Json) -> str:
    return str(obj["metadata"].get("name", ""))


def namespace(obj: Json) -> str:
    return str(obj["metadata"].get("namespace", ""))


def uid(obj: Json) -> str:
    return str(obj["metadata"].get("uid", ""))


def resource_version(obj: Json) -> str:
    return str(obj["metadata"].get("resourceVersion", ""))


def labels(obj: Json) -> Json:
    return obj["metadata"].get("labels") or {}


def annotations(obj: Json) -> Json:
    return obj["metadata"].get("annotations") or {}


def finalizers(obj: Json) -> list[str]:
    return obj["metadata"].get("finalizers") or []


def is_terminating(obj: Json) -> bool:
    return bool(obj["metadata"].get("deletionTimestamp"))


def owners(obj: Json) -> list[Json]:
    return obj["metadata"].get("ownerReferences") or []


def controller_of(obj: Json) -> Json | None:
    """The owner reference that says `controller: true`, if any."""
    for owner in obj["metadata"].get("ownerReferences") or ():
        if owner.get("controller"):
            return owner  # type: ignore[no-any-return]
    return None


def is_controlled_by(obj: Json, owner_uid: str) -> bool:
    owner = controller_of(obj)
    return owner is not None and owner["uid"] == owner_uid


def owner_reference(owner: Json, *, controller: bool = True) -> dict[str, Any]:
    """The reference a dependent carries to `owner`; with `controller`, it blocks the owner's foreground deletion."""
    reference = {
        "apiVersion": owner["apiVersion"],
        "kind": owner["kind"],
        "name": name(owner),
        "uid": uid(owner),
    }
    return {**reference, "controller": True, "blockOwnerDeletion": True} if controller else reference


def condition(obj: Json, type_: str) -> Json | None:
    """The condition of that type in `status.conditions`, if any."""
    for found in dig(obj, "status", "conditions", default=()):
        if found.get("type") == type_:
            return found  # type: ignore[no-any-return]
    return None


def has_condition(obj: Json, type_: str, status: str = "True") -> bool:
    found = condition(obj, type_)
    return found is not None and found.get("status") == status


def with_annotation(obj: Json, key: str, value: str) -> Json:
    return with_value(obj, ("metadata", "annotations"), {**annotations(obj), key: value})
