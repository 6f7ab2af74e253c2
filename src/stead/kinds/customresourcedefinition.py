"""CustomResourceDefinition: a kind that makes kinds. It is established as soon as it is written."""

from collections.abc import Sequence
from typing import Any

from stead.kinds import objectmeta
from stead.kinds.columns import NAME, at
from stead.kinds.kind import Column, Kind, Subresource
from stead.kinds.syntax import subdomain_faults
from stead.machinery import fields, meta
from stead.machinery.fields import FieldError
from stead.machinery.late import Late
from stead.machinery.objects import Json, dig

definitionrules: Any = Late("stead.kinds.definitionrules")

GROUP = "apiextensions.k8s.io"
ID = "CustomResourceDefinition"
CLEANUP = "customresourcecleanup.apiextensions.k8s.io"
_CONFLICTS = (
    ("plural", "PluralConflict"),
    ("singular", "SingularConflict"),
    ("shortNames", "ShortNamesConflict"),
    ("kind", "KindConflict"),
    ("listKind", "ListKindConflict"),
)


def default(obj: Json) -> Json:
    spec = dict(obj.get("spec") or {})
    names = dict(spec.get("names") or {})
    kind = names.get("kind") or ""
    names["singular"] = names.get("singular") or kind.lower()
    names["listKind"] = names.get("listKind") or (f"{kind}List" if kind else "")
    spec["names"] = names
    spec.setdefault("conversion", {"strategy": "None"})
    return {**obj, "spec": spec}


def prepare_create(obj: Json) -> Json:
    finalizers = meta.finalizers(obj)
    kept = finalizers if CLEANUP in finalizers else [*finalizers, CLEANUP]
    return {**obj, "metadata": {**obj["metadata"], "finalizers": kept}, "status": {"storedVersions": _stored(obj)}}


def _stored(obj: Json) -> list[str]:
    return [version["name"] for version in dig(obj, "spec", "versions", default=[]) if version.get("storage")]


def prepare_update(new: Json, old: Json) -> Json:
    """What was ever a storage version stays told."""
    status = dict(old.get("status") or {})
    known = list(status.get("storedVersions") or ())
    status["storedVersions"] = [*known, *(name for name in _stored(new) if name not in known)]
    return {**new, "status": status}


def prepare_status(new: Json, old: Json) -> Json:
    return {**new, "spec": old["spec"]}


# --- names


def with_names(obj: Json, others: Sequence[Json], now: str) -> Json:
    """The definition with the names it may have beside `others`; established at once when it has all of them.

    A name that another definition of the group has is not accepted: the older one keeps it, the new kind is not served.
    """
    group = dig(obj, "spec", "group")
    taken = [
        _accepted(one) for one in others if dig(one, "spec", "group") == group and meta.name(one) != meta.name(obj)
    ]
    wanted, had = dict(dig(obj, "spec", "names", default={})), _accepted(obj)
    accepted = {"categories": wanted["categories"]} if wanted.get("categories") else {}
    faults: list[tuple[str, str]] = []
    for member, reason in _CONFLICTS:
        told = _in_use(member, wanted, had, taken)
        if told:
            faults.append((reason, told))
        value = had.get(member) if told else wanted.get(member)
        accepted |= {member: value} if value else {}
    accepted = {"plural": "", "kind": "", **accepted}
    return _with_status(obj, accepted, faults, now)


def _accepted(obj: Json) -> Json:
    found: Json = dig(obj, "status", "acceptedNames", default={})
    return found


def _in_use(member: str, wanted: Json, had: Json, taken: Sequence[Json]) -> str:
    words = ("kind", "listKind") if member in ("kind", "listKind") else ("plural", "singular", "shortNames")
    used = [name for names in taken for word in words for name in _listed(names.get(word))]
    told = [f'"{name}" is already in use' for name in _listed(wanted.get(member)) if name in used]
    return (
        ""
        if wanted.get(member) == had.get(member)
        else told[0]
        if len(told) == 1
        else f"[{', '.join(told)}]"
        if told
        else ""
    )


def _listed(value: Any) -> Sequence[str]:
    return [value] if isinstance(value, str) and value else value or ()


def _with_status(obj: Json, accepted: Json, faults: list[tuple[str, str]], now: str) -> Json:
    reason, message = faults[-1] if faults else ("NoConflicts", "no conflicts found")
    conditions = [_condition(obj, "NamesAccepted", not faults, reason, message, now)]
    if not faults:
        conditions.append(
            _condition(obj, "Established", True, "InitialNamesAccepted", "the initial names have been accepted", now)
        )
    elif meta.has_condition(obj, "Established"):
        conditions.append(next(one for one in dig(obj, "status", "conditions") if one["type"] == "Established"))
    else:
        conditions.append(_condition(obj, "Established", False, "NotAccepted", "not all names are accepted", now))
    others = [
        one
        for one in dig(obj, "status", "conditions", default=[])
        if one["type"] not in ("NamesAccepted", "Established")
    ]
    status = {**(obj.get("status") or {}), "conditions": [*conditions, *others], "acceptedNames": accepted}
    return {**obj, "status": status}


def _condition(obj: Json, sort: str, is_true: bool, reason: str, message: str, now: str) -> Json:
    """A condition; one that says the same as before keeps its time."""
    status = "True" if is_true else "False"
    old: Json = next((one for one in dig(obj, "status", "conditions", default=[]) if one["type"] == sort), {})
    since = old.get("lastTransitionTime", now) if old.get("status") == status else now
    return {"type": sort, "status": status, "lastTransitionTime": since, "reason": reason, "message": message}


def going(obj: Json, now: str) -> Json:
    """A definition whose objects are not gone yet."""
    others = [one for one in dig(obj, "status", "conditions", default=[]) if one["type"] != "Terminating"]
    told = ("Terminating", True, "InstanceDeletionInProgress", "CustomResource deletion is in progress")
    return {**obj, "status": {**(obj.get("status") or {}), "conditions": [*others, _condition(obj, *told, now)]}}


# --- validation


def validate_create(obj: Json) -> Sequence[FieldError]:
    named = liberal(objectmeta.validate_create(obj, subdomain_faults, is_namespaced=False))
    return [*named, *definitionrules.name_errors(obj), *definitionrules.errors(obj)]


def liberal(errors: Sequence[FieldError]) -> list[FieldError]:
    """Outside of the built-in kinds a finalizer needs no domain of its own."""
    return [error for error in errors if not error.field.startswith("metadata.finalizers[")]


def validate_update(new: Json, old: Json) -> Sequence[FieldError]:
    errors = [*liberal(objectmeta.validate_update(new, old)), *definitionrules.errors(new, old)]
    fixed = [("spec", "scope"), ("spec", "names", "kind")] if meta.has_condition(old, "Established") else []
    for path in (*fixed, ("spec", "group"), ("spec", "names", "plural")):
        if dig(new, *path) != dig(old, *path):
            errors.append(fields.invalid(".".join(path), dig(new, *path), "field is immutable"))
    return [*errors, *definitionrules.stored_errors(new)]


def validate_status(new: Json, old: Json) -> Sequence[FieldError]:
    names = definitionrules.accepted_names_errors(_accepted(new), "status.acceptedNames")
    return [*liberal(objectmeta.validate_update(new, old)), *names]


def warnings(new: Json, old: Json | None) -> Sequence[str]:
    """What is said by a schema and held by nobody: formats that no one knows."""
    found: Sequence[str] = definitionrules.warnings(new, old)
    return found


CUSTOM_RESOURCE_DEFINITION = Kind(
    id=ID,
    name="CustomResourceDefinition",
    plural="customresourcedefinitions",
    version="v1",
    group=GROUP,
    is_namespaced=False,
    short_names=("crd", "crds"),
    categories=("api-extensions",),
    type="apiextensions.v1.CustomResourceDefinition",
    has_generation=True,
    default=default,
    prepare_create=prepare_create,
    prepare_update=prepare_update,
    prepare_status=prepare_status,
    validate_create=validate_create,
    validate_update=validate_update,
    validate_status=validate_status,
    warnings=warnings,
    columns=(NAME, Column("Created At", at("metadata", "creationTimestamp", default=None), type="date")),
    subresources=(Subresource("status"),),
)
