"""CustomResourceDefinition: a kind that makes kinds. It is established as soon as it is written."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from stead.kinds import objectmeta
from stead.kinds.columns import NAME, at
from stead.kinds.kind import Column, Kind, Subresource
from stead.kinds.syntax import label_faults, subdomain_faults
from stead.machinery import fields, meta
from stead.machinery.fields import FieldError
from stead.machinery.objects import Json, dig

GROUP = "apiextensions.k8s.io"
ID = "CustomResourceDefinition"
CLEANUP = "customresourcecleanup.apiextensions.k8s.io"
SCOPES = ("Cluster", "Namespaced")
SUBRESOURCES = ("status", "scale")
RULES = "x-kubernetes-validations"


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
    """Established at once: nobody but the store has to agree."""
    finalizers = meta.finalizers(obj)
    kept = finalizers if CLEANUP in finalizers else [*finalizers, CLEANUP]
    return {**obj, "metadata": {**obj["metadata"], "finalizers": kept}, "status": _status(obj)}


def _status(obj: Json) -> Json:
    since = obj["metadata"].get("creationTimestamp", "")
    told = (
        ("NamesAccepted", "NoConflicts", "no conflicts found"),
        ("Established", "InitialNamesAccepted", "the initial names have been accepted"),
    )
    conditions = [
        {"type": type_, "status": "True", "lastTransitionTime": since, "reason": reason, "message": message}
        for type_, reason, message in told
    ]
    stored = [version["name"] for version in obj["spec"].get("versions") or () if version.get("storage")]
    return {"conditions": conditions, "acceptedNames": obj["spec"]["names"], "storedVersions": stored}


def prepare_update(new: Json, old: Json) -> Json:
    """What was ever a storage version stays told; new names are accepted."""
    status = {**(old.get("status") or {}), "acceptedNames": new["spec"]["names"]}
    known = list(status.get("storedVersions") or ())
    stored = [version["name"] for version in new["spec"].get("versions") or () if version.get("storage")]
    status["storedVersions"] = [*known, *(name for name in stored if name not in known)]
    return {**new, "status": status}


def prepare_status(new: Json, old: Json) -> Json:
    return {**new, "spec": old["spec"]}


def validate_create(obj: Json) -> Sequence[FieldError]:
    named = liberal(objectmeta.validate_create(obj, subdomain_faults, is_namespaced=False))
    return [*named, *_name_errors(obj), *_errors(obj)]


def liberal(errors: Sequence[FieldError]) -> list[FieldError]:
    """Outside of the built-in kinds a finalizer needs no domain of its own."""
    return [error for error in errors if not error.field.startswith("metadata.finalizers[")]


def validate_update(new: Json, old: Json) -> Sequence[FieldError]:
    errors = [*liberal(objectmeta.validate_update(new, old)), *_errors(new)]
    for path in (("spec", "group"), ("spec", "scope"), ("spec", "names", "kind"), ("spec", "names", "plural")):
        if dig(new, *path) != dig(old, *path):
            errors.append(fields.invalid(".".join(path), dig(new, *path), "field is immutable"))
    return errors


def validate_status(new: Json, old: Json) -> Sequence[FieldError]:
    return liberal(objectmeta.validate_update(new, old))


def warnings(new: Json, old: Json | None) -> Sequence[str]:
    """Rules in CEL are kept and shown, and not held: that must not be silent."""
    for version in dig(new, "spec", "versions", default=[]):
        if _has_rules(dig(version, "schema", "openAPIV3Schema", default={})):
            return (f"stead does not enforce {RULES}: the rules of this definition are kept but never checked",)
    return ()


def _has_rules(schema: Any) -> bool:
    if isinstance(schema, Mapping):
        return RULES in schema or any(_has_rules(part) for part in schema.values())
    return isinstance(schema, list) and any(_has_rules(part) for part in schema)


def _name_errors(obj: Json) -> Iterator[FieldError]:
    wanted = f"{dig(obj, 'spec', 'names', 'plural', default='')}.{dig(obj, 'spec', 'group', default='')}"
    if meta.name(obj) and meta.name(obj) != wanted:
        told = 'must be spec.names.plural+"."+spec.group'
        yield fields.invalid("metadata.name", meta.name(obj), told)


def _errors(obj: Json) -> Iterator[FieldError]:
    spec = obj.get("spec") or {}
    yield from _group_errors(spec.get("group") or "")
    yield from _names_errors(spec.get("names") or {})
    if spec.get("scope") not in SCOPES:
        if spec.get("scope"):
            yield fields.not_supported("spec.scope", spec["scope"], list(SCOPES))
        else:
            yield fields.required("spec.scope")
    yield from _versions_errors(spec.get("versions") or [])
    if dig(spec, "conversion", "strategy") == "Webhook":
        yield fields.forbidden("spec.conversion.strategy", "stead has no conversion webhooks: only None is supported")


def _group_errors(group: str) -> Iterator[FieldError]:
    if not group:
        yield fields.required("spec.group")
        return
    for fault in subdomain_faults(group):
        yield fields.invalid("spec.group", group, fault)
    if "." not in group:
        yield fields.invalid("spec.group", group, "should be a domain with at least one dot")


def _names_errors(names: Json) -> Iterator[FieldError]:
    for member in ("plural", "singular", "kind", "listKind"):
        name = names.get(member) or ""
        if not name:
            yield fields.required(f"spec.names.{member}")
            continue
        for fault in label_faults(name.lower()):
            yield fields.invalid(f"spec.names.{member}", name, fault)
        if member in ("plural", "singular") and name != name.lower():
            yield fields.invalid(f"spec.names.{member}", name, "must be all lowercase")
    if names.get("kind") and names.get("kind") == names.get("listKind"):
        yield fields.invalid("spec.names.listKind", names["listKind"], "kind and listKind may not be the same")


def _versions_errors(versions: Sequence[Json]) -> Iterator[FieldError]:
    names: set[str] = set()
    for index, version in enumerate(versions):
        path = f"spec.versions[{index}]"
        name = version.get("name") or ""
        for fault in label_faults(name):
            yield fields.invalid(f"{path}.name", name, fault)
        if name in names:
            yield fields.duplicate(f"{path}.name", name)
        names.add(name)
        yield from _schema_errors(version, path)
    if sum(bool(version.get("storage")) for version in versions) != 1:
        yield fields.invalid("spec.versions", list(versions), "must have exactly one version marked as storage version")
    if not any(version.get("served") for version in versions):
        yield fields.invalid("spec.versions", list(versions), "must have at least one served version")


def _schema_errors(version: Json, path: str) -> Iterator[FieldError]:
    schema = dig(version, "schema", "openAPIV3Schema")
    if schema is None:
        yield fields.required(f"{path}.schema.openAPIV3Schema", "schemas are required")
    elif schema.get("type") != "object":
        told = "must be object" if schema.get("type") else "must not be empty at the root"
        maker = fields.invalid(f"{path}.schema.openAPIV3Schema.type", schema.get("type") or "", told)
        yield maker if schema.get("type") else fields.required(f"{path}.schema.openAPIV3Schema.type", told)
    elif schema.get("x-kubernetes-preserve-unknown-fields") is False:
        yield fields.invalid(f"{path}.schema.openAPIV3Schema", False, "must be true or undefined")


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
