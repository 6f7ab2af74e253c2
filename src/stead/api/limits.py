"""Limit ranges: what containers ask for when they ask for nothing, and what nobody may ask for."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from stead.api.core import Call, Core
from stead.kinds.kind import Kind
from stead.machinery import errors, meta, quantity
from stead.machinery.errors import Forbidden
from stead.machinery.objects import Json, dig

MARK = "kubernetes.io/limit-ranger"
CONTAINERS = ("initContainers", "containers")


def on_pod(core: Core, call: Call, pod: Json) -> Json:
    """The pod with the defaults of its namespace's limit ranges."""
    said: list[str] = []
    for item in _items(core, pod):
        if item.get("type") == "Container":
            pod = _with_defaults(pod, item, said)
    if said:
        annotations = {**meta.annotations(pod), MARK: f"LimitRanger plugin set: {'; '.join(said)}"}
        pod = {**pod, "metadata": {**pod["metadata"], "annotations": annotations}}
    return pod


def require(core: Core, kind: Kind, obj: Json, old: Json | None = None) -> None:
    """Raise Forbidden where a pod or claim, good by itself, breaks a limit range of its namespace."""
    if kind.id not in FAULTS or (old is not None and _amounts(obj) == _amounts(old)):
        return
    found = [wrong for item in _items(core, obj) for wrong in FAULTS[kind.id](obj, item)]
    _refuse(kind.plural, obj, found)


def _amounts(pod: Json) -> list[Any]:
    spec = pod.get("spec") or {}
    return [spec.get("resources"), *(one.get("resources") for group in CONTAINERS for one in spec.get(group) or [])]


def _items(core: Core, obj: Json) -> list[Json]:
    if not core.store.rows("LimitRange"):
        return []
    rows = core.store.rows("LimitRange", meta.namespace(obj))
    return [item for row in rows for item in dig(row.obj, "spec", "limits", default=[])]


def _refuse(plural: str, obj: Json, wrong: list[str]) -> None:
    if wrong:
        told = wrong[0] if len(wrong) == 1 else f"[{', '.join(wrong)}]"
        name = meta.name(obj)
        raise Forbidden(f'{plural} "{name}" is forbidden: {told}', details=errors.named(plural, "", name))


def _with_defaults(pod: Json, item: Json, said: list[str]) -> Json:
    spec = dict(pod["spec"])
    for group in CONTAINERS:
        if spec.get(group):
            spec[group] = [_filled(container, item, (group, said)) for container in spec[group]]
    return {**pod, "spec": spec}


def _filled(container: Json, item: Json, told: tuple[str, list[str]]) -> Json:
    resources: dict[str, Any] = dict(container.get("resources") or {})
    group, said = told
    sort = "container" if group == "containers" else "init container"
    for part, default, word in (("requests", "defaultRequest", "request"), ("limits", "default", "limit")):
        given = resources.get(part) or {}
        missing = {name: amount for name, amount in (item.get(default) or {}).items() if name not in given}
        if part == "requests":  # a limit of one's own is a request of one's own, too
            limits = (container.get("resources") or {}).get("limits") or {}
            missing = {name: limits.get(name, amount) for name, amount in missing.items()}
        if missing:
            resources[part] = {**given, **missing}
            said.append(f"{', '.join(sorted(missing))} {word} for {sort} {container.get('name', '')}")
    return {**container, "resources": resources} if resources else container


def _pod_faults(pod: Json, item: Json) -> Iterator[str]:
    if item.get("type") == "Container":
        for group in CONTAINERS:
            for container in dig(pod, "spec", group, default=[]):
                resources = container.get("resources") or {}
                yield from _bounds(item, resources.get("requests") or {}, resources.get("limits") or {})
    elif item.get("type") == "Pod":
        yield from _bounds(item, _sum(pod, "requests"), _sum(pod, "limits"))


def _claim_faults(claim: Json, item: Json) -> Iterator[str]:
    """A claim has no limit: what it asks for is what it gets."""
    if item.get("type") == "PersistentVolumeClaim":
        requests = dig(claim, "spec", "resources", "requests", default={})
        yield from _bounds(item, requests, requests)


FAULTS: Mapping[str, Callable[[Json, Json], Iterator[str]]] = {
    "Pod": _pod_faults,
    "PersistentVolumeClaim": _claim_faults,
}


def _sum(pod: Json, part: str) -> Json:
    total: dict[str, str] = {}
    for container in dig(pod, "spec", "containers", default=[]):
        for name, amount in dig(container, "resources", part, default={}).items():
            total[name] = quantity.add(total.get(name), amount)
    return total


def _bounds(item: Json, requests: Json, limits: Json) -> Iterator[str]:
    sort = item.get("type", "")
    for name, least in sorted((item.get("min") or {}).items()):
        rule = f"minimum {name} usage per {sort} is {least}"
        if name not in requests:
            yield f"{rule}.  No request is specified"
        elif quantity.compare(requests[name], least) < 0:
            yield f"{rule}, but request is {requests[name]}"
    for name, most in sorted((item.get("max") or {}).items()):
        rule = f"maximum {name} usage per {sort} is {most}"
        if name not in limits:
            yield f"{rule}.  No limit is specified"
        elif quantity.compare(limits[name], most) > 0:
            word = "request" if sort == "PersistentVolumeClaim" else "limit"
            yield f"{rule}, but {word} is {limits[name]}"
    for name, ratio in sorted((item.get("maxLimitRequestRatio") or {}).items()):
        yield from _ratio_faults(sort, name, ratio, (requests.get(name), limits.get(name)))


def _ratio_faults(sort: str, name: str, most: str, pair: tuple[Any, Any]) -> Iterator[str]:
    request, limit = pair
    rule = f"{name} max limit to request ratio per {sort} is {most}"
    if request is None or limit is None or not quantity.parse(request):
        yield f"{rule}, but no {'request' if request is None else 'limit'} is specified or request is 0"
        return
    ratio = quantity.value(limit) / quantity.value(request)
    if ratio > quantity.value(most):
        yield f"{rule}, but provided ratio is {float(ratio):f}"
