"""What a container may not ask for: resources by name, amounts and the pair of request and limit."""

from stead.kinds.checks import NOT_NEGATIVE, Errors, faults
from stead.kinds.syntax import label_faults, qualified_name_faults
from stead.machinery import fields, quantity
from stead.machinery.objects import Json

_STANDARD = ("cpu", "memory", "ephemeral-storage")
_HUGE = "hugepages-"
_COUNTED = ("pods", "services", "secrets", "configmaps", "storage", "persistentvolumeclaims", "resourcequotas")


def validate_resources(resources: Json, claims: frozenset[str], path: str) -> Errors:
    limits, requests = resources.get("limits") or {}, resources.get("requests") or {}
    errors: Errors = []
    for name in sorted(limits):
        errors += _amount_errors(name, limits[name], f"{path}.limits[{name}]")
    for name in sorted(requests):
        errors += _amount_errors(name, requests[name], f"{path}.requests[{name}]")
        errors += _pair_errors(name, requests[name], limits.get(name), path)
    names = {**limits, **requests}.keys()
    if any(name.startswith(_HUGE) for name in names) and not names & {"cpu", "memory"}:
        errors.append(fields.forbidden(path, "HugePages require cpu or memory"))
    return [*errors, *_claim_errors(resources.get("claims") or [], claims, f"{path}.claims")]


def _amount_errors(name: str, amount: str, path: str) -> Errors:
    errors = _name_errors(name, path)
    if quantity.compare(amount, "0") < 0:
        errors.append(fields.invalid(path, amount, NOT_NEGATIVE))
    if _is_extended(name) and quantity.parse(amount).milli_value % 1000:
        errors.append(fields.invalid(path, amount, "must be an integer"))
    if name.startswith(_HUGE):
        errors += _huge_errors(name, amount, path)
    return errors


def _name_errors(name: str, path: str) -> Errors:
    errors = faults(path, name, qualified_name_faults(name))
    if "/" not in name:
        is_known = bool(errors) or name in (*_STANDARD, *_COUNTED) or name.startswith(_HUGE)
        errors += [] if is_known else faults(path, name, ["must be a standard resource type or fully qualified"])
        fits = name in _STANDARD or name.startswith(_HUGE)
        return errors if fits else [*errors, *faults(path, name, ["must be a standard resource for containers"])]
    if not errors and name.startswith("requests."):
        return faults(path, name, ["doesn't follow extended resource name standard"])
    return errors


def _is_extended(name: str) -> bool:
    """Resources that nodes count in whole pieces: `example.com/gpu`."""
    return (name in _COUNTED and name != "storage") or (
        "/" in name and not name.partition("/")[0].endswith("kubernetes.io")
    )


def _huge_errors(name: str, amount: str, path: str) -> Errors:
    try:
        page = quantity.parse(name.removeprefix(_HUGE)).nanos
    except ValueError:
        page = 0
    if page > 0 and quantity.parse(amount).nanos % page == 0:
        return []
    return [fields.invalid(path, amount, f"{amount} is not positive integer multiple of {name}")]


def _pair_errors(name: str, request: str, limit: str | None, path: str) -> Errors:
    """What can be overcommitted may be asked for below its limit; the rest exactly."""
    is_shared = "/" not in name and not name.startswith(_HUGE)
    if limit is None:
        told = "Limit must be set for non overcommitable resources"
        return [] if is_shared else [fields.required(f"{path}.limits", told)]
    if not is_shared and quantity.compare(request, limit) != 0:
        told = f"must be equal to {name} limit of {limit}"
        return [fields.invalid(f"{path}.requests", request, told)]
    if quantity.compare(request, limit) > 0:
        told = f"must be less than or equal to {name} limit of {limit}"
        return [fields.invalid(f"{path}.requests", request, told)]
    return []


def _claim_errors(used: list[Json], claims: frozenset[str], path: str) -> Errors:
    errors: Errors = []
    seen: set[str] = set()
    for index, claim in enumerate(used):
        name, request, at = claim.get("name", ""), claim.get("request", ""), f"{path}[{index}]"
        if not name:
            errors.append(fields.required(at))
            continue
        if request:
            errors += faults(f"{at}.request", request, label_faults(request))
        if name in seen or f"{name}/{request}" in seen:
            errors.append(fields.duplicate(at, name))
        seen.add(f"{name}/{request}" if request else name)
        if name not in claims:
            listed = f": {', '.join(sorted(claims))}" if claims else " which is empty"
            told = f'Not found: "{name}": must be one of the names in pod.spec.resourceClaims{listed}'
            errors.append(fields.FieldError(at, fields.NOT_FOUND, told))
    return errors
