"""What a container may not be: its name, image, ports, mounts, devices and resources, in upstream's order."""

from collections.abc import Iterable, Mapping

from msgspec import Struct

from stead.kinds.checks import Errors, faults, known, needed, not_too_many, one_of
from stead.kinds.envrules import validate_env, validate_env_from
from stead.kinds.mountrules import validate_devices, validate_mounts
from stead.kinds.proberules import validate_lifecycle, validate_probe
from stead.kinds.resourcerules import validate_resources
from stead.kinds.securityrules import validate_security_context
from stead.kinds.syntax import label_faults, port_faults, port_name_faults
from stead.machinery import fields
from stead.machinery.objects import Json

PROTOCOLS = ["SCTP", "TCP", "UDP"]
PULL_POLICIES = ["Always", "IfNotPresent", "Never"]
_MESSAGE_POLICIES = ["File", "FallbackToLogsOnError"]
_RESTART_POLICIES = ["Always", "Never", "OnFailure"]
_RESIZED = ["cpu", "memory"]
_RESIZE_POLICIES = ["NotRequired", "RestartContainer"]
_MOST_RULES, _MOST_CODES = 20, 255
_PROBES = ("livenessProbe", "readinessProbe", "startupProbe")
_NOT_EPHEMERAL = "cannot be set for an Ephemeral Container"
_LASTING = ("ports", "resources", "resizePolicy", "restartPolicy", "restartPolicyRules", *_PROBES)
_NOT_BEGUN_ANEW = "must not be set to 'RestartContainer' for non-sidecar initContainers"
_SIDECARS_ONLY = "may not be set for init containers without restartPolicy=Always"


class Surroundings(Struct, frozen=True):
    """What a container's rules ask of its pod: its volumes by name, its claims, its grace and its user namespace."""

    volumes: Mapping[str, Json]
    claims: frozenset[str] = frozenset()
    grace: int | None = None
    restart_policy: str = "Always"
    uses_host_users: bool = True


def validate_containers(containers: list[Json], pod: Surroundings, path: str) -> Errors:
    if not containers:
        return [fields.required(path)]
    errors: Errors = []
    names: set[str] = set()
    for index, container in enumerate(containers):
        at = f"{path}[{index}]"
        errors += _common_errors(container, pod, at)
        errors += _name_taken(container, names, at)
        names.add(container.get("name", ""))
        errors += _running_errors(container, pod, at)
        errors += _restart_errors(container, at)
    return [*errors, *_host_port_conflicts(containers, path)]


def validate_init_containers(init: list[Json], containers: list[Json], pod: Surroundings, path: str) -> Errors:
    errors: Errors = []
    names = {container.get("name", "") for container in containers}
    for index, container in enumerate(init):
        at = f"{path}[{index}]"
        errors += _common_errors(container, pod, at)
        errors += _restart_errors(container, at)
        errors += _name_taken(container, names, at)
        names |= {container["name"]} if container.get("name") else set()
        errors += _host_port_conflicts([container], path)
        is_sidecar = container.get("restartPolicy") == "Always"
        errors += _running_errors(container, pod, at) if is_sidecar else _not_running_errors(container, at)
        errors += [] if is_sidecar else _restarting_errors(container.get("resizePolicy") or [], f"{at}.resizePolicy")
    return errors


def without_old(errors: Errors, before: Json) -> Errors:
    """`errors` of a pod's spec without those that it was let in with once."""
    init = [one for one in before.get("initContainers") or [] if one.get("restartPolicy") != "Always"]
    is_old = any(_restarting_errors(one.get("resizePolicy") or [], "") for one in init)
    return [error for error in errors if not error.text.endswith(_NOT_BEGUN_ANEW)] if is_old else errors


def _restarting_errors(policies: list[Json], path: str) -> Errors:
    """What runs to its end once is not begun anew for other amounts."""
    return [
        fields.invalid(f"{path}[{index}].restartPolicy", policy["restartPolicy"], _NOT_BEGUN_ANEW)
        for index, policy in enumerate(policies)
        if policy.get("restartPolicy") == "RestartContainer"
    ]


def validate_ephemeral(ephemeral: list[Json], others: list[Json], pod: Surroundings, path: str) -> Errors:
    """Containers to look in with: they have nothing a pod could lean on. `path` is the pod's spec."""
    errors: Errors = []
    lasting = {container.get("name", "") for container in others}
    names = set(lasting)
    for index, container in enumerate(ephemeral):
        at, target = f"{path}.ephemeralContainers[{index}]", container.get("targetContainerName") or ""
        errors += _common_errors(container, pod, at)
        errors += _name_taken(container, names, at)
        names.add(container.get("name", ""))
        if target and target not in lasting:
            errors.append(fields.not_found(f"{at}.targetContainerName", target))
        given = [member for member in _LASTING if container.get(member)]
        given += ["lifecycle"] if container.get("lifecycle") is not None else []  # upstream points to it
        errors += [fields.forbidden(f"{at}.{member}", _NOT_EPHEMERAL) for member in given]
        for number, mount in enumerate(container.get("volumeMounts") or []):
            given = [member for member in ("subPath", "subPathExpr") if mount.get(member)]
            errors += [fields.forbidden(f"{at}.volumeMounts[{number}].{m}", _NOT_EPHEMERAL) for m in given]
    return errors


def _common_errors(container: Json, pod: Surroundings, path: str) -> Errors:
    """What holds for every sort of container."""
    name = container.get("name", "")
    errors = faults(f"{path}.name", name, label_faults(name)) if name else [fields.required(f"{path}.name")]
    errors += needed(f"{path}.image", container.get("image"))
    policy = container.get("terminationMessagePolicy")
    errors += one_of(f"{path}.terminationMessagePolicy", policy, _MESSAGE_POLICIES)
    errors += _port_errors(container.get("ports") or [], f"{path}.ports")
    errors += validate_env(container.get("env") or [], f"{path}.env")
    errors += validate_env_from(container.get("envFrom") or [], f"{path}.envFrom")
    errors += validate_mounts(container, pod.volumes, f"{path}.volumeMounts")
    errors += validate_devices(container, pod.volumes, f"{path}.volumeDevices")
    errors += one_of(f"{path}.imagePullPolicy", container.get("imagePullPolicy"), PULL_POLICIES)
    errors += validate_resources(container.get("resources") or {}, pod.claims, f"{path}.resources")
    errors += _resize_errors(container.get("resizePolicy") or [], pod.restart_policy, f"{path}.resizePolicy")
    context = container.get("securityContext")
    return [*errors, *validate_security_context(context, pod.uses_host_users, f"{path}.securityContext")]


def _name_taken(container: Json, names: Iterable[str], path: str) -> Errors:
    name = container.get("name", "")
    return [fields.duplicate(f"{path}.name", name)] if name in names else []


def _running_errors(container: Json, pod: Surroundings, path: str) -> Errors:
    """Lifecycle and probes: for containers that run along with the pod."""
    errors = validate_lifecycle(container.get("lifecycle") or {}, pod.grace, f"{path}.lifecycle")
    for probe in _PROBES:
        if container.get(probe) is not None:
            errors += validate_probe(container[probe], probe, pod.grace, f"{path}.{probe}")
    return errors


def _not_running_errors(container: Json, path: str) -> Errors:
    given = [member for member in ("lifecycle", *_PROBES) if container.get(member) is not None]
    return [fields.forbidden(f"{path}.{member}", _SIDECARS_ONLY) for member in given]


def _restart_errors(container: Json, path: str) -> Errors:
    policy, rules, at = container.get("restartPolicy"), container.get("restartPolicyRules") or [], "restartPolicyRules"
    errors = known(f"{path}.restartPolicy", policy, _RESTART_POLICIES) if policy is not None else []
    if rules and not policy:
        told = "must specify restartPolicy when restart rules are used"
        errors.append(fields.required(f"{path}.restartPolicy", told))
    errors += not_too_many(f"{path}.{at}", len(rules), _MOST_RULES)
    for index, rule in enumerate(rules):
        errors += _restart_rule_errors(rule, f"{path}.{at}[{index}]")
    return errors


def _restart_rule_errors(rule: Json, path: str) -> Errors:
    codes = rule.get("exitCodes")
    errors = known(f"{path}.action", rule.get("action", ""), ["Restart", "RestartAllContainers"])
    if codes is None:
        return [*errors, fields.required(f"{path}.exitCodes", "must be specified")]
    errors += known(f"{path}.exitCodes.operator", codes.get("operator", ""), ["In", "NotIn"])
    return [*errors, *not_too_many(f"{path}.exitCodes.values", len(codes.get("values") or []), _MOST_CODES)]


def _port_errors(ports: list[Json], path: str) -> Errors:
    errors: Errors = []
    names: set[str] = set()
    for index, port in enumerate(ports):
        errors += _port_name_errors(port.get("name") or "", names, f"{path}[{index}].name")
        errors += _port_number_errors(port, f"{path}[{index}]")
    return errors


def _port_name_errors(name: str, names: set[str], path: str) -> Errors:
    if not name:
        return []
    if found := port_name_faults(name):
        return faults(path, name, found)
    if name in names:
        return [fields.duplicate(path, name)]
    names.add(name)
    return []


def _port_number_errors(port: Json, path: str) -> Errors:
    number, host = port.get("containerPort") or 0, port.get("hostPort") or 0
    errors = needed(f"{path}.containerPort", number)
    errors += faults(f"{path}.containerPort", number, port_faults(number)) if number else []
    errors += faults(f"{path}.hostPort", host, port_faults(host)) if host else []
    return [*errors, *one_of(f"{path}.protocol", port.get("protocol"), PROTOCOLS)]


def _host_port_conflicts(containers: list[Json], path: str) -> Errors:
    """Two containers of a pod cannot have the same port of the host."""
    errors: Errors = []
    taken: set[str] = set()
    for index, container in enumerate(containers):
        for number, port in enumerate(container.get("ports") or []):
            if not port.get("hostPort"):
                continue
            key = f"{port.get('protocol', '')}/{port.get('hostIP', '')}/{port['hostPort']}"
            if key in taken:
                errors.append(fields.duplicate(f"{path}[{index}].ports[{number}].hostPort", key))
            taken.add(key)
    return errors


def _resize_errors(policies: list[Json], pod_restart_policy: str, path: str) -> Errors:
    errors: Errors = []
    seen: set[str] = set()
    for index, policy in enumerate(policies):
        resource, restart = policy.get("resourceName", ""), policy.get("restartPolicy", "")
        if resource in seen:
            errors.append(fields.duplicate(f"{path}[{index}]", resource))
        seen.add(resource)
        errors += one_of(path, resource, _RESIZED)
        errors += one_of(path, restart, _RESIZE_POLICIES)
        if pod_restart_policy == "Never" and restart != "NotRequired":
            told = "must be 'NotRequired' when `restartPolicy` is 'Never'"
            errors.append(fields.invalid(path, restart, told))
    return errors
