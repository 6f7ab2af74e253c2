"""What a CustomResourceDefinition may not be, in the words of a real server and at the paths it tells.

A real server keeps what all versions share once, and tells its faults there: with one version, or with the same
schema in all, a fault of the schema is one of `spec.validation`, not of `spec.versions[0].schema`.
"""

import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from stead.kinds import defaultrules, formats, schemapaths, schemarules, structural
from stead.kinds.schema import PRESERVES, RULES
from stead.kinds.syntax import dns_1035_faults, subdomain_faults
from stead.machinery import fields, meta
from stead.machinery.fields import FieldError
from stead.machinery.objects import Json, dig

Errors = Iterator[FieldError]

SCOPES = ("Cluster", "Namespaced")
COLUMN_TYPES = ("boolean", "date", "integer", "number", "string")
COLUMN_FORMATS = ("byte", "date", "date-time", "double", "float", "int32", "int64", "password")
SELECTABLE = ("string", "boolean", "integer")
MOST_SELECTABLE = 8
LONGEST_WARNING = 256
APPROVED = "api-approved.kubernetes.io"
_AT_ROOT = (
    "Description Type Format Title Maximum ExclusiveMaximum Minimum ExclusiveMinimum MaxLength MinLength Pattern "
    "MaxItems MinItems UniqueItems MultipleOf Required Items Properties ExternalDocs Example XPreserveUnknownFields "
    "XValidations"
)
_ROOT_WORDS = frozenset(word[:1].lower() + word[1:] for word in _AT_ROOT.split()) | {PRESERVES, RULES}
# What versions share is kept beside them: the member, and where it is then.
_SHARED = {
    "schema": "validation",
    "subresources": "subresources",
    "additionalPrinterColumns": "additionalPrinterColumns",
    "selectableFields": "selectableFields",
}


def name_errors(obj: Json) -> Errors:
    wanted = f"{dig(obj, 'spec', 'names', 'plural', default='')}.{dig(obj, 'spec', 'group', default='')}"
    if meta.name(obj) and meta.name(obj) != wanted:
        yield fields.invalid("metadata.name", meta.name(obj), 'must be spec.names.plural+"."+spec.group')


def errors(obj: Json, old: Json | None = None) -> list[FieldError]:
    """Everything wrong with the spec; of a definition that was there before, rules that it had cost nothing new."""
    spec = obj.get("spec") or {}
    versions: Sequence[Json] = spec.get("versions") or []
    known = frozenset(_rules_of(old)) if old is not None else frozenset[str]()
    found = [*_group_errors(spec.get("group") or ""), *_scope_errors(spec.get("scope") or "")]
    found += _missing_schemas(versions)
    if spec.get("preserveUnknownFields"):
        told = "cannot set to true, set x-kubernetes-preserve-unknown-fields to true in spec.versions[*].schema instead"
        found.append(fields.invalid("spec.preserveUnknownFields", True, told))
    shared = {
        member for member in _SHARED if versions and all(one.get(member) == versions[0].get(member) for one in versions)
    }
    for index, version in enumerate(versions):
        found += _version_errors(version, f"spec.versions[{index}]", shared, known)
    found += _versions_errors(versions)
    found += _names_errors(spec.get("names") or {})
    if versions:
        found += _member_errors(versions[0], "spec", shared, known, is_shared=True)
    found += _conversion_errors(spec.get("conversion") or {})
    return [*found, *_approval_errors(obj, old)]


def _rules_of(old: Json) -> Iterator[str]:
    waiting: list[Any] = [old.get("spec")]
    while waiting:
        part = waiting.pop()
        if isinstance(part, Mapping):
            for rule in part.get(RULES) or ():
                yield from (rule[word] for word in ("rule", "messageExpression") if rule.get(word))
            waiting += part.values()
        elif isinstance(part, list):
            waiting += part


def _group_errors(group: str) -> Errors:
    if not group:
        yield fields.required("spec.group")
    elif faults := subdomain_faults(group):
        yield fields.invalid("spec.group", group, ",".join(faults))
    elif "." not in group:
        yield fields.invalid("spec.group", group, "should be a domain with at least one dot")


def _scope_errors(scope: str) -> Errors:
    if not scope:
        yield fields.required("spec.scope")
    elif scope not in SCOPES:
        yield fields.not_supported("spec.scope", scope, list(SCOPES))


def _missing_schemas(versions: Sequence[Json]) -> Errors:
    for index, version in enumerate(versions):
        if dig(version, "schema", "openAPIV3Schema") is None:
            yield fields.required(f"spec.versions[{index}].schema.openAPIV3Schema", "schemas are required")


# --- versions


def _version_errors(version: Json, path: str, shared: set[str], known: frozenset[str]) -> Errors:
    name = version.get("name") or ""
    if faults := dns_1035_faults(name):
        yield fields.invalid(f"{path}.name", name, ",".join(faults))
    for fault in _warning_faults(version):
        yield fields.invalid(f"{path}.deprecationWarning", version.get("deprecationWarning"), fault)
    yield from _member_errors(version, path, shared, known, is_shared=False)


def _warning_faults(version: Json) -> Iterator[str]:
    text = version.get("deprecationWarning")
    if text is None:
        return
    if not version.get("deprecated"):
        yield "can only be set for deprecated versions"
        return
    if len(text.encode()) > LONGEST_WARNING:
        yield f"must be <= {LONGEST_WARNING} characters long"
    if not text:
        yield "must not be an empty string"
    for at, sign in enumerate(text):
        if unicodedata.category(sign)[0] in "CZ" and sign != " ":
            yield f"must only contain printable UTF-8 characters; non-printable character found at index {at}"
            return


def _versions_errors(versions: Sequence[Json]) -> Errors:
    names = [version.get("name") or "" for version in versions]
    if len({*names}) < len(names):
        yield fields.invalid("spec.versions", _as_go(versions), "must contain unique version names")
    if sum(bool(version.get("storage")) for version in versions) != 1:
        told = "must have exactly one version marked as storage version"
        yield fields.invalid("spec.versions", _as_go(versions), told)
    if versions and (faults := dns_1035_faults(names[0])):
        yield fields.invalid("spec.version", names[0], ",".join(faults))


def _as_go(versions: Sequence[Json]) -> list[Json] | None:
    """Versions as messages print them, without what they share."""
    made: list[Json] = [
        {
            "Name": version.get("name") or "",
            "Served": bool(version.get("served")),
            "Storage": bool(version.get("storage")),
            "Deprecated": bool(version.get("deprecated")),
            "DeprecationWarning": version.get("deprecationWarning"),
            "Schema": None,
            "Subresources": None,
            "AdditionalPrinterColumns": None,
            "SelectableFields": None,
        }
        for version in versions
    ]
    return made or None


def _member_errors(version: Json, path: str, shared: set[str], known: frozenset[str], *, is_shared: bool) -> Errors:
    """The members of a version that are kept at `path`: with it, or beside all versions."""

    def is_here(member: str) -> bool:
        return (member in shared) == is_shared

    schema = dig(version, "schema", "openAPIV3Schema")
    has_status = dig(version, "subresources", "status") is not None
    if is_here("schema") and schema is not None:
        where = f"{path}.{_SHARED['schema'] if is_shared else 'schema'}.openAPIV3Schema"
        yield from _schema_errors(schema, where, has_status, known)
    if is_here("subresources"):
        yield from _scale_errors(dig(version, "subresources", "scale"), f"{path}.subresources.scale")
    if is_here("additionalPrinterColumns"):
        for index, column in enumerate(version.get("additionalPrinterColumns") or ()):
            yield from _column_errors(column, f"{path}.additionalPrinterColumns[{index}]")
    if is_here("selectableFields"):
        yield from _selectable_errors(version.get("selectableFields") or (), schema or {}, f"{path}.selectableFields")


def _schema_errors(schema: Json, path: str, has_status: bool, known: frozenset[str]) -> Errors:
    if has_status:
        yield from _root_errors(schema, path)
    if schema.get("nullable"):
        yield fields.forbidden(f"{path}.nullable", "nullable cannot be true at the root")
    is_readable = structural.is_readable(schema)
    wrong = structural.errors(schema, path) if is_readable else []
    wrong = wrong or (list(defaultrules.errors(schema, path)) if is_readable else [])
    yield from wrong
    yield from schemarules.errors(schema, path, has_types=is_readable and not wrong, known=known)


def _root_errors(schema: Json, path: str) -> Errors:
    """With a status of its own, a schema says at its root only what can be told apart."""
    if schema.get("type") and schema["type"] != "object":
        told = 'only "object" is allowed as the type at the root of the schema if the status subresource is enabled'
        yield fields.invalid(f"{path}.type", schema["type"], told)
    elif [word for word, value in schema.items() if value and word not in _ROOT_WORDS]:
        told = f"only [{_AT_ROOT}] fields are allowed at the root of the schema if the status subresource is enabled"
        yield fields.invalid(path, schema, told)


# --- names


def _names_errors(names: Json) -> Errors:
    for member in ("plural", "singular", "kind", "listKind"):
        if not names.get(member):
            yield fields.required(f"spec.names.{member}")
    yield from accepted_names_errors(names, "spec.names")


def accepted_names_errors(names: Json, path: str) -> Errors:
    """Names that are there and are none."""
    for member in ("plural", "singular"):
        if names.get(member) and (faults := dns_1035_faults(names[member])):
            yield fields.invalid(f"{path}.{member}", names[member], ",".join(faults))
    for member in ("kind", "listKind"):
        if names.get(member) and (faults := dns_1035_faults(names[member].lower())):
            told = f"may have mixed case, but should otherwise match: {','.join(faults)}"
            yield fields.invalid(f"{path}.{member}", names[member], told)
    yield from _listed_names(names, "shortNames", path)
    if names.get("kind") and names["kind"] == names.get("listKind"):
        yield fields.invalid(f"{path}.listKind", names["listKind"], "kind and listKind may not be the same")
    yield from _listed_names(names, "categories", path)


def _listed_names(names: Json, member: str, path: str) -> Errors:
    for index, name in enumerate(names.get(member) or ()):
        if faults := dns_1035_faults(name):
            yield fields.invalid(f"{path}.{member}[{index}]", name, ",".join(faults))


# --- subresources, columns, selectable fields


def _simple_path(value: str, path: str) -> FieldError | None:
    return None if value.startswith(".") else fields.invalid(path, value, "must be a simple json path starting with .")


def _scale_errors(scale: Json | None, path: str) -> Errors:
    if scale is None:
        return
    for member, root in (("specReplicasPath", ".spec."), ("statusReplicasPath", ".status.")):
        value, where = scale.get(member) or "", f"{path}.{member}"
        if not value:
            yield fields.required(where)
        elif wrong := _simple_path(value, where):
            yield wrong
        elif not value.startswith(root):
            yield fields.invalid(where, value, f"should be a json path under {root[:-1]}")
    value, where = scale.get("labelSelectorPath") or "", f"{path}.labelSelectorPath"
    if value and (wrong := _simple_path(value, where)):
        yield wrong
    elif value and not value.startswith((".spec.", ".status.")):
        yield fields.invalid(where, value, "should be a json path under either .spec or .status")


def _column_errors(column: Json, path: str) -> Errors:
    sort, form, json_path = (column.get(member) or "" for member in ("type", "format", "jsonPath"))
    if not column.get("name"):
        yield fields.required(f"{path}.name")
    told = f"must be one of {','.join(COLUMN_TYPES)}"
    if not sort:
        yield fields.required(f"{path}.type", told)
    elif sort not in COLUMN_TYPES:
        yield fields.invalid(f"{path}.type", sort, told)
    if form and form not in COLUMN_FORMATS:
        yield fields.invalid(f"{path}.format", form, f"must be one of {','.join(COLUMN_FORMATS)}")
    if not json_path:
        yield fields.required(f"{path}.JSONPath")
    elif wrong := _simple_path(json_path, f"{path}.JSONPath"):
        yield wrong


def _selectable_errors(selectable: Sequence[Json], schema: Json, path: str) -> Errors:
    seen: list[str] = []
    for index, one in enumerate(selectable):
        value, where = one.get("jsonPath") or "", f"{path}[{index}].jsonPath"
        if not value:
            yield fields.required(where)
            continue
        try:
            shown, found = schemapaths.found(value, schema, with_brackets=False)
        except schemapaths.NoSuchPath as wrong:
            yield fields.invalid(where, value, f"is an invalid path: {wrong}")
            continue
        if shown.partition(".")[0] == "metadata":
            yield fields.invalid(where, value, "must not point to fields in metadata")
        if found.get("type") not in SELECTABLE:
            told = "must point to a field of type string, boolean or integer."
            yield fields.invalid(where, value, f"{told} Enum string fields and strings with formats are allowed.")
        if shown in seen:
            yield fields.duplicate(where, value)
        else:
            seen.append(shown)
    if len(seen) > MOST_SELECTABLE:
        told = f"Too many: {len(seen)}: must have at most {MOST_SELECTABLE} items"
        yield FieldError(path, fields.TOO_MANY, told)


# --- conversion, approval


def _conversion_errors(conversion: Json) -> Errors:
    strategy = conversion.get("strategy") or ""
    if not strategy:
        yield fields.required("spec.conversion.strategy")
    elif strategy not in ("None", "Webhook"):
        yield fields.not_supported("spec.conversion.strategy", strategy, ["None", "Webhook"])
    elif strategy == "Webhook":
        yield fields.forbidden("spec.conversion.strategy", "stead has no conversion webhooks: only None is supported")
    elif conversion.get("webhook"):
        told = "should not be set when strategy is not set to Webhook"
        yield fields.forbidden("spec.conversion.webhookClientConfig", told)


def _approval_errors(obj: Json, old: Json | None) -> Errors:
    """Groups of the Kubernetes community are for definitions that it has approved."""
    group = dig(obj, "spec", "group", default="")
    if not (group.endswith((".k8s.io", ".kubernetes.io")) or group in ("k8s.io", "kubernetes.io")):
        return
    value, path = meta.annotations(obj).get(APPROVED, ""), f"metadata.annotations[{APPROVED}]"
    was_missing = old is not None and APPROVED not in meta.annotations(old)
    see = "see https://github.com/kubernetes/enhancements/pull/1111"
    told = f'protected groups must have approval annotation "{APPROVED}"'
    if not value and not was_missing:
        yield fields.required(path, f"{told}, {see}")
    elif value and not value.startswith(("https://", "http://", "unapproved")):
        why = 'with either a URL or a reason starting with "unapproved"'
        yield fields.invalid(path, value, f"{told} {why}, {see}")


def stored_errors(obj: Json) -> Errors:
    """What was ever a storage version may still be in the store, and must be there to be read."""
    names = [version.get("name") for version in dig(obj, "spec", "versions", default=[])]
    for index, name in enumerate(dig(obj, "status", "storedVersions", default=[])):
        if name not in names:
            told = (
                f"missing from spec.versions; {name} was previously a storage version, and must remain in "
                f"spec.versions until a storage migration ensures no data remains persisted in {name} and removes "
                f"{name} from status.storedVersions"
            )
            yield fields.invalid(f"status.storedVersions[{index}]", name, told)


def warnings(new: Json, old: Json | None) -> list[str]:
    """Formats that nobody looks at, each once; an update is told of those that it brings."""
    known = () if old is None else _formats_of(old)
    return [f'unrecognized format "{form}"' for form in dict.fromkeys(_formats_of(new)) if form not in known]


def _formats_of(obj: Json) -> list[str]:
    versions: Sequence[Json] = dig(obj, "spec", "versions", default=[])
    schemas = [dig(version, "schema", "openAPIV3Schema", default={}) for version in versions]
    return [form for schema in schemas for form in _unknown_formats(schema)]


def _unknown_formats(schema: Json) -> Iterator[str]:
    form = schema.get("format") or ""
    if form and not formats.is_known(form, schema.get("type") or ""):
        yield form
    for _, below in structural.parts(schema, ""):
        yield from _unknown_formats(below)
