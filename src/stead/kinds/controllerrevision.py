"""ControllerRevision: one template a StatefulSet once had. Its data never changes."""

from collections.abc import Sequence

from stead.kinds import objectmeta
from stead.kinds.checks import non_negative, unchanged
from stead.kinds.columns import AGE, NAME, at
from stead.kinds.kind import Column, Kind
from stead.kinds.syntax import subdomain_faults
from stead.machinery import fields, meta
from stead.machinery.fields import FieldError
from stead.machinery.objects import Json
from stead.machinery.times import Now


def _validate(obj: Json) -> list[FieldError]:
    """V-2."""
    errors: list[FieldError] = []
    data = obj.get("data")
    if data is None:
        errors.append(fields.required("data", "data is mandatory"))
    elif not isinstance(data, dict):
        errors.append(fields.invalid("data", "<value omitted>", "data must be a valid JSON object"))
    return [*errors, *non_negative("revision", obj.get("revision"))]


def validate_create(obj: Json) -> Sequence[FieldError]:
    return [*objectmeta.validate_create(obj, subdomain_faults), *_validate(obj)]


def validate_update(new: Json, old: Json) -> Sequence[FieldError]:
    errors = [*objectmeta.validate_update(new, old), *validate_create(new)]
    return [*errors, *unchanged("data", new.get("data"), old.get("data"))]


def _controller(obj: Json, now: Now) -> str:
    """`statefulset.apps/web`, or `<none>`."""
    owner = meta.controller_of(obj)
    if owner is None:
        return "<none>"
    group = owner["apiVersion"].partition("/")[0] if "/" in owner["apiVersion"] else ""
    kind = owner["kind"].lower()
    return f"{kind}.{group}/{owner['name']}" if group else f"{kind}/{owner['name']}"


CONTROLLER_REVISION = Kind(
    id="ControllerRevision",
    name="ControllerRevision",
    plural="controllerrevisions",
    version="v1",
    group="apps",
    type="apps.v1.ControllerRevision",
    allows_unconditional_update=False,
    validate_create=validate_create,
    validate_update=validate_update,
    columns=(
        NAME,
        Column("Controller", _controller, description="The object this revision belongs to."),
        Column("Revision", at("revision", default=0), description="Its number in the history."),
        AGE,
    ),
)
