"""ResourceQuota: how much of everything a namespace may have. Counting is the api room's."""

from collections.abc import Callable, Sequence

from stead.kinds import objectmeta
from stead.kinds.checks import NOT_NEGATIVE
from stead.kinds.columns import AGE, NAME
from stead.kinds.kind import Column, Kind, Subresource
from stead.kinds.syntax import qualified_name_faults, subdomain_faults
from stead.machinery import fields, quantity
from stead.machinery.fields import FieldError
from stead.machinery.objects import Json, dig, without
from stead.machinery.times import Now

_WHOLE = (
    "pods",
    "resourcequotas",
    "services",
    "replicationcontrollers",
    "secrets",
    "configmaps",
    "persistentvolumeclaims",
    "services.nodeports",
    "services.loadbalancers",
)
_COMPUTE = ("cpu", "memory", "ephemeral-storage")
_OF_PODS = ("pods", *_COMPUTE, *(f"{part}.{name}" for part in ("requests", "limits") for name in _COMPUTE))
_COUNTED = frozenset((*_OF_PODS, *_WHOLE, "requests.storage"))
_STANDARD = frozenset((*_COUNTED, "storage"))
_OPPOSITES = (("BestEffort", "NotBestEffort"), ("Terminating", "NotTerminating"))
SCOPES = ("BestEffort", "CrossNamespacePodAffinity", "NotBestEffort", "NotTerminating", "PriorityClass", "Terminating")


def prepare_create(obj: Json) -> Json:
    return without(obj, "status")


def prepare_update(new: Json, old: Json) -> Json:
    return {**new, "status": old.get("status") or {}}


def prepare_status(new: Json, old: Json) -> Json:
    return {**new, "spec": old.get("spec") or {}}


def validate_create(obj: Json) -> Sequence[FieldError]:
    errors = [*objectmeta.validate_create(obj, subdomain_faults), *_amount_errors(obj, "spec")]
    return [*errors, *_scope_errors(obj.get("spec") or {})]


def _scope_errors(spec: Json) -> list[FieldError]:
    """Known scopes, such as count what is counted here, and none beside its opposite."""
    scopes: list[str] = spec.get("scopes") or []
    told: list[str] = []
    for scope in scopes:
        told += [] if scope in SCOPES else ["unsupported scope"]
        wrong = [name for name in spec.get("hard") or {} if is_counted(name) and not _is_counted_within(scope, name)]
        told += ["unsupported scope applied to resource"] * len(wrong)
    told += ["conflicting scopes" for pair in _OPPOSITES if set(pair) <= set(scopes)]
    return [fields.invalid("spec.scopes", scopes, text) for text in told]


def is_counted(name: str) -> bool:
    """Whether a quota may be about a resource of this bare name."""
    return name in _COUNTED or name.startswith(("hugepages-", "requests.hugepages-"))


def _is_counted_within(scope: str, name: str) -> bool:
    """Scopes are of pods; one of those that ask for nothing has nothing but their number to count."""
    return name == "pods" if scope == "BestEffort" else name in _OF_PODS or name.startswith("requests.hugepages-")


def validate_update(new: Json, old: Json) -> Sequence[FieldError]:
    errors = [*objectmeta.validate_update(new, old), *validate_create(new)]
    if sorted(dig(new, "spec", "scopes", default=[])) != sorted(dig(old, "spec", "scopes", default=[])):
        errors.append(fields.invalid("spec.scopes", dig(new, "spec", "scopes"), "field is immutable"))
    return errors


def validate_status(new: Json, old: Json) -> Sequence[FieldError]:
    return [*objectmeta.validate_update(new, old), *_amount_errors(new, "status")]


def _amount_errors(obj: Json, part: str) -> list[FieldError]:
    errors: list[FieldError] = []
    for name, amount in sorted((dig(obj, part, "hard", default={})).items()):
        path = f"{part}.hard[{name}]"
        errors += [fields.invalid(path, name, fault) for fault in _name_faults(name)]
        if quantity.compare(amount, "0") < 0:
            errors.append(fields.invalid(path, amount, NOT_NEGATIVE))
        if name in _WHOLE and quantity.parse(amount).milli_value % 1000:
            errors.append(fields.invalid(path, amount, "must be an integer"))
    return errors


def _name_faults(name: str) -> list[str]:
    found = qualified_name_faults(name)
    if found or "/" in name or is_counted(name):
        return found
    is_standard = name in _STANDARD
    unknown = [] if is_standard else ["must be a standard resource type or fully qualified"]
    return [*unknown, "must be a standard resource for quota"]


def _told(is_limit: bool) -> Callable[[Json, Now], str]:
    """`pods: 1/3, requests.cpu: 500m/1`; limits stand in a column of their own."""

    def cell(obj: Json, now: Now) -> str:
        hard = dig(obj, "status", "hard", default={})
        used = dig(obj, "status", "used", default={})
        names = sorted(name for name in hard if name.startswith("limits.") == is_limit)
        return ", ".join(f"{name}: {used.get(name, '0')}/{hard[name]}" for name in names)

    return cell


RESOURCE_QUOTA = Kind(
    id="ResourceQuota",
    name="ResourceQuota",
    plural="resourcequotas",
    version="v1",
    short_names=("quota",),
    type="core.v1.ResourceQuota",
    prepare_create=prepare_create,
    prepare_update=prepare_update,
    prepare_status=prepare_status,
    validate_create=validate_create,
    validate_update=validate_update,
    validate_status=validate_status,
    columns=(NAME, Column("Request", _told(False)), Column("Limit", _told(True)), AGE),
    subresources=(Subresource("status"),),
)
