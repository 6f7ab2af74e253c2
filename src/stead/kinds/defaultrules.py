"""Defaults of a schema: they must be what their own schema would accept."""

from collections.abc import Iterator, Mapping

from stead.kinds import embedded, schema, schemacheck
from stead.machinery import fields
from stead.machinery.fields import FieldError
from stead.machinery.objects import Json


def errors(of: Json, path: str, *, is_root: bool = True) -> Iterator[FieldError]:
    """Every default that is not pruned or not valid; below `additionalProperties` of metadata there are none."""
    if of.get("default") is not None and not is_root:
        yield from _default(of, f"{path}.default")
    items = of.get("items")
    if isinstance(items, Mapping):
        yield from errors(items, f"{path}.items", is_root=False)
    for name, below in (of.get("properties") or {}).items():
        if not (name in schema.OF_EVERY_OBJECT and (is_root or of.get(schema.EMBEDDED))):
            yield from errors(below, f"{path}.properties[{name}]", is_root=False)


def _default(of: Json, path: str) -> Iterator[FieldError]:
    value = of["default"]
    if schema.pruned(value, of, is_root=False) != value:
        yield fields.invalid(path, value, "must not have unknown fields")
    found = list(embedded.errors(value, of, path)) or list(_checked(value, of, path))
    yield from found


def _checked(value: object, of: Json, path: str) -> Iterator[FieldError]:
    """The schema's own faults, told below the default's path."""
    for error in schemacheck.errors(value, of):
        below = "" if error.field == "<nil>" else error.field
        yield FieldError(f"{path}{'' if below.startswith('[') or not below else '.'}{below}", error.reason, error.text)
