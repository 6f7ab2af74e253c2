"""The life of `metadata.managedFields`: who wrote which fields last, entry by entry.

A write takes the fields it adds or changes from everyone, and takes fields that are gone away from everyone (wire.md
3.6). Call these after decoding and defaulting and before admission and allocation: what the server adds later belongs
to nobody.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

from stead.machinery.fieldsets import (
    EMPTY,
    LEAF,
    SELF,
    FieldSet,
    checked,
    difference,
    union,
    without_branches,
)
from stead.machinery.objects import Json
from stead.machinery.owned import Differences, compare
from stead.machinery.shapes import Shape

UPDATE = "Update"
APPLY = "Apply"
MOST_UPDATERS = 10
ANCIENT = "ancient-changes"

_SYSTEM_METADATA = (
    "clusterName",
    "creationTimestamp",
    "generation",
    "managedFields",
    "name",
    "namespace",
    "resourceVersion",
    "selfLink",
    "uid",
)
NOBODYS: FieldSet = {
    "f:apiVersion": LEAF,
    "f:kind": LEAF,
    "f:metadata": {SELF: LEAF, **{f"f:{name}": LEAF for name in _SYSTEM_METADATA}},
}
"""What no entry ever owns."""

Paths = Sequence[Sequence[str]]
STATUS_PATHS: Paths = (("status",),)
SPEC_PATHS: Paths = (("spec",),)


class Writer(NamedTuple):
    """Whose entry it is. Appliers keep theirs across API versions."""

    manager: str
    operation: str = UPDATE
    api_version: str = ""
    subresource: str = ""

    @property
    def identity(self) -> tuple[str, ...]:
        version = self.api_version if self.operation == UPDATE else ""
        return (self.manager, self.operation, version, self.subresource)


class Entry(NamedTuple):
    """One entry; `time` is "" where none is kept."""

    writer: Writer
    fields: FieldSet
    time: str = ""

    def as_json(self) -> Json:
        writer = self.writer
        entry: dict[str, Any] = {"manager": writer.manager, "operation": writer.operation}
        entry["apiVersion"] = writer.api_version
        if self.time:
            entry["time"] = self.time
        entry |= {"fieldsType": "FieldsV1", "fieldsV1": self.fields}
        if writer.subresource:
            entry["subresource"] = writer.subresource
        return entry


def managed_after_update(
    old: Json | None,
    new: Json,
    *,
    manager: str,
    api_version: str,
    time: str,
    shape: Shape,
    subresource: str = "",
    operation: str = UPDATE,
    reset: Paths = (),
    zero: Json = EMPTY,
) -> Json:
    """`new` with the managedFields it has once `manager` has written it over `old`.

    old    the stored object, None on create
    new    the object to be stored; entries that it brings along count (a client may rewrite them), except through a
           subresource; without any, those of `old` go on; a list of one empty entry forgets all
    reset  paths that this way in does not write: ("status",) for the object, ("spec",) for its status
    zero   the kind's zero value as the API prints it: who leaves a field so has not written it
    A stored object without entries stays without: nobody has applied it and nobody knows who wrote it.
    """
    before = zero if old is None else old
    entries, is_given = _entries_before(before, new, subresource)
    if old is not None and not entries:
        return with_managed(new, None)
    differences = _within(compare(before, new, shape), reset)
    writer = Writer(manager, operation, api_version, subresource)
    taken = difference(differences.taken, NOBODYS)
    if not taken and not differences.removed and not is_given:
        return with_managed(new, before.get("metadata", EMPTY).get("managedFields"))
    entries = released(entries, differences)
    if taken:
        own = next((entry.fields for entry in entries if entry.writer.identity == writer.identity), EMPTY)
        entries = with_entry(entries, Entry(writer, union(own, taken), time))
    return with_managed(new, written(_capped(entries)))


def managed_after_scale(old: Json, new: Json, *, manager: str, api_version: str) -> Json:
    """`new` with its managedFields once `manager` has set `spec.replicas` through /scale: an entry without a time."""
    if old.get("spec", EMPTY).get("replicas") == new.get("spec", EMPTY).get("replicas"):
        return with_managed(new, old.get("metadata", EMPTY).get("managedFields"))
    taken: FieldSet = {"f:spec": {"f:replicas": LEAF}}
    entries = released(entries_of(old), Differences(taken, EMPTY))
    entries = with_entry(entries, Entry(Writer(manager, UPDATE, api_version, "scale"), taken))
    return with_managed(new, written(_capped(entries)))


def entries_of(obj: Json) -> list[Entry]:
    """The entries that an object carries, as they are."""
    return [_entry(found, found.get("fieldsV1") or EMPTY) for found in obj["metadata"].get("managedFields") or ()]


def _entry(found: Json, fields: FieldSet) -> Entry:
    names = (found.get(name, "") for name in ("manager", "operation", "apiVersion", "subresource"))
    return Entry(Writer(*names), fields, found.get("time") or "")


def _entries_before(old: Json, new: Json, subresource: str) -> tuple[list[Entry], bool]:
    """The entries to start from, and whether the writer brought others than are stored."""
    stored = old.get("metadata", EMPTY).get("managedFields") or []
    given = new["metadata"].get("managedFields") or []
    if subresource or not given or given == stored:
        return (entries_of(old) if stored else []), False
    if given == [{}]:
        return [], True
    try:
        return [_entry(found, checked(found.get("fieldsV1") or EMPTY)) for found in given], True
    except (ValueError, AttributeError):
        return (entries_of(old) if stored else []), False


def _within(differences: Differences, reset: Paths) -> Differences:
    if not reset or differences.is_none:
        return differences
    return Differences(without_branches(differences.taken, reset), without_branches(differences.removed, reset))


def differences_between(old: Json, new: Json, shape: Shape, reset: Paths) -> Differences:
    """What changed, outside of the paths that are not written."""
    return _within(compare(old, new, shape), reset)


def released(entries: list[Entry], differences: Differences) -> list[Entry]:
    """The entries less what was taken or removed; those that own nothing any more are gone."""
    left = []
    for entry in entries:
        fields = difference(difference(entry.fields, differences.taken), differences.removed)
        if fields:
            left.append(entry._replace(fields=fields))
    return left


def with_entry(entries: list[Entry], own: Entry) -> list[Entry]:
    """The entries with this one in the place of its writer's."""
    others = [entry for entry in entries if entry.writer.identity != own.writer.identity]
    return [*others, own] if own.fields else others


def _capped(entries: list[Entry]) -> list[Entry]:
    """The oldest updates beyond ten become one entry per API version."""
    updates = sorted((one for one in entries if one.writer.operation == UPDATE), key=lambda one: (one.time, one.writer))
    surplus = len(updates) - MOST_UPDATERS
    if surplus <= 0:
        return entries
    first: dict[str, Entry] = {}
    for entry in updates:
        version = entry.writer.api_version
        if surplus <= 0:
            break
        if version not in first:
            first[version] = entry
            continue
        oldest = first[version]
        merged = Entry(Writer(ANCIENT, UPDATE, version), union(oldest.fields, entry.fields), entry.time)
        entries = with_entry([one for one in entries if one not in (oldest, entry)], merged)
        first[version] = merged
        surplus -= 1
    return entries


def written(entries: list[Entry]) -> list[Json]:
    """As the object carries them: appliers before updaters, each by time and name."""
    entries = sorted(entries, key=lambda one: (one.writer.operation, one.time, *one.writer))
    return [entry.as_json() for entry in entries]


def with_managed(obj: Json, managed: Sequence[Json] | None) -> Json:
    """`obj` with these managedFields, without any for none."""
    metadata = obj.get("metadata", EMPTY)
    if (managed or None) == metadata.get("managedFields"):
        return obj
    rest = {name: value for name, value in metadata.items() if name != "managedFields"}
    return {**obj, "metadata": {**rest, "managedFields": managed} if managed else rest}
