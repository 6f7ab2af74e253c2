"""Strategic merge patch: a merge patch that knows which lists are sets of named things.

What merges how is told by the `Shape` of each field. Directives in the patch (`$patch`, `$retainKeys`,
`$setElementOrder/x`, `$deleteFromPrimitiveList/x`) steer it and never reach the object.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from stead.machinery.goprint import printed
from stead.machinery.jsonpatch import PatchError
from stead.machinery.objects import Json
from stead.machinery.shapes import ANYTHING, Shape

_DIRECTIVE = "$patch"
_RETAIN = "$retainKeys"
_DELETE_LIST = "$deleteFromPrimitiveList"
_ORDER_LIST = "$setElementOrder"
_DIRECTIVES = (_DIRECTIVE, _RETAIN, _DELETE_LIST + "/", _ORDER_LIST + "/")
_BAD_RETAIN = "invalid patch format of retainKeys"
_BAD_FORMAT = {
    _DELETE_LIST: "invalid patch format of primitive list",
    _ORDER_LIST: "invalid patch format of setElementOrder list",
}


def strategic_merge(obj: Json, patch: Any, shape: Shape) -> Any:
    """`obj` with `patch` merged in as the fields of `shape` say; PatchError where the patch is not well formed."""
    if not isinstance(patch, Mapping):
        raise PatchError("invalid JSON document", 400)
    try:
        return _merged_map(obj, patch, shape)
    except RecursionError:
        raise PatchError("strategic merge patch format is not supported", 400) from None


def _merged_map(old: Json, patch: Json, shape: Shape) -> dict[str, Any]:
    if _DIRECTIVE in patch:
        return _directed(patch)
    merged = _retained(old, patch)
    ordered = _fields_with(_ORDER_LIST, patch)
    for field, order in ordered.items():
        if field in merged or field in patch:
            merged[field] = _ordered(merged.get(field), patch.get(field), order, shape.at(field))
    for key, value in patch.items():
        if key not in ordered and not key.startswith(_DIRECTIVES):
            _merge_member(merged, key, value, shape)
    for field, gone in _fields_with(_DELETE_LIST, patch).items():
        if isinstance(merged.get(field), list):
            merged[field] = [item for item in merged[field] if item not in _list(gone, _BAD_FORMAT[_DELETE_LIST])]
    return merged


def _merge_member(merged: dict[str, Any], key: str, value: Any, shape: Shape) -> None:
    here = merged.get(key)
    if value is None:
        merged.pop(key, None)
    elif isinstance(here, Mapping) and isinstance(value, Mapping):
        place = shape.at(key)
        is_replaced = "replace" in place.patch_strategy
        merged[key] = _plain(value) if is_replaced else _merged_map(here, value, place)
    elif isinstance(here, list) and isinstance(value, list):
        merged[key] = _merged_list(here, value, shape.at(key))
    else:
        merged[key] = _plain(value)


def _directed(patch: Json) -> dict[str, Any]:
    """A map that replaces the old one, or empties it."""
    if patch[_DIRECTIVE] == "delete":
        return {}
    if patch[_DIRECTIVE] == "replace":
        replacement: dict[str, Any] = _plain(patch)
        return replacement
    raise _unknown_directive(patch)


def _retained(old: Json, patch: Json) -> dict[str, Any]:
    """What `$retainKeys` leaves of the old map: all where it is not given."""
    if _RETAIN not in patch:
        return dict(old)
    kept = _list(patch[_RETAIN], _BAD_RETAIN)
    if any(value is not None and not key.startswith(_DIRECTIVES) and key not in kept for key, value in patch.items()):
        raise PatchError(_BAD_RETAIN, 400)
    return {key: value for key, value in old.items() if key in kept}


def _fields_with(directive: str, patch: Json) -> dict[str, Any]:
    """The fields that carry a directive beside them (`$setElementOrder/env`), with what it says."""
    found = {}
    for key, value in patch.items():
        if key.startswith(directive):
            name, slash, field = key.partition("/")
            if name != directive or not slash:
                raise PatchError(_BAD_FORMAT[directive], 400)
            found[field] = value
    return found


def _merged_list(old: list[Any], patch: list[Any], shape: Shape) -> list[Any]:
    if "merge" not in shape.patch_strategy:
        return [_plain(item) for item in patch]
    if not old and not patch:
        return old
    key = shape.patch_merge_key
    if not _holds_maps(old, patch):
        return _in_order(_without_repeats([*old, *patch]), patch, old, "")
    if not key:
        raise PatchError(f"cannot merge lists without merge key for {shape.type}", 500)
    wanted = [item for item in patch if _DIRECTIVE not in item]
    live = _after_directives(old, patch, key)
    if live is None:
        return [_plain(item) for item in wanted]
    return _in_order(_merged_items(live, wanted, shape), wanted, live, key)


def _after_directives(old: list[Any], patch: list[Any], key: str) -> list[Any] | None:
    """The old items that the directives among the new ones leave; None where the new ones replace them all."""
    directives = [(item[_DIRECTIVE], item) for item in patch if _DIRECTIVE in item]
    for directive, item in directives:
        if directive == "merge":
            raise PatchError("merging lists cannot yet be specified in the patch", 500)
        if directive not in ("delete", "replace"):
            raise _unknown_directive(item)
    gone = [_key_of(item, key) for directive, item in directives if directive == "delete"]
    if len(gone) < len(directives):
        return None
    return [here for here in old if _key_of(here, key) not in gone] if gone else old


def _merged_items(old: list[Any], wanted: list[Any], shape: Shape) -> list[Any]:
    element = shape.element or ANYTHING
    merged = list(old)
    places = {_hashable(_key_of(item, shape.patch_merge_key)): place for place, item in reversed([*enumerate(old)])}
    for item in wanted:
        name = _hashable(_key_of(item, shape.patch_merge_key))
        if name in places:
            merged[places[name]] = _merged_map(merged[places[name]], item, element)
        else:
            places[name] = len(merged)
            merged.append(_plain(item))
    return merged


def _ordered(old: Any, patch: Any, order: Any, shape: Shape) -> list[Any]:
    """The merged list in the order that `$setElementOrder` asks for, what is not named there in between."""
    wrong = _BAD_FORMAT[_ORDER_LIST]
    live, wanted, order = _list(old or [], wrong), _list(patch or [], wrong), _list(order, wrong)
    _check_order(wanted, order, shape.patch_merge_key)
    if patch is None:
        merged = live
    elif old is None:
        merged = _plain(wanted)
    else:
        merged = _merged_list(live, wanted, shape)
    return _in_order(merged, order, live, shape.patch_merge_key)


def _check_order(wanted: list[Any], order: list[Any], key: str) -> None:
    """Every item of the patch that is not taken away must be in the order, and in that order."""
    names = _names(order, key)
    places = [names.get(_name(item, key)) for item in wanted if not isinstance(item, Mapping) or _DIRECTIVE not in item]
    if any(place is None for place in places) or places != sorted(place for place in places if place is not None):
        raise PatchError(
            f"The order in patch list:\n{printed(wanted)}\n doesn't match $setElementOrder list:\n{printed(order)}\n",
            500,
        )


def _in_order(merged: list[Any], order: list[Any], live: list[Any], key: str) -> list[Any]:
    """Items named in `order` in that order; the others before the first of those that came after them in `live`."""
    wanted_places, live_places = _names(order, key), _names(live, key)
    named = [item for item in merged if _name(item, key) in wanted_places]
    named.sort(key=lambda item: wanted_places[_name(item, key)])
    others = [item for item in merged if _name(item, key) not in wanted_places]
    others.sort(key=lambda item: live_places.get(_name(item, key), len(live)))
    result: list[Any] = []
    for item in named:
        after = live_places.get(_name(item, key), -1)
        while others and live_places.get(_name(others[0], key), len(live)) < after:
            result.append(others.pop(0))
        result.append(item)
    return result + others


def _names(items: Iterable[Any], key: str) -> dict[Any, int]:
    """Where each item stands first."""
    places: dict[Any, int] = {}
    for place, item in enumerate(items):
        places.setdefault(_name(item, key), place)
    return places


def _name(item: Any, key: str) -> Any:
    return _hashable(_key_of(item, key) if key else item)


def _key_of(item: Any, key: str) -> Any:
    if not isinstance(item, Mapping):
        raise PatchError(f"expected a map, but received a {_go_sort(item)}", 500)
    if key not in item:
        raise PatchError(f"map: {printed(item)} does not contain declared merge key: {key}", 500)
    return item[key]


def _hashable(value: Any) -> Any:
    """Merge keys are texts and numbers; whatever else comes is told apart by how it prints."""
    if isinstance(value, str):
        return value
    return (type(value).__name__, value) if isinstance(value, bool | int | float) else printed(value)


def _without_repeats(items: Iterable[Any]) -> list[Any]:
    return list({_hashable(item): item for item in items}.values())


def _holds_maps(old: list[Any], patch: list[Any]) -> bool:
    """Whether these are maps; PatchError if not all are of one sort, or if they are lists."""
    sorts = list(dict.fromkeys(_go_sort(item) for item in [*old, *patch]))
    if sorts[0] == "slice":
        raise PatchError("lists of lists are not supported")
    if len(sorts) > 1:
        raise PatchError(f"list element types are not identical: {printed([old, patch])}", 500)
    return sorts[0] == "map"


def _list(value: Any, wrong: str) -> list[Any]:
    if not isinstance(value, list):
        raise PatchError(wrong, 400)
    return value


def _plain(value: Any) -> Any:
    """A value that comes in new: without directives, nulls and items that say they are to be taken away."""
    if isinstance(value, Mapping):
        kept = (key for key, item in value.items() if item is not None and not key.startswith(_DIRECTIVES))
        return {key: _plain(value[key]) for key in kept}
    if isinstance(value, list):
        return [_plain(item) for item in value if not (isinstance(item, Mapping) and _DIRECTIVE in item)]
    return value


def _unknown_directive(patch: Json) -> PatchError:
    return PatchError(f"unknown patch type: {patch[_DIRECTIVE]} in map: {printed(patch)}", 500)


def _go_sort(value: Any) -> str:
    return "map" if isinstance(value, Mapping) else "slice" if isinstance(value, list) else type(value).__name__
