"""How an answer is shown: the object itself, its metadata alone, or rows of a table (section 2.7 of api.md)."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Literal

from msgspec import Struct
from msgspec.structs import replace

from stead.api import forms
from stead.api.forms import Clause, Form
from stead.api.request import Request
from stead.kinds.kind import Column, Kind
from stead.machinery import fields, meta
from stead.machinery.errors import Invalid, NotAcceptable
from stead.machinery.objects import Json
from stead.machinery.times import Now

Sort = Literal["object", "metadata", "table"]
GROUP = "meta.k8s.io"
SORTS: dict[str, Sort] = {
    "": "object",
    "PartialObjectMetadata": "metadata",
    "PartialObjectMetadataList": "metadata",
    "Table": "table",
}
DEFAULT_COLUMNS = (
    Column("Name", lambda obj, now: meta.name(obj), format="name"),
    Column("Created At", lambda obj, now: obj["metadata"].get("creationTimestamp"), type="date"),
)


class View(Struct, frozen=True):
    """`version` is that of meta.k8s.io; `includes` what a table's row holds of its object; `form` how it goes out."""

    sort: Sort = "object"
    version: str = "v1"
    includes: str = "Metadata"
    form: Form = "json"
    is_of_list: bool = False

    @property
    def api_version(self) -> str:
        return f"{GROUP}/{self.version}"


WHOLE = View()


def asked(request: Request) -> View:
    """The first view in the Accept header that can be had; raises NotAcceptable where none can."""
    accept = request.headers.get("accept", "")
    if not accept or accept == forms.JSON:
        return WHOLE
    found = [view for view in map(_view, forms.clauses(accept)) if view is not None]
    if not found:
        raise forms.not_acceptable()
    view = found[0]
    if view.form == "protobuf" and replace(view, form="json") in found:
        view = replace(view, form="json")
    return replace(view, includes=_includes(request)) if view.sort == "table" else view


def of_watch(request: Request) -> View:
    """The same for a watch, for which there is no YAML."""
    view = asked(request)
    if view.form == "yaml":
        raise forms.not_acceptable((forms.JSON, f"{forms.PROTOBUF};stream=watch"))
    return view


def _view(clause: Clause) -> View | None:
    sort, version = SORTS.get(clause.said.get("as", "")), clause.said.get("v", "v1")
    if sort is None or (sort == "table" and clause.form == "protobuf"):
        return None
    if sort == "object":
        return View(form=clause.form)
    is_known = clause.said.get("g") == GROUP and version in ("v1", "v1beta1")
    return View(sort, version, form=clause.form, is_of_list=clause.said["as"].endswith("List")) if is_known else None


def asked_of(request: Request, kind: Kind, *, is_list: bool) -> View:
    """The same, as long as it fits: the metadata of a list are a list, those of an object are none."""
    view = asked(request)
    if view.sort == "metadata" and view.is_of_list != is_list:
        what, is_it = ("", "is a list") if is_list else ("List", "is not a list")
        told = f"you requested PartialObjectMetadata{what}, but the requested object {is_it}"
        raise NotAcceptable(f"{told} ({_go_type(kind, is_list=is_list)})")
    return view


def _go_type(kind: Kind, *, is_list: bool) -> str:
    """What Go calls the object inside the server."""
    name = f"{kind.group.partition('.')[0] or 'core'}.{kind.name}" if kind.type else "unstructured.Unstructured"
    return f"*{name}List" if is_list else f"*{name}"


def _includes(request: Request) -> str:
    asked_for = request.parameter("includeObject") or "Metadata"
    if asked_for not in INCLUDES:
        wrong = fields.not_supported("includeObject", asked_for, sorted(INCLUDES))
        raise Invalid(f'TableOptions.meta.k8s.io "" is invalid: {wrong}')
    return asked_for


def partial(view: View, obj: Json) -> Json:
    """An object's metadata and nothing else."""
    return {"kind": "PartialObjectMetadata", "apiVersion": view.api_version, "metadata": obj["metadata"]}


def table(view: View, kind: Kind, objects: Iterable[Json], about: tuple[Json, Now]) -> Json:
    """The rows of `objects`, as they are stored. `about`: the metadata of the list or its one object, and the time."""
    metadata, now = about
    columns = kind.columns or DEFAULT_COLUMNS
    return {
        "kind": "Table",
        "apiVersion": view.api_version,
        "metadata": metadata,
        "columnDefinitions": [_definition(column) for column in columns],
        "rows": [_row(view, kind, columns, (obj, now)) for obj in objects],
    }


def _definition(column: Column) -> Json:
    return {
        "name": column.name,
        "type": column.type,
        "format": column.format,
        "description": column.description,
        "priority": column.priority,
    }


def _row(view: View, kind: Kind, columns: Sequence[Column], about: tuple[Json, Now]) -> Json:
    obj, now = about
    row: dict[str, Any] = {"cells": [column.cell(obj, now) for column in columns]}
    conditions = kind.row_conditions(obj)
    if conditions:
        row["conditions"] = list(conditions)
    row["object"] = INCLUDES[view.includes](view, kind, obj)
    return row


INCLUDES: Mapping[str, Callable[[View, Kind, Json], Json | None]] = {
    "None": lambda view, kind, obj: None,
    "Metadata": lambda view, kind, obj: partial(view, obj),
    "Object": lambda view, kind, obj: kind.from_stored(obj),
}
