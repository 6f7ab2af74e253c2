"""What a kind must say about itself. One value of `Kind` a kind; adding one is a file and a line in the registry.

A kind's file has five sections, always in this order: what it is (the `Kind`, at the end of the file, because it
names the rest), how to read it (the view), what it becomes (defaults, prepare), what it may not be (validation), how
it is shown (columns).
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from msgspec import Struct, field

from stead.machinery.fields import FieldError
from stead.machinery.objects import Json
from stead.machinery.shapes import Shape
from stead.machinery.times import Now

ALL_VERBS = ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")


class Column(Struct, frozen=True):
    """A column of the server's table. `cell` makes the value; `priority` 1 is shown by `-o wide` alone."""

    name: str
    cell: Callable[[Json, Now], Any]
    type: str = "string"
    format: str = ""
    description: str = ""
    priority: int = 0


class Subresource(Struct, frozen=True):
    """`group`, `version` and `kind` are what discovery tells where they differ from the parent's (scale, eviction).

    `paths` of a custom kind's scale: where its wanted and found replicas and its selector stand.
    Where part of an object is written through it, `take(new, old)` makes the stored object with that part of the new,
    and `validate(new, old)` tells what is wrong with it.
    """

    name: str
    verbs: tuple[str, ...] = ("get", "patch", "update")
    kind: str = ""
    group: str = ""
    version: str = ""
    paths: tuple[str, ...] = ()
    take: Callable[[Json, Json], Json] | None = None
    validate: Callable[[Json, Json], Sequence[FieldError]] | None = None


def unchanged(obj: Json) -> Json:
    return obj


def nothing_to_say(_: Json) -> Sequence[Json]:
    return ()


def nothing_wrong(*_: Json) -> Sequence[FieldError]:
    return ()


class Kind(Struct, frozen=True):
    """All that stead knows about one kind.

    `id` is the kind's name in a `Key`: the CamelCase name for stead's built-in kinds, `Name.group` for custom ones.
    `type` names the facts of its fields (`apps.v1.StatefulSet`), "" for a custom kind.

    The functions are pure and never change what they are given:
    default(obj)              after decoding, before anything else, on every way in
    prepare_create(obj)       what create sets or drops (status, spec parts nobody may give); S-1 in api.md
    prepare_update(new, old)  what an update keeps from the stored object (status); S-2
    prepare_status(new, old)  what a write to /status keeps (spec); S-3
    validate_create(obj)      every field error, in upstream's order
    validate_update(new, old)
    validate_status(new, old)
    warnings(new, old or None) texts for Warning headers
    status_warnings(new)      those of a write to /status
    """

    id: str
    name: str
    plural: str
    version: str
    group: str = ""
    singular: str = ""
    is_namespaced: bool = True
    short_names: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    verbs: tuple[str, ...] = ALL_VERBS
    type: str = ""
    has_generation: bool = False
    wants_labels: bool = False  # other labels are another generation, too
    default: Callable[[Json], Json] = unchanged
    prepare_create: Callable[[Json], Json] = unchanged
    prepare_update: Callable[[Json, Json], Json] = field(default=lambda new, old: new)
    prepare_status: Callable[[Json, Json], Json] = field(default=lambda new, old: new)
    validate_create: Callable[[Json], Sequence[FieldError]] = nothing_wrong
    validate_update: Callable[[Json, Json], Sequence[FieldError]] = nothing_wrong
    validate_status: Callable[[Json, Json], Sequence[FieldError]] = nothing_wrong
    warnings: Callable[[Json, Json | None], Sequence[str]] = field(default=lambda new, old: ())
    status_warnings: Callable[[Json], Sequence[str]] = field(default=lambda new: ())
    deprecation: str = ""  # a warning on every answer
    columns: tuple[Column, ...] = ()
    row_conditions: Callable[[Json], Sequence[Json]] = nothing_to_say  # what a table's row says of its object
    subresources: tuple[Subresource, ...] = ()
    selectable_fields: Mapping[str, Callable[[Json], str]] = field(default_factory=dict)
    allows_unconditional_update: bool = True
    allows_create_on_update: bool = False  # a PUT to a name that is not there creates it
    deletion_grace_seconds: Callable[[Json, int | None], int | None] | None = None  # (obj, asked): None is no grace
    schema: Json | None = None  # a custom kind's structural schema
    shape: Shape | None = None  # and how its fields merge; built-in kinds have facts of their type instead
    stored_as: str = ""  # the id of the kind whose objects these are under another name (events.k8s.io/v1)
    to_stored: Callable[[Json], Json] = unchanged  # from this kind's fields to those of `stored_as`
    from_stored: Callable[[Json], Json] = unchanged

    @property
    def api_version(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def singular_name(self) -> str:
        return self.singular or self.name.lower()

    def subresource(self, name: str) -> Subresource | None:
        return next((sub for sub in self.subresources if sub.name == name), None)
