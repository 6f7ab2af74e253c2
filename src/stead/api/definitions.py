"""The end of a custom kind: its definition goes when the last of its objects has gone."""

from stead.api.core import Core
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


def objects_of(core: Core, definition: Json) -> list[Key]:
    """Every object of the definition's kind."""
    return [row.key for row in core.store.rows(customresource.id_of(definition["spec"]))]


def after_removal(core: Core, kind: Kind) -> None:
    """An object of a custom kind is gone; perhaps its definition was waiting for that."""
    row = _definition(core, kind)
    if row is not None and meta.is_terminating(row.obj):
        let_go(core, row)


def let_go(core: Core, row: Row) -> None:
    """Take the finalizer from a definition without objects; without any other, it is gone."""
    if objects_of(core, row.obj):
        return
    left = [name for name in meta.finalizers(row.obj) if name != CLEANUP]
    metadata = {name: value for name, value in row.obj["metadata"].items() if name != "finalizers"}
    if left:
        core.store.put(row.key, {**row.obj, "metadata": {**metadata, "finalizers": left}})
    else:
        core.store.remove(row.key, {**row.obj, "metadata": metadata})


def _definition(core: Core, kind: Kind) -> Row | None:
    return core.store.get(Key(customresourcedefinition.ID, "", f"{kind.plural}.{kind.group}"))
