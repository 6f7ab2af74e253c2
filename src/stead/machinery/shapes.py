"""What a value at some place of an object is: enough to merge it, to own parts of it and to tell unknown fields.

A `Shape` belongs to a place (a field), not to a type: two fields of one type may merge differently. Shapes of built-in
kinds come from the facts in `kinds/types`, those of custom kinds from their schema; both are lazy, for types recur.
"""

from collections.abc import Mapping
from typing import Literal

from msgspec import Struct, field
from msgspec.structs import force_setattr

Sort = Literal["struct", "map", "list", "scalar", "any"]


class Shape(Struct, frozen=True):
    """One place.

    sort             struct: fixed fields; map: string keys to `element`; list of `element`; scalar; any: opaque JSON
    type             the Go type of the value without list or map marks (`core.v1.Container`, `string`), "" if custom
    fields           of a struct; a lazy mapping
    element          of a list or map; in a struct, of fields it does not know (None: there may be none)
    list_type        `atomic` (also where nothing is said), `set` or `map` with `map_keys` (server-side apply)
    is_atomic        a struct or map owned as a whole (server-side apply)
    patch_strategy   of {merge, replace, retainKeys} (strategic merge patch)
    patch_merge_key  the key that tells the items of a merged list apart, "" for a list of scalars
    defaults         of map keys that may be left out (`protocol`: `TCP`), for `list_type` map
    """

    sort: Sort
    type: str = ""
    fields: Mapping[str, "Shape"] = field(default_factory=dict)
    element: "Shape | None" = None
    list_type: str = "atomic"
    map_keys: tuple[str, ...] = ()
    is_atomic: bool = False
    patch_strategy: frozenset[str] = frozenset()
    patch_merge_key: str = ""
    defaults: Mapping[str, object] = field(default_factory=dict)

    def at(self, name: str) -> "Shape":
        """The shape of one member of a struct or map."""
        if self.sort == "struct":
            return self.fields.get(name) or self.element or ANYTHING
        return self.element or ANYTHING

    @property
    def divides_maps(self) -> bool:
        """Whether a map at this place is owned member by member."""
        return not self.is_atomic and (self.sort == "struct" or self.element is not None)


ANYTHING = Shape("any")
"""Opaque JSON, owned as a whole."""

DEDUCED = Shape("any")
"""JSON of which nothing is known beforehand: maps are owned member by member, lists as a whole."""
force_setattr(DEDUCED, "element", DEDUCED)
