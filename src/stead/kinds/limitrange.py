"""LimitRange: what a container, a pod or a claim asks for when it asks for nothing, and the least and most it may."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from stead.kinds import objectmeta
from stead.kinds.columns import NAME, at
from stead.kinds.defaulting import each
from stead.kinds.kind import Column, Kind
from stead.kinds.resourcenames import container_name_faults, is_shared, name_faults
from stead.kinds.syntax import qualified_name_faults, subdomain_faults
from stead.machinery import fields, quantity
from stead.machinery.fields import FieldError
from stead.machinery.objects import Json, dig

ORDER = ("max", "min", "default", "defaultRequest")
TYPES = ("Pod", "Container", "PersistentVolumeClaim")
# the first may not be more than the second; it is told of at the third
WORDS = {"min": "min", "defaultRequest": "default request", "default": "default", "max": "max"}
ODD = (("min", "defaultRequest"), ("default", "max"))  # told of with the value of the second
PAIRS = (
    ("min", "max", "min"),
    ("min", "defaultRequest", "defaultRequest"),
    ("defaultRequest", "max", "defaultRequest"),
    ("defaultRequest", "default", "defaultRequest"),
    ("min", "default", "default"),
    ("default", "max", "default"),
)


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
        errors += [fields.invalid(f"{path}.type", sort, fault) for fault in _type_faults(sort)]
        if sort in seen:
            errors.append(fields.duplicate(f"{path}.type", sort))
        seen.add(sort)
        errors += _item_errors(item, path)
    return errors


def validate_update(new: Json, old: Json) -> Sequence[FieldError]:
    return [*objectmeta.validate_update(new, old), *validate_create(new)]


def _type_faults(sort: str) -> list[str]:
    found = qualified_name_faults(sort)
    is_known = bool(found) or "/" in sort or sort in TYPES
    return found if is_known else ["must be a standard limit type or fully qualified"]


def _item_errors(item: Json, path: str) -> Iterator[FieldError]:
    sort = item.get("type") or ""
    yield from _listed_errors(item, ("max", "min"), path)
    if sort == "Pod":
        for member in ("default", "defaultRequest"):
            if item.get(member):
                yield fields.forbidden(f"{path}.{member}", "may not be specified when `type` is 'Pod'")
    else:
        yield from _listed_errors(item, ("default", "defaultRequest"), path)
    if sort == "PersistentVolumeClaim" and not any("storage" in (item.get(one) or {}) for one in ("min", "max")):
        told = "either minimum or maximum storage value is required, but neither was provided"
        yield fields.required(f"{path}.limits", told)
    yield from _listed_errors(item, ("maxLimitRequestRatio",), path)
    if sort == "Pod":
        item = {member: value for member, value in item.items() if member not in ("default", "defaultRequest")}
    names = sorted({name for member in (*ORDER, "maxLimitRequestRatio") for name in item.get(member) or {}})
    for name in names:
        yield from _order_errors(item, name, path)
        yield from _ratio_errors(item, name, f"{path}.maxLimitRequestRatio[{name}]")
        yield from _share_errors(item, name, f"{path}.defaultRequest[{name}]")


def _listed_errors(item: Json, members: Iterable[str], path: str) -> Iterator[FieldError]:
    """Of pods and containers only what containers can ask for may be limited."""
    rule = container_name_faults if item.get("type") in ("Pod", "Container") else name_faults
    for member in members:
        for name in sorted(item.get(member) or {}):
            for fault in rule(name):
                yield fields.invalid(f"{path}.{member}[{name}]", name, fault)


def _share_errors(item: Json, name: str, path: str) -> Iterator[FieldError]:
    """What there are only whole pieces of is asked for as it is had."""
    limit, request = ((item.get(member) or {}).get(name) for member in ("default", "defaultRequest"))
    if None not in (limit, request) and not is_shared(name) and quantity.compare(limit, request) != 0:
        told = f"default value {limit} must equal to defaultRequest value {request} in {name}"
        yield fields.invalid(path, request, told)


def _order_errors(item: Json, name: str, path: str) -> Iterator[FieldError]:
    for less, more, told_at in PAIRS:
        least, most = ((item.get(member) or {}).get(name) for member in (less, more))
        if least is not None and most is not None and quantity.compare(least, most) > 0:
            told = f"{WORDS[less]} value {least} is greater than {_second_word(less, more)} value {most}"
            yield fields.invalid(f"{path}.{told_at}[{name}]", most if (less, more) in ODD else least, told)


def _second_word(less: str, more: str) -> str:
    return "default limit" if (less, more) == ("defaultRequest", "default") else WORDS[more]


def _ratio_errors(item: Json, name: str, path: str) -> Iterator[FieldError]:
    ratio, least, most = ((item.get(member) or {}).get(name) for member in ("maxLimitRequestRatio", "min", "max"))
    if ratio is None:
        return
    if quantity.compare(ratio, "1") < 0:
        yield fields.invalid(path, ratio, f"ratio {ratio} is less than 1")
    if least is not None and most is not None and quantity.value(least):
        most_possible = quantity.value(most) / quantity.value(least)
        if quantity.value(ratio) > most_possible:
            told = f"ratio {ratio} is greater than max/min = {float(most_possible):f}"
            yield fields.invalid(path, ratio, told)


LIMIT_RANGE = Kind(
    id="LimitRange",
    name="LimitRange",
    plural="limitranges",
    version="v1",
    short_names=("limits",),
    type="core.v1.LimitRange",
    default=default,
    allows_create_on_update=True,
    validate_create=validate_create,
    validate_update=validate_update,
    columns=(NAME, Column("Created At", at("metadata", "creationTimestamp", default=None), type="date")),
)
