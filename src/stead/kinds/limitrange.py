"""LimitRange: what a container, a pod or a claim asks for when it asks for nothing, and the least and most it may."""

from collections.abc import Iterator, Sequence
from typing import Any

from stead.kinds import objectmeta
from stead.kinds.columns import NAME, at
from stead.kinds.defaulting import each
from stead.kinds.kind import Column, Kind
from stead.kinds.syntax import qualified_name_faults, subdomain_faults
from stead.machinery import fields, quantity
from stead.machinery.fields import FieldError
from stead.machinery.objects import Json, dig

ORDER = ("min", "defaultRequest", "default", "max")  # none may be more than one that comes later


def default(obj: Json) -> Json:
    """For containers: what may be had at most is had by default, and what is had is asked for."""
    spec = each(obj.get("spec") or {}, "limits", _default_item)
    return {**obj, "spec": spec}


def _default_item(item: Json) -> Json:
    if item.get("type") != "Container":
        return item
    limits = {**(item.get("max") or {}), **(item.get("default") or {})}
    requests = {**(item.get("min") or {}), **limits, **(item.get("defaultRequest") or {})}
    made: dict[str, Any] = dict(item)
    for name, amounts in (("default", limits), ("defaultRequest", requests)):
        if amounts:
            made[name] = amounts
    return made


def validate_create(obj: Json) -> Sequence[FieldError]:
    errors = list(objectmeta.validate_create(obj, subdomain_faults))
    seen: set[str] = set()
    for index, item in enumerate(dig(obj, "spec", "limits", default=[])):
        path, sort = f"spec.limits[{index}]", item.get("type") or ""
        errors += [fields.invalid(f"{path}.type", sort, fault) for fault in qualified_name_faults(sort)]
        if sort in seen:
            errors.append(fields.duplicate(f"{path}.type", sort))
        seen.add(sort)
        errors += _item_errors(item, path)
    return errors


def validate_update(new: Json, old: Json) -> Sequence[FieldError]:
    return [*objectmeta.validate_update(new, old), *validate_create(new)]


def _item_errors(item: Json, path: str) -> Iterator[FieldError]:
    if item.get("type") == "Pod":
        for member in ("default", "defaultRequest"):
            if item.get(member):
                yield fields.forbidden(f"{path}.{member}", "may not be specified when `type` is 'Pod'")
    if item.get("type") == "PersistentVolumeClaim" and not any(
        "storage" in item.get(one, {}) for one in ("min", "max")
    ):
        told = "either minimum or maximum storage value is required, but neither was provided"
        yield fields.required(f"{path}.limits", told)
    names = sorted({name for member in ORDER for name in item.get(member) or {}})
    for name in names:
        yield from _order_errors(item, name, path)


def _order_errors(item: Json, name: str, path: str) -> Iterator[FieldError]:
    given = [(member, item[member][name]) for member in ORDER if name in (item.get(member) or {})]
    for place, (member, amount) in enumerate(given):
        for later, most in given[place + 1 :]:
            if quantity.compare(amount, most) > 0:
                told = f"{WORDS[member]} value {amount} is greater than {WORDS[later]} value {most}"
                yield fields.invalid(f"{path}.{member}[{name}]", amount, told)


WORDS = {"min": "min", "defaultRequest": "default request", "default": "default", "max": "max"}

LIMIT_RANGE = Kind(
    id="LimitRange",
    name="LimitRange",
    plural="limitranges",
    version="v1",
    short_names=("limits",),
    type="core.v1.LimitRange",
    default=default,
    validate_create=validate_create,
    validate_update=validate_update,
    columns=(NAME, Column("Created At", at("metadata", "creationTimestamp", default=None), type="date")),
)
