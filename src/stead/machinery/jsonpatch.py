"""JSON patch (RFC 6902) and JSON merge patch (RFC 7386) with the liberties that the API takes.

Liberties: an index may count from the end (`/-1`), a missing `value` is null, `test` for null passes where nothing is.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from stead.machinery.objects import Json, canonical, encode

MAX_OPERATIONS = 10_000
_MAX_COPIED_BYTES = 3 * 1024 * 1024

_SCALARS = frozenset((str, int, bool, float))

_Change = Callable[[Any, str], Any]  # (container, last step) to the changed container


class PatchError(ValueError):
    """A patch that cannot be applied.

    `code` is 400 (no patch at all), 413 (too much), 422 (does not fit) or 500 (upstream blames nobody).
    """

    def __init__(self, message: str, code: int = 422) -> None:
        super().__init__(message)
        self.code = code


def merge_patch(obj: Any, patch: Any) -> Any:
    """`obj` with the members of `patch` in it; null takes a member away. PatchError if `patch` is no object."""
    if not isinstance(patch, Mapping):
        sort = _GO_SORTS.get(type(patch), "null")
        text = f"error decoding patch: json: cannot unmarshal {sort} into Go value of type map[string]interface {{}}"
        raise PatchError(text, 400)
    try:
        return _merged(obj, patch)
    except RecursionError:
        raise PatchError("error decoding patch: exceeded max depth", 400) from None


_GO_SORTS = {list: "array", str: "string", int: "number", float: "number", bool: "bool"}


def _merged(old: Any, patch: Any) -> Any:
    if not isinstance(patch, Mapping):
        return patch
    if not isinstance(old, Mapping):
        return without_nulls(patch)
    merged = dict(old)
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        else:
            here = merged.get(key)
            merged[key] = without_nulls(value) if here is None else _merged(here, value)
    return merged


def without_nulls(value: Any) -> Any:
    """A copy in which no object has a null member."""
    if isinstance(value, dict | Mapping):
        items = [item for item in value.items() if item[1] is not None]
        return {key: item if type(item) in _SCALARS else without_nulls(item) for key, item in items}
    if isinstance(value, list):
        return [item if type(item) in _SCALARS else without_nulls(item) for item in value]
    return value


def json_patch(obj: Any, operations: Any) -> Any:
    """`obj` after all operations, in their order. PatchError at the first that does not fit, `obj` unchanged."""
    if not isinstance(operations, Sequence) or isinstance(operations, str | bytes):
        raise PatchError("json: cannot unmarshal object into Go value of type jsonpatch.Patch", 400)
    if len(operations) > MAX_OPERATIONS:
        text = f"The allowed maximum operations in a JSON patch is {MAX_OPERATIONS}, got {len(operations)}"
        raise PatchError(text, 413)
    for operation in operations:
        if not isinstance(operation, Mapping):
            sort = _GO_SORTS.get(type(operation), "null")
            raise PatchError(f"json: cannot unmarshal {sort} into Go value of type jsonpatch.Operation", 400)
    copied = 0
    for operation in operations:
        kind = operation.get("op", "unknown")
        apply = _OPERATIONS.get(kind) if isinstance(kind, str) else None
        if apply is None:
            raise PatchError(f"Unexpected kind: {kind}")
        if kind == "copy":
            copied += len(encode(_read(obj, _path(operation, "from"))))
        if copied > _MAX_COPIED_BYTES:
            text = "Unable to copy, the accumulated size increase of copy is"
            raise PatchError(f"{text} {copied}, exceeding the limit {_MAX_COPIED_BYTES}")
        obj = apply(obj, operation)
    return obj


def _path(operation: Json, member: str) -> list[str]:
    text = operation.get(member)
    if not isinstance(text, str):
        raise PatchError(f"operation missing {member} field")
    return [step.replace("~1", "/").replace("~0", "~") for step in text.split("/")[1:]]


def _missing(steps: Sequence[str]) -> PatchError:
    return PatchError(f"doc is missing path: /{'/'.join(steps)}: missing value")


def _add(obj: Any, operation: Json) -> Any:
    return _put(obj, _path(operation, "path"), operation.get("value"))


def _remove(obj: Any, operation: Json) -> Any:
    return _changed(obj, _path(operation, "path"), _taken)


def _replace(obj: Any, operation: Json) -> Any:
    value = operation.get("value")

    def replaced(container: Any, step: str) -> Any:
        if isinstance(container, Mapping):
            if step not in container:
                raise PatchError(f"replace operation does not apply: doc is missing key: {step}: missing value")
            return {**container, step: value}
        place = _index(container, step, len(container))
        return [*container[:place], value, *container[place + 1 :]]

    return _changed(obj, _path(operation, "path"), replaced)


def _move(obj: Any, operation: Json) -> Any:
    source = _path(operation, "from")
    value = _read(obj, source)
    return _put(_changed(obj, source, _taken), _path(operation, "path"), value)


def _copy(obj: Any, operation: Json) -> Any:
    return _put(obj, _path(operation, "path"), _read(obj, _path(operation, "from")))


def _test(obj: Any, operation: Json) -> Any:
    steps, wanted = _path(operation, "path"), operation.get("value")
    try:
        found = _read(obj, steps)
    except PatchError:
        if wanted is not None or len(steps) == 0:
            raise
        found = None
    if canonical(found) != canonical(wanted):
        raise PatchError(f"testing value /{'/'.join(steps)} failed: test failed")
    return obj


_OPERATIONS: Mapping[str, Callable[[Any, Json], Any]] = {
    "add": _add,
    "remove": _remove,
    "replace": _replace,
    "move": _move,
    "copy": _copy,
    "test": _test,
}


def _put(obj: Any, steps: Sequence[str], value: Any) -> Any:
    def put(container: Any, step: str) -> Any:
        if isinstance(container, Mapping):
            return {**container, step: value}
        place = len(container) if step == "-" else _index(container, step, len(container) + 1)
        return [*container[:place], value, *container[place:]]

    return _changed(obj, steps, put)


def _taken(container: Any, step: str) -> Any:
    if isinstance(container, Mapping):
        if step not in container:
            raise PatchError(f"Unable to remove nonexistent key: {step}: missing value")
        return {key: value for key, value in container.items() if key != step}
    place = _index(container, step, len(container))
    return [*container[:place], *container[place + 1 :]]


def _changed(obj: Any, steps: Sequence[str], change: _Change) -> Any:
    """`obj` with the container of the last step changed: copied from there up to the root, shared beside it."""
    if not steps:
        raise _missing(steps)
    containers = [obj]
    for step in steps[:-1]:
        containers.append(_child(containers[-1], step, steps))
    if not isinstance(containers[-1], Mapping | list):
        raise _missing(steps)
    new = change(containers.pop(), steps[-1])
    for container, step in zip(reversed(containers), reversed(steps[:-1]), strict=True):
        if isinstance(container, Mapping):
            new = {**container, step: new}
        else:
            place = _index(container, step, len(container))
            new = [*container[:place], new, *container[place + 1 :]]
    return new


def _read(obj: Any, steps: Sequence[str]) -> Any:
    for step in steps:
        obj = _child(obj, step, steps)
    return obj


def _child(container: Any, step: str, steps: Sequence[str]) -> Any:
    if isinstance(container, Mapping) and step in container:
        return container[step]
    if isinstance(container, list):
        return container[_index(container, step, len(container))]
    raise _missing(steps)


def _index(container: list[Any], step: str, limit: int) -> int:
    """The place that `step` names, below `limit`; negative ones count back from there."""
    digits = step.removeprefix("-")
    if not (digits.isascii() and digits.isdigit()) or len(digits) > 9:
        raise PatchError(f'strconv.Atoi: parsing "{step}": invalid syntax')
    place = int(step) + limit if step.startswith("-") else int(step)
    if not 0 <= place < limit:
        raise PatchError(f"Unable to access invalid index: {step}: invalid index referenced")
    return place
