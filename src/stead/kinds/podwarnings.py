"""What is let in and yet told of: a pod template's parts that mean nothing, or something else than they seem (S-6)."""

from collections.abc import Iterator

from stead.machinery import quantity
from stead.machinery.objects import Json, dig

_OLD_LABELS = {
    "beta.kubernetes.io/arch": ("v1.14", "kubernetes.io/arch"),
    "beta.kubernetes.io/os": ("v1.14", "kubernetes.io/os"),
    "beta.kubernetes.io/instance-type": ("v1.17", "node.kubernetes.io/instance-type"),
    "failure-domain.beta.kubernetes.io/region": ("v1.17", "topology.kubernetes.io/region"),
    "failure-domain.beta.kubernetes.io/zone": ("v1.17", "topology.kubernetes.io/zone"),
}
_COUNTED_IN_BYTES = ("memory", "ephemeral-storage")


def template_warnings(template: Json, path: str) -> list[str]:
    return list(_spec_warnings(template.get("spec") or {}, f"{path}.spec"))


def pod_warnings(pod: Json) -> list[str]:
    name = dig(pod, "metadata", "name", default="")
    told = "this is used in the Pod's hostname, which can result in surprising behavior; a DNS label is recommended"
    warnings = [f"metadata.name: {told}: [must not contain dots]"] if "." in name else []
    return [*warnings, *_spec_warnings(pod.get("spec") or {}, "spec")]


def claim_warnings(spec: Json, path: str) -> list[str]:
    asked = dig(spec, "resources", "requests", "storage")
    if asked is None or not quantity.parse(asked).milli_value % 1000:
        return []
    return [f'{path}.resources.requests[storage]: fractional byte value "{asked}" is invalid, must be an integer']


def _spec_warnings(spec: Json, path: str) -> Iterator[str]:
    for label in sorted(spec.get("nodeSelector") or {}):
        if label in _OLD_LABELS:
            since, better = _OLD_LABELS[label]
            yield f'{path}.nodeSelector[{label}]: deprecated since {since}; use "{better}" instead'
    for index, volume in enumerate(spec.get("volumes") or []):
        if volume.get("gitRepo") is not None:
            yield f"{path}.volumes[{index}].gitRepo: deprecated in v1.11, and disabled by default in v1.33+"
    for index, secret in enumerate(spec.get("imagePullSecrets") or []):
        if not secret.get("name"):
            yield f'{path}.imagePullSecrets[{index}].name: invalid empty name ""'
    for list_ in ("initContainers", "containers"):
        for index, container in enumerate(spec.get(list_) or []):
            yield from _container_warnings(container, f"{path}.{list_}[{index}]")
    if (spec.get("terminationGracePeriodSeconds") or 0) < 0:
        told = "must be >= 0; negative values are invalid and will be treated as 1"
        yield f"{path}.terminationGracePeriodSeconds: {told}"


def _container_warnings(container: Json, path: str) -> Iterator[str]:
    for member in ("limits", "requests"):
        amounts = dig(container, "resources", member, default={})
        for name in _COUNTED_IN_BYTES:
            if name in amounts and quantity.parse(amounts[name]).milli_value % 1000:
                told = f'fractional byte value "{amounts[name]}" is invalid, must be an integer'
                yield f"{path}.resources.{member}[{name}]: {told}"
    yield from _hidden_variables(container.get("env") or [], f"{path}.env")
    yield from _repeated_ports(container.get("ports") or [], f"{path}.ports")


def _hidden_variables(variables: list[Json], path: str) -> Iterator[str]:
    """A second definition hides the first, unless it builds on it."""
    seen: set[str] = set()
    for index, variable in enumerate(variables):
        name = variable.get("name", "")
        builds_on = f"$({name})" in (variable.get("value") or "") and variable.get("valueFrom") is None
        if name in seen and not builds_on:
            yield f'{path}[{index}]: hides previous definition of "{name}", which may be dropped when using apply'
        seen.add(name)


def _repeated_ports(ports: list[Json], path: str) -> Iterator[str]:
    seen: dict[tuple[object, ...], int] = {}
    for index, port in enumerate(ports):
        key = tuple(port.get(member) for member in ("containerPort", "protocol", "hostIP", "hostPort"))
        if key in seen:
            yield f"{path}[{index}]: duplicate port definition with {path}[{seen[key]}]"
        seen.setdefault(key, index)
