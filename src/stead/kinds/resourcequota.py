"""ResourceQuota: how much of everything a namespace may have. Counting is the api room's."""

from collections.abc import Callable, Sequence

from stead.kinds import objectmeta
from stead.kinds.columns import AGE, NAME
from stead.kinds.kind import Column, Kind, Subresource
from stead.kinds.resourcenames import amount_errors, is_counted, quota_name_faults
from stead.kinds.shownstructs import as_struct
from stead.kinds.syntax import subdomain_faults
from stead.machinery import fields
from stead.machinery.fields import FieldError
from stead.machinery.objects import Json, dig, without
from stead.machinery.times import Now

_OF_PODS = (
    "pods",
    "cpu",
    "memory",
    *(f"{part}.{name}" for part in ("requests", "limits") for name in ("cpu", "memory")),
)
_OF_CLAIMS = ("persistentvolumeclaims", "requests.storage")
_OPPOSITES = (("BestEffort", "NotBestEffort"), ("Terminating", "NotTerminating"))
# scope -> what can be counted within it
SCOPES = {
    "BestEffort": ("pods",),
    "CrossNamespacePodAffinity": _OF_PODS,
    "NotBestEffort": _OF_PODS,
    "NotTerminating": _OF_PODS,
    "PriorityClass": _OF_PODS,
    "Terminating": _OF_PODS,
    "VolumeAttributesClass": _OF_CLAIMS,
}
_SCOPES_THAT_EXIST = (
    "ResourceQuotaScopeTerminating, ResourceQuotaScopeNotTerminating, ResourceQuotaScopeBestEffort, "
    "ResourceQuotaScopeNotBestEffort or ResourceQuotaScopeCrossNamespacePodAffinity"
)
_WITHOUT_VALUES = ("BestEffort", "NotBestEffort", "Terminating", "NotTerminating", "CrossNamespacePodAffinity")


def prepare_create(obj: Json) -> Json:
    return without(obj, "status")


def prepare_update(new: Json, old: Json) -> Json:
    return {**new, "status": old.get("status") or {}}


def prepare_status(new: Json, old: Json) -> Json:
    return {**new, "spec": old.get("spec") or {}}


def validate_create(obj: Json) -> Sequence[FieldError]:
    return [*objectmeta.validate_create(obj, subdomain_faults), *_spec_errors(obj)]


def _spec_errors(obj: Json) -> list[FieldError]:
    spec = obj.get("spec") or {}
    return [*_amount_errors(spec, "spec", "hard"), *_scope_errors(spec), *_selector_errors(spec)]


def _scope_errors(spec: Json) -> list[FieldError]:
    """Known scopes, such as count what is counted here, and none beside its opposite."""
    scopes: list[str] = spec.get("scopes") or []
    told: list[str] = []
    for scope in scopes:
        told += [] if scope in SCOPES else ["unsupported scope"]
        told += ["unsupported scope applied to resource"] * len(_uncounted(spec, scope))
    told += _conflicts(scopes)
    return [fields.invalid("spec.scopes", scopes, text) for text in told]


def _uncounted(spec: Json, scope: str) -> list[str]:
    """What the quota counts and the scope has not; of a scope that nobody knows nothing is said."""
    counted = SCOPES.get(scope)
    return [name for name in spec.get("hard") or {} if counted and is_counted(name) and name not in counted]


def _conflicts(scopes: Sequence[str]) -> list[str]:
    return ["conflicting scopes" for pair in _OPPOSITES if set(pair) <= set(scopes)]


def _selector_errors(spec: Json) -> list[FieldError]:
    """Upstream names the list, never which of its terms."""
    selector = spec.get("scopeSelector")
    if selector is None:
        return []
    path, terms = "spec.scopeSelector.matchExpressions", selector.get("matchExpressions") or []
    errors: list[FieldError] = []
    for term in terms:
        errors += _term_errors(spec, term, path)
    conflicts = _conflicts([term.get("scopeName", "") for term in terms])
    return [*errors, *(fields.invalid(path, spec.get("scopes"), told) for told in conflicts)]


def _term_errors(spec: Json, term: Json, path: str) -> list[FieldError]:
    scope, operator, values = term.get("scopeName", ""), term.get("operator", ""), term.get("values") or []
    errors = [] if scope in SCOPES else [fields.invalid(f"{path}.scopeName", scope, "unsupported scope")]
    shown = as_struct("core.v1.ScopeSelector", spec["scopeSelector"])
    errors += [fields.invalid(path, shown, "unsupported scope applied to resource")] * len(_uncounted(spec, scope))
    if scope in _WITHOUT_VALUES and operator != "Exists":
        told = f"must be 'Exists' when scope is any of {_SCOPES_THAT_EXIST}"
        errors.append(fields.invalid(f"{path}.operator", operator, told))
    if operator in ("In", "NotIn") and not values:
        told = "must be at least one value when `operator` is 'In' or 'NotIn' for scope selector"
        errors.append(fields.required(f"{path}.values", told))
    elif operator in ("Exists", "DoesNotExist") and values:
        told = "must be no value when `operator` is 'Exist' or 'DoesNotExist' for scope selector"
        errors.append(fields.invalid(f"{path}.values", values, told))
    elif operator not in ("In", "NotIn", "Exists", "DoesNotExist"):
        errors.append(fields.invalid(f"{path}.operator", operator, "not a valid selector operator"))
    return errors


def validate_update(new: Json, old: Json) -> Sequence[FieldError]:
    errors = [*objectmeta.validate_update(new, old), *_spec_errors(new)]
    now, before = (dig(one, "spec", "scopes", default=[]) for one in (new, old))
    if set(now) != set(before):
        errors.append(fields.invalid("spec.scopes", now or None, "field is immutable"))
    return errors


def validate_status(new: Json, old: Json) -> Sequence[FieldError]:
    status, errors = new.get("status") or {}, objectmeta.validate_update(new, old)
    return [*errors, *_amount_errors(status, "status", "hard"), *_amount_errors(status, "status", "used")]


def _amount_errors(holder: Json, part: str, list_: str) -> list[FieldError]:
    errors: list[FieldError] = []
    for name, amount in sorted((holder.get(list_) or {}).items()):
        path = f"{part}.{list_}[{name}]"
        errors += [fields.invalid(path, name, fault) for fault in quota_name_faults(name)]
        errors += amount_errors(name, amount, path)
    return errors


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
