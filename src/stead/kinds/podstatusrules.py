"""What the status of a pod may not be, and what of it may not change."""

from collections.abc import Sequence

from stead.kinds import objectmeta
from stead.kinds.addresswarnings import address_warnings
from stead.kinds.checks import Errors, between, faults, known, unchanged, without_known
from stead.kinds.podrules import annotation_changes
from stead.kinds.shownstructs import as_struct
from stead.kinds.syntax import ip_faults, qualified_name_faults, subdomain_faults
from stead.machinery import fields
from stead.machinery.fields import FieldError
from stead.machinery.objects import Json, dig

_SYSTEM_CONDITIONS = ("PodScheduled", "Ready", "Initialized")
_LISTS = ("containerStatuses", "initContainerStatuses", "ephemeralContainerStatuses")
_HEALTH = ["Healthy", "Unhealthy", "Unknown"]
_LARGEST_ID = 2**31 - 1
_BOUND = "may not be set on pods that are already bound to a node"
_NO_CLAIM = "must match the name of an entry in `spec.resourceClaims`"
_NOT_CLAIMED = (
    "must match one of the container's resource claims in a format 'claim:<claimName>/<request>' or "
    "'claim:<claimName>' if request is empty"
)


def validate_status(new: Json, old: Json) -> Sequence[FieldError]:
    status = new.get("status") or {}
    errors = [*objectmeta.validate_update(new, old), *annotation_changes(new, old)]
    for index, condition in enumerate(status.get("conditions") or []):
        sort = condition.get("type", "")
        if sort not in _SYSTEM_CONDITIONS:
            errors += faults(f"metadata.conditions[{index}].Type", sort, qualified_name_faults(sort))
    errors += _nomination_errors(new, old)
    if status.get("observedGeneration", 0) < 0:
        told = "must be a non-negative integer"
        errors.append(fields.invalid("status.observedGeneration", status["observedGeneration"], told))
    errors += unchanged("status.qosClass", status.get("qosClass"), dig(old, "status", "qosClass"))
    for list_ in _LISTS:
        errors += _revival_errors(new, old, list_)
    errors += _claim_errors(status.get("resourceClaimStatuses") or [], old["spec"])
    errors += _pod_ip_errors(status.get("podIPs") or [])
    errors += _host_ip_errors(status)
    for list_ in _LISTS:
        errors += _user_errors(status.get(list_) or [], dig(old, "spec", "os", "name") or "linux", f"status.{list_}")
    errors += _health_errors(status, old["spec"])
    known_ips = [one.get("ip", "") for list_ in ("podIPs", "hostIPs") for one in dig(old, "status", list_, default=[])]
    return without_known(errors, known_ips)


def warnings(new: Json) -> list[str]:
    """Addresses in forms that will not be taken one day."""
    told: list[str] = []
    for list_ in ("podIPs", "hostIPs"):
        for index, one in enumerate(dig(new, "status", list_, default=[])):
            told += address_warnings(f"status.{list_}[{index}].ip", one.get("ip", ""))
    return told


def _nomination_errors(new: Json, old: Json) -> Errors:
    path = "status.nominatedNodeName"
    nominated = dig(new, "status", "nominatedNodeName", default="")
    if not nominated or nominated == dig(old, "status", "nominatedNodeName", default=""):
        return []
    errors = faults(path, nominated, subdomain_faults(nominated))
    return [*errors, fields.forbidden(path, _BOUND)] if old["spec"].get("nodeName") else errors


def _revival_errors(new: Json, old: Json, list_: str) -> Errors:
    """A container that is done for good does not run again, and those to look in with never do."""
    if _all_restart(old["spec"]):
        return []
    now = {status["name"]: status for status in dig(new, "status", list_, default=[])}
    of_spec = {one["name"]: one for one in old["spec"].get(list_.replace("Statuses", "s")) or []}
    errors: Errors = []
    for index, status in enumerate(dig(old, "status", list_, default=[])):
        ended, after = dig(status, "state", "terminated"), now.get(status["name"])
        if ended is None or after is None or dig(after, "state", "terminated") is not None:
            continue
        container = None if list_.startswith("ephemeral") else of_spec.get(status["name"])
        if container is None or not _restarts(container, ended.get("exitCode", 0), old["spec"]):
            told = "may not be transitioned to non-terminated state"
            errors.append(fields.forbidden(f"status.{list_}[{index}].state", told))
    return errors


def _all_restart(spec: Json) -> bool:
    """Whether a container's end may begin all of them anew."""
    every = [*(spec.get("containers") or []), *(spec.get("initContainers") or [])]
    return any(
        rule.get("action") == "RestartAllContainers" for one in every for rule in one.get("restartPolicyRules") or []
    )


def _restarts(container: Json, code: int, spec: Json) -> bool:
    """By the container's first rule that matches, else by its own policy, else by the pod's."""
    for rule in container.get("restartPolicyRules") or []:
        is_listed = code in dig(rule, "exitCodes", "values", default=[])
        if is_listed == (dig(rule, "exitCodes", "operator") == "In"):
            return True
    policy = container.get("restartPolicy") or spec.get("restartPolicy")
    return policy == "Always" or (policy == "OnFailure" and code != 0)


def _claim_errors(statuses: list[Json], spec: Json) -> Errors:
    claims, seen = [one["name"] for one in spec.get("resourceClaims") or []], set[str]()
    errors: Errors = []
    for index, status in enumerate(statuses):
        name, at = status.get("name", ""), f"status.resourceClaimStatuses[{index}]"
        if name not in claims:
            errors.append(fields.invalid(f"{at}.name", name, _NO_CLAIM))
        if name in seen:
            errors.append(fields.duplicate(f"{at}.name", name))
        seen.add(name)
        claim = status.get("resourceClaimName")
        errors += faults(f"{at}.resourceClaimName", claim, subdomain_faults(claim)) if claim is not None else []
    return errors


def _user_errors(statuses: list[Json], os: str, path: str) -> Errors:
    errors: Errors = []
    for index, status in enumerate(statuses):
        user, at = dig(status, "user", "linux"), f"{path}[{index}].user.linux"
        if user is not None and os == "windows":
            errors.append(fields.forbidden(at, "cannot be set for a windows pod"))
        elif user is not None:
            ids = [("uid", user.get("uid", 0)), ("gid", user.get("gid", 0))]
            ids += [(f"supplementalGroups[{i}]", group) for i, group in enumerate(user.get("supplementalGroups") or [])]
            for member, number in ids:
                errors += between(f"{at}.{member}", number, 0, _LARGEST_ID)
    return errors


def _health_errors(status: Json, spec: Json) -> Errors:
    """Of devices: each is one that the container asks for, and is told of once."""
    errors: Errors = []
    for list_ in _LISTS:
        containers = {one["name"]: one for one in spec.get(list_.replace("Statuses", "s")) or []}
        for index, one in enumerate(status.get(list_) or []):
            path, told = f"status.{list_}[{index}].allocatedResourcesStatus", one.get("allocatedResourcesStatus") or []
            if told and list_.startswith("ephemeral"):
                errors.append(fields.forbidden(path, "must not be specified in container status"))
                continue
            for number, resource in enumerate(told):
                errors += _device_errors(resource, containers.get(one["name"]), f"{path}[{number}]")
    return errors


def _device_errors(resource: Json, container: Json | None, path: str) -> Errors:
    name, seen = resource.get("name", ""), set[str]()
    errors: Errors = []
    wanted = (container or {}).get("resources") or {}
    if name.startswith("claim:"):
        claims = [
            f"claim:{'/'.join(filter(None, (c.get('name'), c.get('request'))))}" for c in wanted.get("claims") or []
        ]
        is_wanted, told = name in claims, _NOT_CLAIMED
    else:
        is_wanted, told = name in (wanted.get("requests") or {}), "must match one of the container's resource requests"
    if container is not None and not is_wanted:
        errors.append(fields.invalid(f"{path}.name", name, told))
    for index, device in enumerate(resource.get("resources") or []):
        at, id_ = f"{path}.resources[{index}]", device.get("resourceID", "")
        errors += known(f"{at}.health", device.get("health", ""), _HEALTH)
        errors += [fields.duplicate(f"{at}.resourceID", id_)] if id_ in seen else []
        seen.add(id_)
    return errors


def _pod_ip_errors(ips: list[Json]) -> Errors:
    path = "status.podIPs"
    return [*_ip_errors(ips, path), *_family_errors(ips, "core.v1.PodIP", path), *_twice(ips, "core.v1.PodIP", path)]


def _host_ip_errors(status: Json) -> Errors:
    ips, path = status.get("hostIPs") or [], "status.hostIPs"
    first = ips[0].get("ip", "") if ips else ""
    errors: Errors = []
    if ips and first != status.get("hostIP", ""):
        errors.append(fields.invalid(f"{path}[0].ip", first, "must be equal to `hostIP`"))
    errors += [*_ip_errors(ips, path), *_twice(ips, "core.v1.HostIP", path)]
    return [*errors, *_family_errors(ips, "core.v1.HostIP", path)]


def _ip_errors(ips: list[Json], path: str) -> Errors:
    errors: Errors = []
    for index, entry in enumerate(ips):
        errors += faults(f"{path}[{index}]", entry.get("ip", ""), ip_faults(entry.get("ip", "")))
    return errors


def _family_errors(ips: list[Json], type_: str, path: str) -> Errors:
    """One address of each family."""
    families = [":" in entry.get("ip", "") for entry in ips]
    if len(families) == len(set(families)):
        return []
    shown = [as_struct(type_, entry) for entry in ips]
    return [fields.invalid(path, shown, "may specify no more than one IP for each IP family")]


def _twice(ips: list[Json], type_: str, path: str) -> Errors:
    texts = [entry.get("ip", "") for entry in ips]
    repeated = [index for index, text in enumerate(texts) if text in texts[:index]]
    return [fields.duplicate(f"{path}[{index}]", as_struct(type_, ips[index])) for index in repeated]
