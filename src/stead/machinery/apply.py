"""Server-side apply: an applier states the fields it cares about; the rest is left to others.

What it states is merged into the live object, what it no longer states and nobody else owns is taken out, and where it
changes what others own there is a conflict, unless it forces.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from stead.machinery import errors
from stead.machinery.fieldsets import EMPTY, LEAF, SELF, FieldSet, difference, intersection, is_member, members, union
from stead.machinery.fieldsets import without_branches as without
from stead.machinery.managedfields import (
    APPLY,
    NOBODYS,
    UPDATE,
    Entry,
    Paths,
    Writer,
    differences_between,
    entries_of,
    managed_after_scale,
    managed_after_update,
    released,
    with_entry,
    with_managed,
    written,
)
from stead.machinery.objects import Json, canonical, decode
from stead.machinery.owned import compare, items_of, said_by
from stead.machinery.shapes import ANYTHING, Shape
from stead.machinery.typed import require_typed

__all__ = ["Conflicts", "apply", "managed_after_scale", "managed_after_update"]

BEFORE_FIRST = "before-first-apply"
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


class Conflicts(errors.Conflict):
    """Others own what the applier would change: a 409 that names every field and its owner."""

    def __init__(self, found: Sequence[tuple[Writer, str]]) -> None:
        self.found = tuple(found)
        causes = [
            {"reason": "FieldManagerConflict", "message": f"conflict with {_named(writer)}", "field": path}
            for writer, path in found
        ]
        super().__init__(f"Apply failed with {_told(found)}", details={"causes": causes})


def apply(
    live: Json | None,
    applied: Json,
    *,
    manager: str,
    force: bool,
    api_version: str,
    time: str,
    shape: Shape,
    subresource: str = "",
    reset: Paths = (),
    zero: Json = EMPTY,
) -> Json:
    """The live object with what was applied, its managedFields up to date; still to be decoded and defaulted.

    live     as stored, None where there is no such object yet
    applied  as the client wrote it, without managedFields
    reset    paths that this way in does not write: ("status",) for the object, ("spec",) for its status
    zero     the kind's zero value as the API prints it: what applying to nothing starts from
    Raises BadRequest where `applied` does not fit the kind, and `Conflicts`.
    An apply that changes nothing keeps its entry's time.
    """
    require_typed(applied, shape)
    base = zero if live is None else with_managed(live, None)
    entries = _entries_before(live, api_version, shape, zero) if live else []
    writer = Writer(manager, APPLY, api_version, subresource)
    last = next((entry for entry in entries if entry.writer.identity == writer.identity), Entry(writer, EMPTY))
    others = [entry for entry in entries if entry.writer.identity != writer.identity]
    said = difference(without(said_by(applied, shape), reset), NOBODYS)

    merged = merge(base, applied, shape)
    owned = [union(said, NOBODYS), *(entry.fields for entry in others)]  # a name goes with nobody's labels
    new = _pruned(merged, last.fields, owned, shape)
    differences = differences_between(base, new, shape, reset)
    if not force:
        allowed = _allowed_by_kubectl(base, shape) if manager == "kubectl" else EMPTY
        _refuse_conflicts(others, difference(differences.taken, allowed))
    is_same = differences.is_none
    entries = with_entry(released(others, differences), Entry(writer, said, last.time if is_same else time))
    return with_managed(_with_last_applied(new, applied, manager), written(entries))


def _entries_before(live: Json, api_version: str, shape: Shape, zero: Json) -> list[Entry]:
    """The entries of a stored object. What nobody is known to have written was there before the first apply."""
    entries = entries_of(live)
    if entries:
        return entries
    unknown = difference(compare(zero, with_managed(live, None), shape).taken, NOBODYS)
    return [Entry(Writer(BEFORE_FIRST, UPDATE, api_version), unknown)] if unknown else []


def merge(old: Any, new: Any, shape: Shape) -> Any:
    """`new` over `old`: maps by key, lists by the keys of their items or as sets, all else replaced."""
    if isinstance(old, Mapping) and isinstance(new, Mapping) and shape.divides_maps:
        merged = dict(old)
        for name, value in new.items():
            merged[name] = merge(old[name], value, shape.at(name)) if name in old else value
        return merged
    if isinstance(old, list) and isinstance(new, list) and shape.sort == "list":
        ours, theirs = items_of(old, shape), items_of(new, shape)
        if ours is not None and theirs is not None:
            return _merged_items(ours, theirs, shape.element or ANYTHING)
    return new


_Steps = list[tuple[str, Any]]


def _merged_items(old: _Steps, new: _Steps, element: Shape) -> list[Any]:
    """Shared items in the order of the new list; old ones that it does not name as early as their old order allows."""
    before, wanted = dict(reversed(old)), {step for step, _ in new}
    shared, left = iter([step for step, _ in new if step in before]), iter(old)
    merged = _unnamed_up_to(next(shared, None), left, wanted)
    for step, item in new:
        if step not in before:
            merged.append(item)
        else:
            merged.append(merge(before[step], item, element))
            merged += _unnamed_up_to(next(shared, None), left, wanted)
    return merged


def _unnamed_up_to(step: str | None, left: Iterator[tuple[str, Any]], wanted: set[str]) -> list[Any]:
    """The next of the old items, up to `step` or all, less those that the new list names."""
    found = []
    for here, item in left:
        if here == step:
            break
        if here not in wanted:
            found.append(item)
    return found


def _pruned(merged: Json, last: FieldSet, owned: Sequence[FieldSet], shape: Shape) -> Json:
    """`merged` without what this applier stated before, when nobody states or owns it now."""
    if not difference(last, owned[0]):
        return merged
    formerly = _with_parents(last, shape)
    kept: FieldSet = EMPTY
    for fields in owned:
        kept = union(kept, _with_parents(fields, shape))
    everything = _with_parents(said_by(merged, shape), shape)
    without_mine = _with_parents(said_by(_removed(merged, formerly, shape), shape), shape)
    unowned = difference(difference(everything, without_mine), kept)
    still_there = _with_parents(said_by(_removed(merged, unowned, shape), shape), shape)
    gone = intersection(difference(everything, still_there), formerly)
    left: Json = _removed(merged, gone, shape)
    return left


def _with_parents(fields: FieldSet, shape: Shape) -> FieldSet:
    """The set with every struct field on the way to a member."""
    found = {}
    for step, node in fields.items():
        is_field = shape.sort == "struct" and step[2:] in shape.fields
        node = _with_parents(node, shape.at(step[2:]))
        found[step] = {SELF: LEAF, **node} if is_field and not is_member(node) else node
    return found


def _removed(value: Any, gone: FieldSet, shape: Shape) -> Any:
    """`value` without the members of a set; a map or list that loses all it had is left out by its parent."""
    if not gone:
        return value
    if isinstance(value, Mapping) and shape.divides_maps:
        left = {}
        for name, item in value.items():
            node = gone.get(f"f:{name}")
            kept = item if node is None else _left_of(item, node, shape.at(name))
            if kept is not _NOTHING:
                left[name] = kept
        return left
    items = items_of(value, shape) if isinstance(value, list) and shape.sort == "list" else None
    if items is None:
        return value
    element = shape.element or ANYTHING
    kept_items = (_left_of(item, gone[step], element) if step in gone else item for step, item in items)
    return [item for item in kept_items if item is not _NOTHING]


_NOTHING = object()


def _left_of(item: Any, node: FieldSet, shape: Shape) -> Any:
    if is_member(node):
        return _NOTHING
    left = _removed(item, node, shape)
    return left if left or not item else _NOTHING


def _refuse_conflicts(others: Sequence[Entry], taken: FieldSet) -> None:
    found = [
        (entry.writer, path)
        for entry in sorted(others, key=lambda entry: entry.writer)
        for path in members(intersection(entry.fields, taken))
    ]
    if found:
        raise Conflicts(found)


def _allowed_by_kubectl(live: Json, shape: Shape) -> FieldSet:
    """What `kubectl apply` of the older sort has set and nobody has changed since: kubectl may take it over."""
    text = live.get("metadata", EMPTY).get("annotations", EMPTY).get(LAST_APPLIED)
    if not text:
        return EMPTY
    try:
        configured = decode(text)
    except ValueError:
        return EMPTY
    if not isinstance(configured, dict):
        return EMPTY
    differs = compare(live, configured, shape)
    return difference(difference(said_by(configured, shape), differs.taken), differs.removed)


def _with_last_applied(obj: Json, applied: Json, manager: str) -> Json:
    """kubectl's annotation follows when kubectl applies to an object that carries it."""
    metadata = obj.get("metadata", EMPTY)
    annotations = metadata.get("annotations") or EMPTY
    if manager != "kubectl" or not annotations.get(LAST_APPLIED):
        return obj
    text = canonical(_without_annotation(applied)).decode() + "\n"
    return {**obj, "metadata": {**metadata, "annotations": {**annotations, LAST_APPLIED: text}}}


def _without_annotation(applied: Json) -> Json:
    metadata = applied.get("metadata", EMPTY)
    annotations = {key: text for key, text in (metadata.get("annotations") or EMPTY).items() if key != LAST_APPLIED}
    rest = {key: value for key, value in metadata.items() if key != "annotations"}
    return {**applied, "metadata": {**rest, "annotations": annotations} if annotations else rest}


def _named(writer: Writer) -> str:
    """An owner as messages name it."""
    text = f'"{writer.manager}"'
    if writer.subresource:
        text = f'{text} with subresource "{writer.subresource}"'
    return f"{text} using {writer.api_version}" if writer.operation == UPDATE else text


def _told(found: Sequence[tuple[Writer, str]]) -> str:
    if len(found) == 1:
        writer, path = found[0]
        return f"1 conflict: conflict with {_named(writer)}: {path}"
    lines = []
    for writer in dict.fromkeys(writer for writer, _ in found):
        lines.append(f"conflicts with {_named(writer)}:")
        lines += [f"- {path}" for owner, path in found if owner == writer]
    return f"{len(found)} conflicts: " + "\n".join(lines)
