"""What a container may not ask for: resources by name, amounts and the pair of request and limit."""

from collections.abc import Callable

from stead.kinds.checks import Errors, faults
from stead.kinds.resourcenames import HUGE, amount_errors, container_name_faults, is_shared, name_faults
from stead.kinds.syntax import label_faults
from stead.machinery import fields, quantity
from stead.machinery.objects import Json, dig
from stead.machinery.quantity import ZERO, Quantity


def validate_resources(resources: Json, claims: frozenset[str], path: str) -> Errors:
    errors = _listed_errors(resources, _amount_errors, path)
    return [*errors, *_claim_errors(resources.get("claims") or [], claims, f"{path}.claims")]


def _listed_errors(resources: Json, rule: Callable[[str, str, str], Errors], path: str) -> Errors:
    limits, requests = resources.get("limits") or {}, resources.get("requests") or {}
    errors: Errors = []
    for name in sorted(limits):
        errors += rule(name, limits[name], f"{path}.limits[{name}]")
    for name in sorted(requests):
        errors += rule(name, requests[name], f"{path}.requests[{name}]")
        errors += _pair_errors(name, requests[name], limits.get(name), path)
    names = {**limits, **requests}.keys()
    if any(name.startswith(HUGE) for name in names) and not names & {"cpu", "memory"}:
        errors.append(fields.forbidden(path, "HugePages require cpu or memory"))
    return errors


def validate_pod_resources(spec: Json, claims: frozenset[str], path: str) -> Errors:
    """A pod's own: what all of its containers ask for together is no more, and none may have more than it."""
    resources = spec.get("resources")
    if resources is None:
        return []
    errors: Errors = []
    if resources.get("claims"):
        errors.append(fields.forbidden(f"{path}.claims", "claims cannot be set for Resources at pod-level"))
    errors += _listed_errors(resources, _pod_amount_errors, path)
    errors += _claim_errors(resources.get("claims") or [], claims, f"{path}.claims")
    return [*errors, *_sum_errors(spec, path), *_share_errors(spec, path)]


def _pod_amount_errors(name: str, amount: str, path: str) -> Errors:
    errors = faults(path, name, name_faults(name))
    is_fit = bool(errors) or name in _OF_PODS or name.startswith(HUGE)
    errors += [] if is_fit else [fields.not_supported(path, name, _OF_PODS)]
    errors += amount_errors(name, amount, path)
    return errors + (_huge_errors(name, amount, path) if name.startswith(HUGE) else [])


def _sum_errors(spec: Json, path: str) -> Errors:
    requests = dig(spec, "resources", "requests", default={})
    errors: Errors = []
    for name, needed in sorted(_together(spec).items()):
        if needed > quantity.parse(requests.get(name)):
            told = f"must be greater than or equal to aggregate container requests of {needed}"
            errors.append(fields.invalid(f"{path}.requests[{name}]", str(quantity.parse(requests.get(name))), told))
    return errors


def _together(spec: Json) -> dict[str, Quantity]:
    """What containers and sidecars ask for side by side, or an init container with the sidecars before it."""
    total = _sum(spec.get("containers") or [])
    beside: dict[str, Quantity] = {}
    most: dict[str, Quantity] = {}
    for container in spec.get("initContainers") or []:
        own = _sum([container])
        if container.get("restartPolicy") == "Always":
            total, beside = _added(total, own), _added(beside, own)
            own = beside
        else:
            own = _added(own, beside)
        most = {name: max(most.get(name, ZERO), own.get(name, ZERO)) for name in most.keys() | own.keys()}
    return {name: max(most.get(name, ZERO), total.get(name, ZERO)) for name in most.keys() | total.keys()}


def _sum(containers: list[Json]) -> dict[str, Quantity]:
    total: dict[str, Quantity] = {}
    for container in containers:
        requests = dig(container, "resources", "requests", default={})
        total = _added(total, {name: quantity.parse(amount) for name, amount in requests.items()})
    return total


def _added(one: dict[str, Quantity], other: dict[str, Quantity]) -> dict[str, Quantity]:
    return {name: one.get(name, ZERO) + other.get(name, ZERO) for name in [*one, *(n for n in other if n not in one)]}


def _share_errors(spec: Json, path: str) -> Errors:
    limits = dig(spec, "resources", "limits", default={})
    errors: Errors = []
    for index, container in enumerate(spec.get("containers") or []):
        for name, amount in sorted(dig(container, "resources", "limits", default={}).items()):
            if name in limits and quantity.compare(amount, limits[name]) > 0:
                told = f"must be less than or equal to pod limits of {limits[name]}"
                errors.append(fields.invalid(f"{path}.containers[{index}][{name}].limits", amount, told))
    return errors


_OF_PODS = ["cpu", HUGE, "memory"]


def _amount_errors(name: str, amount: str, path: str) -> Errors:
    errors = [*faults(path, name, container_name_faults(name)), *amount_errors(name, amount, path)]
    return errors + (_huge_errors(name, amount, path) if name.startswith(HUGE) else [])


def _huge_errors(name: str, amount: str, path: str) -> Errors:
    try:
        page = quantity.parse(name.removeprefix(HUGE)).nanos
    except ValueError:
        page = 0
    if page > 0 and quantity.parse(amount).nanos % page == 0:
        return []
    return [fields.invalid(path, amount, f"{amount} is not positive integer multiple of {name}")]


def _pair_errors(name: str, request: str, limit: str | None, path: str) -> Errors:
    """What can be overcommitted may be asked for below its limit; the rest exactly."""
    if limit is None:
        told = "Limit must be set for non overcommitable resources"
        return [] if is_shared(name) else [fields.required(f"{path}.limits", told)]
    if not is_shared(name) and quantity.compare(request, limit) != 0:
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
