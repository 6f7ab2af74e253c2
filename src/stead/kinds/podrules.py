"""What a pod may not be, and what of it may not change (V-4)."""

from collections.abc import Sequence

from stead.kinds import objectmeta
from stead.kinds.syntax import subdomain_faults
from stead.machinery.fields import FieldError
from stead.machinery.objects import Json


def validate_create(obj: Json) -> Sequence[FieldError]:
    return objectmeta.validate_create(obj, subdomain_faults)


def validate_update(new: Json, old: Json) -> Sequence[FieldError]:
    return objectmeta.validate_update(new, old)


def validate_status(new: Json, old: Json) -> Sequence[FieldError]:
    return objectmeta.validate_update(new, old)
