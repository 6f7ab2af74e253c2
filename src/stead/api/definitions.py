"""A custom kind among others: the names it may have, and its end, when the last of its objects has gone."""

from stead.api.core import Call, Core
from stead.kinds import customresource, customresourcedefinition
from stead.kinds.customresourcedefinition import CLEANUP
from stead.kinds.kind import Kind
from stead.machinery import meta
from stead.machinery.errors import MethodNotAllowed
from stead.machinery.keys import Key
from stead.machinery.objects import Json
from stead.store.log import Row


def refuse_when_terminating(core: Core, kind: Kind) -> None:
    """No new objects of a kind that is on its way out."""
    row = _definition(core, kind)
    if row is not None and meta.is_terminating(row.obj):
        raise MethodNotAllowed("create not allowed while custom resource definition is terminating")


def with_names(core: Core, call: Call, kind: Kind, definition: Json) -> Json:
    """A definition with the names it may have beside those that are there; other objects as they are."""
    if kind.id != customresourcedefinition.ID:
        return definition
    others = [row.obj for row in core.store.rows(kind.id)]
    return customresourcedefinition.with_names(definition, others, call.now.text)


def _free_names(core: Core, call: Call) -> None:
    """A definition is gone: others may have waited for its names."""
    rows = core.store.rows(customresourcedefinition.ID)
    for row in rows:
        others = [other.obj for other in core.store.rows(customresourcedefinition.ID)]
        new = customresourcedefinition.with_names(row.obj, others, call.now.text)
        if new != row.obj:
            core.store.put(row.key, new)


def objects_of(core: Core, definition: Json) -> list[Key]:
    """Every object of the definition's kind; a definition without its names has none."""
    if not meta.has_condition(definition, "Established"):
        return []
    return [row.key for row in core.store.rows(customresource.id_of(definition["spec"]))]


def after_removal(core: Core, call: Call, kind: Kind) -> None:
    """An object of a custom kind is gone; perhaps its definition was waiting for that."""
    row = _definition(core, kind)
    if row is not None and meta.is_terminating(row.obj):
        let_go(core, call, row)


def let_go(core: Core, call: Call, row: Row) -> None:
    """Take the finalizer from a definition without objects; without any other, it is gone."""
    if objects_of(core, row.obj):
        told = customresourcedefinition.going(row.obj, call.now.text)
        if told != row.obj:
            core.store.put(row.key, told)
        return
    left = [name for name in meta.finalizers(row.obj) if name != CLEANUP]
    metadata = {name: value for name, value in row.obj["metadata"].items() if name != "finalizers"}
    if left:
        core.store.put(row.key, {**row.obj, "metadata": {**metadata, "finalizers": left}})
    else:
        core.store.remove(row.key, {**row.obj, "metadata": metadata})
        _free_names(core, call)


def _definition(core: Core, kind: Kind) -> Row | None:
    return core.store.get(Key(customresourcedefinition.ID, "", f"{kind.plural}.{kind.group}"))
