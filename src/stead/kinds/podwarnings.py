"""What is let in and yet told of: a pod template's parts that mean nothing, or something else than they seem (S-6)."""

from collections.abc import Iterator

from stead.kinds import apparmor
from stead.kinds.addresswarnings import address_warnings
from stead.kinds.pathwarnings import path_warnings
from stead.kinds.portwarnings import Placed, port_warnings
from stead.kinds.syntax import label_faults, label_value_faults
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
_POD_SECCOMP = "seccomp.security.alpha.kubernetes.io/pod"
_CONTAINER_SECCOMP = "container.seccomp.security.alpha.kubernetes.io/"
_NO_SECCOMP = 'non-functional in v1.27+; use the "seccompProfile" field instead'
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
    return list(_warnings(template, f"{path}."))


def pod_warnings(pod: Json) -> list[str]:
    """Of a new pod: upstream never looks at one that changes."""
    faults = label_faults(dig(pod, "metadata", "name", default=""))
    told = "this is used in the Pod's hostname, which can result in surprising behavior; a DNS label is recommended"
    named = [f"metadata.name: {told}: [{' '.join(faults)}]"] if faults else []
    return [*apparmor.warnings(pod), *named, *_warnings(pod, "")]


def claim_warnings(spec: Json, path: str) -> list[str]:
    asked = dig(spec, "resources", "requests", "storage")
    if asked is None or not quantity.parse(asked).milli_value % 1000:
        return []
    return [f'{path}.resources.requests[storage]: fractional byte value "{asked}" is invalid, must be an integer']


def _warnings(template: Json, root: str) -> Iterator[str]:
    """`root` is where the template lies, with a dot; a pod is its own."""
    spec, annotations = template.get("spec") or {}, dig(template, "metadata", "annotations", default={})
    path, noted = f"{root}spec", f"{root}metadata.annotations"
    yield from _place_warnings(spec, path)
    for key, told in _OLD_ANNOTATIONS.items():
        if key in annotations:
            yield f"{noted}[{key}]: {told}"
    for index, volume in enumerate(spec.get("volumes") or []):
        yield from _volume_warnings(volume, f"{path}.volumes[{index}]")
    yield from path_warnings(spec.get("volumes") or [])
    yield from _repeated(spec.get("hostAliases") or [], "ip", f"{path}.hostAliases")
    yield from _repeated(spec.get("imagePullSecrets") or [], "name", f"{path}.imagePullSecrets")
    for index, secret in enumerate(spec.get("imagePullSecrets") or []):
        if not secret.get("name"):
            yield f'{path}.imagePullSecrets[{index}].name: invalid empty name ""'
    yield from _fractions([(f"{path}.overhead", spec.get("overhead") or {})])
    if _POD_SECCOMP in annotations and dig(spec, "securityContext", "seccompProfile") is None:
        yield f"{noted}[{_POD_SECCOMP}]: {_NO_SECCOMP}"
    containers: list[Placed] = [
        (f"{path}.{list_}[{index}]", container)
        for list_ in ("initContainers", "containers", "ephemeralContainers")
        for index, container in enumerate(spec.get(list_) or [])
    ]
    is_armored = not root or dig(spec, "securityContext", "appArmorProfile") is not None
    for at, container in containers:
        yield from _profile_warnings(container, annotations, noted, is_armored=is_armored)
        yield from _container_warnings(container, at)
    yield from port_warnings(containers)
    yield from _last_warnings(spec, path)


def _place_warnings(spec: Json, path: str) -> Iterator[str]:
    """Where a pod may lie, in old words."""
    for label in sorted(spec.get("nodeSelector") or {}):
        if label in OLD_LABELS:
            yield f"{path}.nodeSelector[{label}]: {old_label(label)}"
    affinity = dig(spec, "affinity", "nodeAffinity", default={})
    yield from _node_affinity_warnings(affinity, f"{path}.affinity.nodeAffinity")
    for index, constraint in enumerate(spec.get("topologySpreadConstraints") or []):
        at, topology = f"{path}.topologySpreadConstraints[{index}]", constraint.get("topologyKey", "")
        if topology in OLD_LABELS:
            yield f"{at}.topologyKey: {topology} is {old_label(topology)}"
        if constraint.get("labelSelector") is None:
            yield f"{at}.labelSelector: {_MATCHES_NONE}"


def _profile_warnings(container: Json, annotations: Json, noted: str, *, is_armored: bool) -> Iterator[str]:
    """Profiles that annotations name and no field does."""
    name, context = container.get("name", ""), container.get("securityContext") or {}
    if _CONTAINER_SECCOMP + name in annotations and context.get("seccompProfile") is None:
        yield f"{noted}[{_CONTAINER_SECCOMP}{name}]: {_NO_SECCOMP}"
    if not is_armored and apparmor.PREFIX + name in annotations and context.get("appArmorProfile") is None:
        yield f"{noted}[{apparmor.PREFIX}{name}]: {apparmor.DEPRECATED}"


def _last_warnings(spec: Json, path: str) -> Iterator[str]:
    if (spec.get("terminationGracePeriodSeconds") or 0) < 0:
        told = "must be >= 0; negative values are invalid and will be treated as 1"
        yield f"{path}.terminationGracePeriodSeconds: {told}"
    for member in ("podAffinity", "podAntiAffinity"):
        yield from _pod_affinity_warnings(dig(spec, "affinity", member, default={}), f"{path}.affinity.{member}")
    for index, server in enumerate(dig(spec, "dnsConfig", "nameservers", default=[])):
        yield from address_warnings(f"{path}.dnsConfig.nameservers[{index}]", server)
    for index, alias in enumerate(spec.get("hostAliases") or []):
        yield from address_warnings(f"{path}.hostAliases[{index}].ip", alias.get("ip", ""))


def old_label(label: str) -> str:
    since, better = OLD_LABELS[label]
    return f'deprecated since {since}; use "{better}" instead'


def _node_affinity_warnings(affinity: Json, path: str) -> Iterator[str]:
    for index, term in enumerate(dig(affinity, _REQUIRED, "nodeSelectorTerms", default=[])):
        yield from node_term_warnings(term, f"{path}.{_REQUIRED}.nodeSelectorTerms[{index}]")
    for index, weighted in enumerate(affinity.get(_PREFERRED) or []):
        at, term = f"{path}.{_PREFERRED}[{index}].preference", weighted.get("preference") or {}
        for number, expression in enumerate(term.get("matchExpressions") or []):
            yield from _old_key_warnings(expression, f"{at}.matchExpressions[{number}]")
            yield from _value_warnings(expression, f"{at}.matchExpressions[{number}]")


def node_term_warnings(term: Json, path: str) -> Iterator[str]:
    for index, expression in enumerate(term.get("matchExpressions") or []):
        yield from _old_key_warnings(expression, f"{path}.matchExpressions[{index}]")


def _old_key_warnings(expression: Json, path: str) -> Iterator[str]:
    key = expression.get("key", "")
    if key in OLD_LABELS:
        yield f"{path}.key: {key} is {old_label(key)}"


def _value_warnings(expression: Json, path: str) -> Iterator[str]:
    """Of what is only preferred, values that no label can have are let in."""
    for index, value in enumerate(expression.get("values") or []):
        for fault in label_value_faults(value):
            yield f"{path}.values[{index}]: {value} is invalid, {fault}"


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
            yield f"{path}.{'storageOS' if source == 'storageos' else source}: {told}"
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
    amounts = [
        (f"{path}.resources.{member}", dig(container, "resources", member, default={}))
        for member in ("limits", "requests")
    ]
    yield from _fractions(amounts)
    yield from _hidden_variables(container.get("env") or [], f"{path}.env")


def _fractions(lists: list[Placed]) -> Iterator[str]:
    for name in _COUNTED_IN_BYTES:
        for path, amounts in lists:
            if name in amounts and quantity.parse(amounts[name]).milli_value % 1000:
                yield f'{path}[{name}]: fractional byte value "{amounts[name]}" is invalid, must be an integer'


def _hidden_variables(variables: list[Json], path: str) -> Iterator[str]:
    """A second definition hides the first, unless it builds on it and says more."""
    seen: set[str] = set()
    for index, variable in enumerate(variables):
        name, value = variable.get("name", ""), variable.get("value") or ""
        builds_on = f"$({name})" in value and value != f"$({name})" and variable.get("valueFrom") is None
        if name in seen and not builds_on:
            yield f'{path}[{index}]: hides previous definition of "{name}", which may be dropped when using apply'
        seen.add(name)
