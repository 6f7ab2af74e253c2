"""Quotas: nothing comes into a namespace beyond what it may have. What is used is counted from the store itself."""

from collections.abc import Callable, Iterable, Iterator, Mapping

from stead.api.core import Core
from stead.kinds.kind import Kind
from stead.machinery import errors, meta, quantity
from stead.machinery.errors import Forbidden
from stead.machinery.keys import Key
from stead.machinery.objects import Json, dig
from stead.machinery.quantity import Quantity

ID = "ResourceQuota"
ONE = quantity.parse("1")
COUNTED = ("Pod", "PersistentVolumeClaim", "Service", "ConfigMap", "Secret", "ResourceQuota")
COMPUTE = ("cpu", "memory", "ephemeral-storage")
OF_CLASS = ".storageclass.storage.k8s.io/"
Usage = dict[str, Quantity]


def require(core: Core, kind: Kind, obj: Json) -> None:
    """Raise Forbidden where `obj` would exceed a quota of its namespace."""
    if not kind.is_namespaced or not core.store.rows(ID):
        return
    asked = usage_of(kind, obj)
    for row in core.store.rows(ID, meta.namespace(obj)):
        if not _is_in_scope(row.obj, kind, obj):
            continue
        hard = dig(row.obj, "spec", "hard", default={})
        _require_named(kind, obj, row.obj, hard)
        _require_room(core, kind, obj, (row.obj, asked))


def require_more(core: Core, kind: Kind, new: Json, old: Json) -> None:
    """Raise Forbidden where an update takes more than there is: a pod resized, a claim grown, a service's ports."""
    if kind.id not in USAGES or not core.store.rows(ID) or new.get("spec") == old.get("spec"):
        return
    before, after = usage_of(kind, old), usage_of(kind, new)
    more = {name: amount - before.get(name, quantity.ZERO) for name, amount in after.items()}
    more = {name: amount for name, amount in more.items() if amount > quantity.ZERO}
    for row in core.store.rows(ID, meta.namespace(new)):
        if more and _is_in_scope(row.obj, kind, new):
            _require_room(core, kind, new, (row.obj, more))


def _require_room(core: Core, kind: Kind, obj: Json, states: tuple[Json, Usage]) -> None:
    quota, asked = states
    hard = {name: quantity.parse(amount) for name, amount in dig(quota, "spec", "hard", default={}).items()}
    wanted = {name: amount for name, amount in asked.items() if name in hard and amount}
    if not wanted:
        return
    used = used_by(core, quota)
    beyond = sorted(name for name in wanted if used.get(name, quantity.ZERO) + wanted[name] > hard[name])
    if beyond:
        shown = [",".join(f"{name}={amounts.get(name, 0)}" for name in beyond) for amounts in (wanted, used, hard)]
        told = f"exceeded quota: {meta.name(quota)}, requested: {shown[0]}, used: {shown[1]}, limited: {shown[2]}"
        raise _forbidden(kind, obj, told)


def _require_named(kind: Kind, obj: Json, quota: Json, hard: Mapping[str, str]) -> None:
    """Under a quota on compute resources, every container says what it needs."""
    if kind.id != "Pod":
        return
    missing: dict[str, list[str]] = {}
    for name in sorted(hard):
        part, resource = _compute(name)
        if not resource:
            continue
        for container in _containers(obj):
            if resource not in (dig(container, "resources", part, default={})):
                missing.setdefault(name, []).append(str(container.get("name", "")))
    if missing:
        told = "; ".join(f"{name} for: {','.join(containers)}" for name, containers in missing.items())
        raise _forbidden(kind, obj, f"failed quota: {meta.name(quota)}: must specify {told}")


def _compute(name: str) -> tuple[str, str]:
    """`limits.cpu` as ("limits", "cpu"); a bare `cpu` is a request; ("", "") for what is no compute resource."""
    part, _, resource = name.rpartition(".")
    if part in ("", "requests", "limits") and resource in COMPUTE:
        return part or "requests", resource
    return "", ""


def used_by(core: Core, quota: Json) -> Usage:
    """What the quota's namespace has of everything the quota speaks of."""
    total: Usage = {}
    hard = dig(quota, "spec", "hard", default={})
    for kind in _kinds_in(core, hard):
        for row in core.store.rows(kind.id, meta.namespace(quota)):
            if _is_in_scope(quota, kind, row.obj):
                _add(total, usage_of(kind, row.obj))
    return {name: total.get(name, quantity.ZERO) for name in hard}


def _kinds_in(core: Core, hard: Mapping[str, str]) -> Iterator[Kind]:
    words = [name.removeprefix("count/") for name in hard if name.startswith("count/")]
    counted = {kind.id: kind for kind in map(core.registry.by_word, words) if kind is not None}
    counted.update({id_: core.registry.by_id(id_) for id_ in COUNTED})
    return iter(counted.values())


def usage_of(kind: Kind, obj: Json) -> Usage:
    """What one object takes of every resource a quota can speak of."""
    if kind.id == "Pod" and dig(obj, "status", "phase") in ("Succeeded", "Failed"):
        return {f"count/{kind.plural}": ONE}
    found: Usage = {f"count/{errors.qualified(kind.plural, kind.group)}": ONE}
    if kind.id in COUNTED:
        found[kind.plural] = ONE
    more = USAGES.get(kind.id)
    if more is not None:
        _add(found, more(obj))
    return found


def _pod_usage(obj: Json) -> Usage:
    found: Usage = {}
    for container in _containers(obj):
        for part in ("requests", "limits"):
            for resource, amount in dig(container, "resources", part, default={}).items():
                _add(found, {f"{part}.{resource}": quantity.parse(amount)})
    found.update({name.removeprefix("requests."): amount for name, amount in found.items() if name[0] == "r"})
    return found


def _containers(obj: Json) -> list[Json]:
    """Those that run together; an init container is gone when they start."""
    containers: list[Json] = dig(obj, "spec", "containers", default=[])
    return containers


def _claim_usage(obj: Json) -> Usage:
    storage = quantity.parse(dig(obj, "spec", "resources", "requests", "storage", default="0"))
    found = {"requests.storage": storage}
    class_ = dig(obj, "spec", "storageClassName", default="")
    if class_:
        found[f"{class_}{OF_CLASS}persistentvolumeclaims"] = ONE
        found[f"{class_}{OF_CLASS}requests.storage"] = storage
    return found


def _service_usage(obj: Json) -> Usage:
    sort = dig(obj, "spec", "type", default="")
    ports = sum(1 for port in dig(obj, "spec", "ports", default=[]) if port.get("nodePort"))
    found = {"services.nodeports": quantity.parse(ports)}
    return {**found, "services.loadbalancers": ONE} if sort == "LoadBalancer" else found


USAGES: Mapping[str, Callable[[Json], Usage]] = {
    "Pod": _pod_usage,
    "PersistentVolumeClaim": _claim_usage,
    "Service": _service_usage,
}


def _add(total: Usage, more: Mapping[str, Quantity]) -> None:
    for name, amount in more.items():
        total[name] = total[name] + amount if name in total else amount


def _is_in_scope(quota: Json, kind: Kind, obj: Json) -> bool:
    scopes: Iterable[str] = dig(quota, "spec", "scopes", default=[])
    return all(kind.id == "Pod" and SCOPES.get(scope, _nothing)(obj) for scope in scopes)


def _nothing(obj: Json) -> bool:
    return False


def _is_best_effort(pod: Json) -> bool:
    return not any(
        dig(container, "resources", part) for container in _containers(pod) for part in ("requests", "limits")
    )


def _ends(pod: Json) -> bool:
    return dig(pod, "spec", "activeDeadlineSeconds") is not None


SCOPES: Mapping[str, Callable[[Json], bool]] = {
    "BestEffort": _is_best_effort,
    "NotBestEffort": lambda pod: not _is_best_effort(pod),
    "Terminating": _ends,
    "NotTerminating": lambda pod: not _ends(pod),
    "PriorityClass": lambda pod: bool(dig(pod, "spec", "priorityClassName")),
}


def tell_change(core: Core, kind: Kind, new: Json, old: Json) -> None:
    """The same after an update, where it could have changed what is used."""
    if kind.id == ID or (core.store.rows(ID) and kind.id in USAGES and usage_of(kind, new) != usage_of(kind, old)):
        tell(core, meta.namespace(new))


def tell(core: Core, namespace: str) -> None:
    """Write what is used into the status of the namespace's quotas, where it has changed."""
    if not core.store.rows(ID):
        return
    for row in core.store.rows(ID, namespace):
        used = {name: str(amount) for name, amount in sorted(used_by(core, row.obj).items())}
        status = {"hard": dig(row.obj, "spec", "hard", default={}), "used": used}
        if row.obj.get("status") != status:
            core.store.put(Key(ID, namespace, row.key.name), {**row.obj, "status": status})


def _forbidden(kind: Kind, obj: Json, why: str) -> Forbidden:
    name = meta.name(obj)
    told = f'{errors.qualified(kind.plural, kind.group)} "{name}" is forbidden: {why}'
    return Forbidden(told, details=errors.named(kind.plural, kind.group, name))
