"""Who owns which field: kept for writes by users, not for controllers' writes, which nobody contests."""

from stead.api.core import Call
from stead.kinds.kind import Kind
from stead.machinery.objects import Json


def created(call: Call, kind: Kind, obj: Json) -> Json:
    return obj


def updated(call: Call, kind: Kind, subresource: str, new: Json, old: Json) -> Json:
    return new


def is_same(new: Json, old: Json) -> bool:
    return new == old


def first_applied(call: Call, kind: Kind, given: Json) -> Json:
    return given


def applied(call: Call, kind: Kind, subresource: str, given: Json, old: Json, is_forced: bool) -> Json:
    return old
