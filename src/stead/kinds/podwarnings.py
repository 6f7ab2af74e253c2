"""What is let in and yet told of: a pod template's parts that mean nothing, or something else than they seem (S-6)."""

from collections.abc import Iterator

from stead.machinery import quantity
from stead.machinery.objects import Json, dig

OLD_LABELS = {
    "beta.kubernetes.io/arch": ("v1.14", "kubernetes.io/arch"),
    "beta.kubernetes.io/os": ("v1.14", "kubernetes.io/os"),
    "beta.kubernetes.io/instance-type": ("v1.17", "node.kubernetes.io/instance-type"),
    "failure-domain.beta.kubernetes.io/region": ("v1.17", "topology.kubernetes.io/region"),
    "failure-domain.beta.kubernetes.io/zone": ("v1.17", "topology.kubernetes.io/zone"),
}
_OLD_ANNOTATIONS = {
    "scheduler.alpha.kubernetes.io/critical-pod": 'non-functional in v1.16+; use the "priorityClassName" field instead',
    "security.alpha.kubernetes.io/sysctls": 'non-functional in v1.11+; use the "sysctls" field instead',
    "security.alpha.kubernetes.io/unsafe-sysctls": 'non-functional in v1.11+; use the "sysctls" field instead',
}
_APP_ARMOR = "container.apparmor.security.beta.kubernetes.io/"
OLD_VOLUMES = {
    "photonPersistentDisk": "deprecated in v1.11, non-functional in v1.16+",
    "gitRepo": "deprecated in v1.11, and disabled by default in v1.33+",
    "scaleIO": "deprecated in v1.16, non-functional in v1.22+",
    "flocker": "deprecated in v1.22, non-functional in v1.25+",
    "storageos": "deprecated in v1.22, non-functional in v1.25+",
    "quobyte": "deprecated in v1.22, non-functional in v1.25+",
    "glusterfs": "deprecated in v1.25, non-functional in v1.26+",
    "cephfs": "deprecated in v1.28, non-functional in v1.31+",
    "rbd": "deprecated in v1.28, non-functional in v1.31+",
}
_REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
_PREFERRED = "preferredDuringSchedulingIgnoredDuringExecution"
_MATCHES_NONE = "a null labelSelector results in matching no pod"
_COUNTED_IN_BYTES = ("memory", "ephemeral-storage")


def template_warnings(template: Json, path: str) -> list[str]:
    annotations = _annotation_warnings(template.get("metadata") or {}, f"{path}.metadata.annotations")
    return list(_spec_warnings(template.get("spec") or {}, f"{path}.spec", annotations))


def pod_warnings(pod: Json) -> list[str]:
    name = dig(pod, "metadata", "name", default="")
    told = "this is used in the Pod's hostname, which can result in surprising behavior; a DNS label is recommended"
    warnings = [f"metadata.name: {told}: [must not contain dots]"] if "." in name else []
    annotations = _annotation_warnings(pod.get("metadata") or {}, "metadata.annotations")
    return [*warnings, *_spec_warnings(pod.get("spec") or {}, "spec", annotations)]


def _annotation_warnings(metadata: Json, path: str) -> list[str]:
    annotations = metadata.get("annotations") or {}
    found = [f"{path}[{key}]: {told}" for key, told in _OLD_ANNOTATIONS.items() if key in annotations]
    profiles = sorted(key for key in annotations if key.startswith(_APP_ARMOR))
    told = 'deprecated since v1.30; use the "appArmorProfile" field instead'
    return [*found, *(f"{path}[{key}]: {told}" for key in profiles)]


def claim_warnings(spec: Json, path: str) -> list[str]:
    asked = dig(spec, "resources", "requests", "storage")
    if asked is None or not quantity.parse(asked).milli_value % 1000:
        return []
    return [f'{path}.resources.requests[storage]: fractional byte value "{asked}" is invalid, must be an integer']


def _spec_warnings(spec: Json, path: str, annotations: list[str]) -> Iterator[str]:
    for label in sorted(spec.get("nodeSelector") or {}):
        if label in OLD_LABELS:
            yield f"{path}.nodeSelector[{label}]: {old_label(label)}"
    yield from _node_affinity_warnings(
        dig(spec, "affinity", "nodeAffinity", default={}), f"{path}.affinity.nodeAffinity"
    )
    for index, constraint in enumerate(spec.get("topologySpreadConstraints") or []):
        at, topology = f"{path}.topologySpreadConstraints[{index}]", constraint.get("topologyKey", "")
        if topology in OLD_LABELS:
            yield f"{at}.topologyKey: {old_label(topology)}"
        if constraint.get("labelSelector") is None:
            yield f"{at}.labelSelector: {_MATCHES_NONE}"
    yield from annotations
    for index, volume in enumerate(spec.get("volumes") or []):
        yield from _volume_warnings(volume, f"{path}.volumes[{index}]")
    yield from _repeated(spec.get("hostAliases") or [], "ip", f"{path}.hostAliases")
    yield from _repeated(spec.get("imagePullSecrets") or [], "name", f"{path}.imagePullSecrets")
    for index, secret in enumerate(spec.get("imagePullSecrets") or []):
        if not secret.get("name"):
            yield f'{path}.imagePullSecrets[{index}].name: invalid empty name ""'
    yield from _fractions(spec.get("overhead") or {}, f"{path}.overhead")
    for list_ in ("initContainers", "containers"):
        for index, container in enumerate(spec.get(list_) or []):
            yield from _container_warnings(container, f"{path}.{list_}[{index}]")
    if (spec.get("terminationGracePeriodSeconds") or 0) < 0:
        told = "must be >= 0; negative values are invalid and will be treated as 1"
        yield f"{path}.terminationGracePeriodSeconds: {told}"
    for member in ("podAffinity", "podAntiAffinity"):
        yield from _pod_affinity_warnings(dig(spec, "affinity", member, default={}), f"{path}.affinity.{member}")


def old_label(label: str) -> str:
    since, better = OLD_LABELS[label]
    return f'deprecated since {since}; use "{better}" instead'


def _node_affinity_warnings(affinity: Json, path: str) -> Iterator[str]:
    required = f"{path}.{_REQUIRED}.nodeSelectorTerms"
    terms = [(f"{required}[{i}]", t) for i, t in enumerate(dig(affinity, _REQUIRED, "nodeSelectorTerms", default=[]))]
    for index, weighted in enumerate(affinity.get(_PREFERRED) or []):
        terms.append((f"{path}.{_PREFERRED}[{index}].preference", weighted.get("preference") or {}))
    for at, term in terms:
        yield from node_term_warnings(term, at)


def node_term_warnings(term: Json, path: str) -> Iterator[str]:
    for index, expression in enumerate(term.get("matchExpressions") or []):
        key = expression.get("key", "")
        if key in OLD_LABELS:
            yield f"{path}.matchExpressions[{index}].key: {key} is {old_label(key)}"


def _pod_affinity_warnings(affinity: Json, path: str) -> Iterator[str]:
    for index, term in enumerate(affinity.get(_REQUIRED) or []):
        if term.get("labelSelector") is None:
            yield f"{path}.{_REQUIRED}[{index}].labelSelector: {_MATCHES_NONE}"
    for index, weighted in enumerate(affinity.get(_PREFERRED) or []):
        if dig(weighted, "podAffinityTerm", "labelSelector") is None:
            yield f"{path}.{_PREFERRED}[{index}].podAffinityTerm.labelSelector: {_MATCHES_NONE}"


def _volume_warnings(volume: Json, path: str) -> Iterator[str]:
    for source, told in OLD_VOLUMES.items():
        if volume.get(source) is not None:
            yield f"{path}.{source}: {told}"
    template = dig(volume, "ephemeral", "volumeClaimTemplate", "spec")
    if template is not None:
        yield from claim_warnings(template, f"{path}.ephemeral.volumeClaimTemplate.spec")


def _repeated(items: list[Json], member: str, path: str) -> Iterator[str]:
    seen: set[str] = set()
    for index, item in enumerate(items):
        value = item.get(member) or ""
        if value in seen:
            yield f'{path}[{index}].{member}: duplicate {member} "{value}"'
        seen.add(value)


def _container_warnings(container: Json, path: str) -> Iterator[str]:
    for member in ("limits", "requests"):
        yield from _fractions(dig(container, "resources", member, default={}), f"{path}.resources.{member}")
    yield from _hidden_variables(container.get("env") or [], f"{path}.env")
    yield from _repeated_ports(container.get("ports") or [], f"{path}.ports")


def _fractions(amounts: Json, path: str) -> Iterator[str]:
    for name in _COUNTED_IN_BYTES:
        if name in amounts and quantity.parse(amounts[name]).milli_value % 1000:
            yield f'{path}[{name}]: fractional byte value "{amounts[name]}" is invalid, must be an integer'


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
