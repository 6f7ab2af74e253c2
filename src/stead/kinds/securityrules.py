"""What security contexts may not be: a pod's and a container's."""

import re
from typing import Any

from stead.kinds.checks import Errors, faults, known, needed
from stead.kinds.shownstructs import as_struct
from stead.kinds.syntax import descending_path_faults, subdomain_faults
from stead.machinery import fields
from stead.machinery.objects import Json

_PROFILE_TYPES = ["Localhost", "RuntimeDefault", "Unconfined"]
_SYSCTL = r"([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?"
_LARGEST_ID = 2**31 - 1
_LONGEST_PROFILE = 4095


def validate_pod_security_context(context: Json, spec: Json, path: str) -> Errors:
    errors: Errors = []
    for member in ("fsGroup", "runAsUser", "runAsGroup"):
        errors += _id_errors(context.get(member), f"{path}.{member}")
    for index, group in enumerate(context.get("supplementalGroups") or []):
        errors += _id_errors(group, f"{path}.supplementalGroups[{index}]")
    if spec.get("shareProcessNamespace") and spec.get("hostPID"):
        told = "ShareProcessNamespace and HostPID cannot both be enabled"
        errors.append(fields.invalid(f"{path}.shareProcessNamespace", True, told))
    errors += _sysctl_errors(context.get("sysctls") or [], spec, f"{path}.sysctls")
    errors += _word(context, "fsGroupChangePolicy", ["Always", "OnRootMismatch"], path)
    errors += _seccomp_errors(context.get("seccompProfile"), f"{path}.seccompProfile")
    errors += _windows_errors(context.get("windowsOptions"), f"{path}.windowsOptions")
    errors += _app_armor_errors(context.get("appArmorProfile"), f"{path}.appArmorProfile")
    errors += _word(context, "supplementalGroupsPolicy", ["Merge", "Strict"], path)
    return [*errors, *_word(context, "seLinuxChangePolicy", ["MountOption", "Recursive"], path)]


def validate_security_context(context: Json | None, uses_host_users: bool, path: str) -> Errors:
    if context is None:
        return []
    errors: Errors = []
    for member in ("runAsUser", "runAsGroup"):
        errors += _id_errors(context.get(member), f"{path}.{member}")
    errors += _proc_mount_errors(context.get("procMount"), uses_host_users, f"{path}.procMount")
    errors += _seccomp_errors(context.get("seccompProfile"), f"{path}.seccompProfile")
    errors += _escalation_errors(context, path)
    errors += _windows_errors(context.get("windowsOptions"), f"{path}.windowsOptions")
    return [*errors, *_app_armor_errors(context.get("appArmorProfile"), f"{path}.appArmorProfile")]


def _id_errors(number: int | None, path: str) -> Errors:
    if number is None or 0 <= number <= _LARGEST_ID:
        return []
    return [fields.invalid(path, number, f"must be between 0 and {_LARGEST_ID}, inclusive")]


def _word(context: Json, member: str, words: list[str], path: str) -> Errors:
    value = context.get(member)
    return [] if value is None else known(f"{path}.{member}", value, words)


def _sysctl_errors(sysctls: list[Json], spec: Json, path: str) -> Errors:
    errors: Errors = []
    names: set[str] = set()
    for index, sysctl in enumerate(sysctls):
        name, at = sysctl.get("name", ""), f"{path}[{index}].name"
        if not name:
            errors.append(fields.required(at))
        elif len(name) > 253 or not re.fullmatch(_SYSCTL, name):
            told = f"must have at most 253 characters and match regex ^{_SYSCTL}$"
            errors.append(fields.invalid(at, name, told))
        elif name in names:
            errors.append(fields.duplicate(at, name))
        errors += _host_sysctl_errors(name, spec, at)
        names.add(name)
    return errors


def _host_sysctl_errors(name: str, spec: Json, path: str) -> Errors:
    """What a pod shares with its host it cannot set."""
    dotted = name.replace("/", ".")
    for member, beginnings in (("hostNetwork", ("net.",)), ("hostIPC", _OF_IPC)):
        if spec.get(member) and dotted.startswith(beginnings):
            return [fields.invalid(path, name, f"may not be specified when '{member}' is true")]
    return []


_OF_IPC = ("kernel.shm", "kernel.msg", "kernel.sem", "fs.mqueue.")


def _proc_mount_errors(mount: str | None, uses_host_users: bool, path: str) -> Errors:
    if mount is None:
        return []
    errors = known(path, mount, ["Default", "Unmasked"])
    if uses_host_users and mount == "Unmasked":
        errors.append(fields.invalid(path, mount, "`hostUsers` must be false to use `Unmasked`"))
    return errors


def _seccomp_errors(profile: Json | None, path: str) -> Errors:
    if profile is None:
        return []
    sort, local = profile.get("type", ""), profile.get("localhostProfile")
    errors = needed(f"{path}.type", sort, "type is required when seccompProfile is set")
    errors += known(f"{path}.type", sort, _PROFILE_TYPES) if sort else []
    if sort != "Localhost":
        told = "can only be set when seccomp type is Localhost"
        shown = as_struct("core.v1.SeccompProfile", profile)
        return errors if local is None else [*errors, fields.invalid(f"{path}.localhostProfile", shown, told)]
    if local is None:
        return [*errors, fields.required(f"{path}.localhostProfile", "must be set when seccomp type is Localhost")]
    return [*errors, *faults(f"{path}.localhostProfile", local, descending_path_faults(local))]


def _app_armor_errors(profile: Json | None, path: str) -> Errors:
    if profile is None:
        return []
    sort, local = profile.get("type", ""), profile.get("localhostProfile")
    if not sort:
        return [fields.required(f"{path}.type", "type is required when appArmorProfile is set")]
    if sort not in _PROFILE_TYPES:
        return known(f"{path}.type", sort, _PROFILE_TYPES)
    at = f"{path}.localhostProfile"
    if sort != "Localhost":
        told = "can only be set when AppArmor type is Localhost"
        return [] if local is None else [fields.invalid(at, local, told)]
    return _local_profile_errors(local, at)


def _local_profile_errors(local: str | None, path: str) -> Errors:
    errors: Errors = []
    if local is not None and local.strip() != local:
        errors.append(fields.invalid(path, local, "must not be padded with whitespace"))
    elif not local:
        errors.append(fields.required(path, "must be set when AppArmor type is Localhost"))
    if local and len(local) > _LONGEST_PROFILE:
        errors.append(fields.too_long(path, _LONGEST_PROFILE))
    return errors


def _escalation_errors(context: Json, path: str) -> Errors:
    """A container that may not gain privileges cannot have them all."""
    if context.get("allowPrivilegeEscalation") is not False:
        return []
    shown: Any = as_struct("core.v1.SecurityContext", context)
    errors: Errors = []
    if context.get("privileged"):
        told = "cannot set `allowPrivilegeEscalation` to false and `privileged` to true"
        errors.append(fields.invalid(path, shown, told))
    if "CAP_SYS_ADMIN" in ((context.get("capabilities") or {}).get("add") or []):
        told = "cannot set `allowPrivilegeEscalation` to false and `capabilities.Add` CAP_SYS_ADMIN"
        errors.append(fields.invalid(path, shown, told))
    return errors


def _windows_errors(options: Json | None, path: str) -> Errors:
    name = (options or {}).get("gmsaCredentialSpecName")
    return [] if name is None else faults(f"{path}.gmsaCredentialSpecName", name, subdomain_faults(name))
