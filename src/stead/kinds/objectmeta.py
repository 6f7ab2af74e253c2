"""What every object's metadata may not be, on create and on update (U-4 in api.md)."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from stead.kinds.checks import faults, needed
from stead.kinds.syntax import Faults, label_faults, label_value_faults, qualified_name_faults
from stead.machinery import fields
from stead.machinery.fields import FieldError
from stead.machinery.objects import Json

_ANNOTATION_BYTES = 256 * 1024
_STANDARD_FINALIZERS = ("kubernetes", "orphan", "foregroundDeletion")
_IMMUTABLE = ("name", "namespace", "uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds")
_ACCESSORIES = ("generation", "labels", "annotations", "ownerReferences", "finalizers")
_IS_IMMUTABLE = "field is immutable"
_REFUSED_OWNERS = {("v1", "Event")}


def validate_create(obj: Json, name_faults: Faults, *, is_namespaced: bool = True) -> list[FieldError]:
    """All of `metadata`. That a namespaced object has a namespace is the URL's business, and the api room's."""
    metadata, path = obj.get("metadata") or {}, "metadata"
    name, generated = metadata.get("name"), metadata.get("generateName")
    errors = faults(f"{path}.generateName", generated, name_faults(_masked(generated))) if generated else []
    errors += needed(f"{path}.name", name, "name or generateName is required")
    errors += faults(f"{path}.name", name, name_faults(name)) if name else []
    errors += _namespace_errors(metadata.get("namespace"), is_namespaced, f"{path}.namespace")
    return [*errors, *_accessories(metadata, path), *_short_finalizer_errors(metadata, path)]


def _namespace_errors(namespace: str | None, is_namespaced: bool, path: str) -> list[FieldError]:
    if not namespace:
        return []
    if not is_namespaced:
        return [fields.forbidden(path, "not allowed on this type")]
    return faults(path, namespace, label_faults(namespace))


def validate_update(new: Json, old: Json) -> list[FieldError]:
    """What is looked at on every update, and then once more for the kind: causes are told as often as upstream does."""
    return [*common(new, old), *changed(new, old)]


def common(new: Json, old: Json) -> list[FieldError]:
    """What is looked at whatever the kind: the new metadata, and the step from the old to it."""
    now, before = new.get("metadata") or {}, old.get("metadata") or {}
    if now == before:
        return []
    accessories = _changed_accessories(now, before)
    return [*accessories, *_step_errors(now, before), *accessories]


def changed(new: Json, old: Json) -> list[FieldError]:
    """The step from the old metadata to the new, as most kinds look at it themselves."""
    now, before = new.get("metadata") or {}, old.get("metadata") or {}
    if now == before:
        return []
    finalizers = _short_finalizer_errors(now, "metadata")
    return [*_step_errors(now, before), *_changed_accessories(now, before), *finalizers]


def _step_errors(now: Json, before: Json) -> list[FieldError]:
    errors = _new_finalizers_while_terminating(now, before)
    if now.get("generation", 0) < before.get("generation", 0):
        errors.append(fields.invalid("metadata.generation", now.get("generation", 0), "must not be decremented"))
    for member in _IMMUTABLE:
        if (now.get(member) or None) != (before.get(member) or None):
            errors.append(fields.invalid(f"metadata.{member}", now.get(member), _IS_IMMUTABLE))
    return errors


def label_errors(labels: Json, path: str) -> list[FieldError]:
    errors: list[FieldError] = []
    for key in sorted(labels):
        errors += [fields.invalid(path, key, fault) for fault in qualified_name_faults(key)]
        errors += [fields.invalid(path, labels[key], fault) for fault in label_value_faults(labels[key])]
    return errors


def annotation_errors(annotations: Json, path: str) -> list[FieldError]:
    errors: list[FieldError] = []
    for key in sorted(annotations):
        errors += [fields.invalid(path, key, fault) for fault in qualified_name_faults(key.lower())]
    if sum(len(key.encode()) + len(text.encode()) for key, text in annotations.items()) > _ANNOTATION_BYTES:
        errors.append(fields.too_long(path, _ANNOTATION_BYTES))
    return errors


def _accessories(metadata: Json, path: str) -> list[FieldError]:
    errors: list[FieldError] = []
    if metadata.get("generation", 0) < 0:
        errors.append(_not_negative(f"{path}.generation", metadata["generation"]))
    for member, look in _LOOKS.items():
        if value := metadata.get(member):
            errors += look(value, f"{path}.{member}")
    return errors


def _changed_accessories(now: Json, before: Json) -> list[FieldError]:
    """What an update leaves as it is has been looked at before."""
    is_same = all(now.get(member) == before.get(member) for member in _ACCESSORIES)
    return [] if is_same else _accessories(now, "metadata")


def _not_negative(path: str, value: int) -> FieldError:
    return fields.invalid(path, value, "must be greater than or equal to 0")


def owner_errors(owners: Sequence[Json], path: str) -> list[FieldError]:
    errors: list[FieldError] = []
    first = ""
    for owner in owners:
        errors += _one_owner_errors(owner, path)
        if not owner.get("controller"):
            continue
        named = f"{owner.get('kind', '')}/{owner.get('name', '')}"
        if first:
            told = (
                "Only one reference can have Controller set to true. "
                f'Found "true" in references for {first} and {named}'
            )
            errors.append(fields.invalid(path, list(owners), told))
        first = first or named
    return errors


def _one_owner_errors(owner: Json, path: str) -> list[FieldError]:
    version = owner.get("apiVersion", "")
    errors: list[FieldError] = []
    if version.count("/") > 1 or not version.rpartition("/")[2]:
        errors.append(fields.invalid(f"{path}.apiVersion", version, "version must not be empty"))
    for member in ("kind", "name", "uid"):
        if not owner.get(member):
            errors.append(fields.invalid(f"{path}.{member}", owner.get(member, ""), "must not be empty"))
    if (version, owner.get("kind")) in _REFUSED_OWNERS:
        told = f"/{version}, Kind={owner['kind']} is disallowed from being an owner"
        errors.append(fields.invalid(path, dict(owner), told))
    return errors


def _finalizer_errors(finalizers: Sequence[str], path: str) -> list[FieldError]:
    errors: list[FieldError] = []
    for finalizer in finalizers:
        errors += [fields.invalid(path, finalizer, fault) for fault in qualified_name_faults(finalizer)]
    if "orphan" in finalizers and "foregroundDeletion" in finalizers:
        told = "finalizer orphan and foregroundDeletion cannot be both set"
        errors.append(fields.invalid(path, list(finalizers), told))
    return errors


_LOOKS: Mapping[str, Callable[[Any, str], list[FieldError]]] = {
    "labels": label_errors,
    "annotations": annotation_errors,
    "ownerReferences": owner_errors,
    "finalizers": _finalizer_errors,
}


def _short_finalizer_errors(metadata: Json, path: str) -> list[FieldError]:
    errors: list[FieldError] = []
    for index, finalizer in enumerate(metadata.get("finalizers") or []):
        errors += standard_finalizer_errors(finalizer, f"{path}.finalizers[{index}]")
    return errors


def standard_finalizer_errors(finalizer: str, path: str) -> list[FieldError]:
    """A finalizer without a domain is one of the few that are known."""
    if "/" in finalizer or finalizer in _STANDARD_FINALIZERS:
        return []
    return [fields.invalid(path, finalizer, "name is neither a standard finalizer name nor is it fully qualified")]


def _new_finalizers_while_terminating(now: Json, before: Json) -> list[FieldError]:
    if not before.get("deletionTimestamp"):
        return []
    known = before.get("finalizers") or []
    extra = [name for name in now.get("finalizers") or [] if name not in known]
    if not extra:
        return []
    listed: Any = "[]string{" + ", ".join(f'"{name}"' for name in sorted(extra)) + "}"
    told = f"no new finalizers can be added if the object is being deleted, found new finalizers {listed}"
    return [fields.forbidden("metadata.finalizers", told)]


def _masked(generate_name: str) -> str:
    """A generated name gets a suffix, so a dash at the end of its base is no fault."""
    return f"{generate_name[:-1]}a" if generate_name.endswith("-") and len(generate_name) > 1 else generate_name
