"""Everything that is held against a custom object, in the order of a real server.

Its schema, the objects embedded in it, its lists, and last the rules in CEL, which are loaded and
compiled for the first object that meets one.
"""

from collections.abc import Sequence
from functools import cached_property, lru_cache
from typing import Any

from stead.kinds import embedded, jsonpath, schemacheck, twins
from stead.kinds.schema import RULES
from stead.machinery import fields
from stead.machinery.fields import FieldError
from stead.machinery.late import Late
from stead.machinery.objects import Json, canonical, decode

celrules: Any = Late("stead.kinds.cel.rules")

BLOCKING = frozenset((fields.REQUIRED, fields.TOO_LONG, fields.TOO_MANY, fields.TYPE_INVALID))
NOT_CHECKED = (
    "some validation rules were not checked because the object was invalid; correct the existing errors to complete "
    "validation"
)
MOST_REPLICAS = 2**31 - 1


class Rulebook:
    """What holds for the objects of one version of a definition. `tolerated` is what the last update left wrong."""

    def __init__(self, schema: Json, scale_paths: tuple[str, ...]) -> None:
        self.schema = schema
        self.scale_paths = scale_paths
        self.tolerated: Sequence[str] = ()

    @cached_property
    def _data(self) -> bytes:
        return canonical(self.schema)

    @cached_property
    def _place(self) -> Any:
        return _place(self._data) if RULES.encode() in self._data else None

    @cached_property
    def has_embedded(self) -> bool:
        return embedded.has_any(self.schema)

    def errors(self, new: Json, old: Json | None = None) -> list[FieldError]:
        """What is wrong with an object. What an update does not touch may stay as wrong as it was."""
        self.tolerated = ()
        twin = twins.of(new, old) if old is not None else None
        found = list(schemacheck.errors(new, self.schema, "", twin))
        found += self._scale_errors(new)
        if self.has_embedded:
            found += embedded.errors(new, self.schema)
        if old is None or not list(schemacheck.repeated(old, self.schema)):
            found += schemacheck.repeated(new, self.schema)
        if self._place is None:
            return found
        if any(error.reason in BLOCKING for error in found):
            return [*found, fields.invalid("<nil>", "null", NOT_CHECKED)]
        verdict = celrules.judged(self._place, new, old)
        self.tolerated = verdict.warnings
        return [*found, *verdict.errors]

    def _scale_errors(self, obj: Json) -> list[FieldError]:
        found = []
        for path in self.scale_paths[:2]:
            count = jsonpath.first(path, obj)
            if not isinstance(count, int) or isinstance(count, bool):
                continue
            if count < 0:
                found.append(fields.invalid(path, count, "should be a non-negative integer"))
            elif count > MOST_REPLICAS:
                found.append(fields.invalid(path, count, f"should be less than or equal to {MOST_REPLICAS}"))
        return found


@lru_cache(maxsize=64)
def _place(data: bytes) -> Any:
    """The rules of a schema, compiled; versions and restarts of the registry share them."""
    return celrules.place_of(decode(data), is_object=True)
