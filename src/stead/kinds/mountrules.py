"""What a container's mounts and devices may not be: each names a volume of the pod and a place of its own."""

from collections.abc import Mapping

from stead.kinds.checks import Errors, faults, known
from stead.kinds.syntax import backstep_faults, descending_path_faults
from stead.machinery import fields
from stead.machinery.objects import Json

_PROPAGATIONS = ["Bidirectional", "HostToContainer", "None"]
_RECURSIVE = ["Disabled", "Enabled", "IfPossible"]


def validate_mounts(container: Json, volumes: Mapping[str, Json], path: str) -> Errors:
    devices = {device.get("name", ""): device.get("devicePath", "") for device in container.get("volumeDevices") or []}
    errors: Errors = []
    places: set[str] = set()
    for index, mount in enumerate(container.get("volumeMounts") or []):
        at = f"{path}[{index}]"
        errors += _place_errors(mount, volumes, places, at)
        places.add(mount.get("mountPath", ""))
        errors += _overlap_errors(mount, devices, at)
        errors += _subpath_errors(mount, path, at)
        errors += _propagation_errors(mount, container, f"{path}.mountPropagation")
        errors += _recursive_errors(mount, f"{path}.recursiveReadOnly")
    return errors


def _place_errors(mount: Json, volumes: Mapping[str, Json], places: set[str], path: str) -> Errors:
    name, place = mount.get("name", ""), mount.get("mountPath", "")
    errors: Errors = [] if name else [fields.required(f"{path}.name")]
    if name not in volumes:
        errors.append(fields.not_found(f"{path}.name", name))
    if not place:
        errors.append(fields.required(f"{path}.mountPath"))
    if place in places:
        errors.append(fields.invalid(f"{path}.mountPath", place, "must be unique"))
    return errors


def _overlap_errors(mount: Json, devices: Mapping[str, str], path: str) -> Errors:
    name, place = mount.get("name", ""), mount.get("mountPath", "")
    errors: Errors = []
    if name in devices:
        errors.append(fields.invalid(f"{path}.name", name, "must not already exist in volumeDevices"))
    if place in devices.values():
        told = "must not already exist as a path in volumeDevices"
        errors.append(fields.invalid(f"{path}.mountPath", place, told))
    return errors


def _subpath_errors(mount: Json, all_: str, path: str) -> Errors:
    """Where the path of one mount is meant upstream names the whole list (`all_`)."""
    sub, expression = mount.get("subPath", ""), mount.get("subPathExpr", "")
    errors: Errors = []
    if sub:
        errors += faults(f"{all_}.subPath", sub, descending_path_faults(sub))
    if expression and sub:
        told = "subPathExpr and subPath are mutually exclusive"
        errors.append(fields.invalid(f"{path}.subPathExpr", expression, told))
    if expression:
        errors += faults(f"{all_}.subPathExpr", expression, descending_path_faults(expression))
    return errors


def _propagation_errors(mount: Json, container: Json, path: str) -> Errors:
    propagation = mount.get("mountPropagation")
    if propagation is None:
        return []
    errors = known(path, propagation, _PROPAGATIONS)
    if propagation == "Bidirectional" and not (container.get("securityContext") or {}).get("privileged"):
        told = "Bidirectional mount propagation is available only to privileged containers"
        errors.append(fields.forbidden(path, told))
    return errors


def _recursive_errors(mount: Json, path: str) -> Errors:
    recursive = mount.get("recursiveReadOnly")
    if recursive is None or recursive == "Disabled":
        return []
    if recursive not in _RECURSIVE:
        return [fields.not_supported(path, recursive, _RECURSIVE)]
    errors: Errors = []
    if not mount.get("readOnly"):
        errors.append(fields.forbidden(path, "may only be specified when readOnly is true"))
    if mount.get("mountPropagation") not in (None, "None"):
        told = "may only be specified when mountPropagation is None or not specified"
        errors.append(fields.forbidden(path, told))
    return errors


def validate_devices(container: Json, volumes: Mapping[str, Json], path: str) -> Errors:
    mounts = {mount.get("name", ""): mount.get("mountPath", "") for mount in container.get("volumeMounts") or []}
    errors: Errors = []
    names: set[str] = set()
    places: set[str] = set()
    for index, device in enumerate(container.get("volumeDevices") or []):
        at, name, place = f"{path}[{index}]", device.get("name", ""), device.get("devicePath", "")
        errors += _device_name_errors(name, names, volumes, at)
        errors += _device_place_errors(place, places, at)
        if name in mounts:
            errors.append(fields.invalid(f"{at}.name", name, "must not already exist in volumeMounts"))
        if place in mounts.values():
            told = "must not already exist as a path in volumeMounts"
            errors.append(fields.invalid(f"{at}.devicePath", place, told))
        names |= {name} if name else set()
    return errors


def _device_name_errors(name: str, names: set[str], volumes: Mapping[str, Json], path: str) -> Errors:
    errors: Errors = [] if name else [fields.required(f"{path}.name")]
    if name in names:
        errors.append(fields.invalid(f"{path}.name", name, "must be unique"))
    volume = volumes.get(name)
    if volume is None:
        return [*errors, fields.not_found(f"{path}.name", name)]
    if not volume.get("persistentVolumeClaim") and volume.get("ephemeral") is None:
        told = "can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode"
        errors.append(fields.invalid(f"{path}.name", name, told))
    return errors


def _device_place_errors(place: str, places: set[str], path: str) -> Errors:
    errors: Errors = [] if place else [fields.required(f"{path}.devicePath")]
    if place in places:
        errors.append(fields.invalid(f"{path}.devicePath", place, "must be unique"))
    if backstep_faults(place):
        return [*errors, fields.invalid(f"{path}.devicePath", place, "can not contain backsteps ('..')")]
    places.add(place)
    return errors
