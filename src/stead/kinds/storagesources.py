"""Where storage comes from, sort by sort: what pods' volumes and PersistentVolumes say alike, and what these say more.

Upstream looks at some sorts once for both and at others twice, with small differences; both stand here side by side.
"""

import re
from collections.abc import Callable, Mapping

from stead.kinds.checks import Errors, between, faults, known, needed
from stead.kinds.syntax import backstep_faults, label_faults, subdomain_faults
from stead.machinery import fields
from stead.machinery.objects import Json

Rule = Callable[[Json, str], Errors]

_HOST_PATH_TYPES = [
    "",
    "BlockDevice",
    "CharDevice",
    "Directory",
    "DirectoryOrCreate",
    "File",
    "FileOrCreate",
    "Socket",
]
_ISCSI_NAMES = {
    "iqn": r"iqn\.\d{4}-\d{2}\.([a-zA-Z0-9.\-]+)(:[^,;*&$|\s]+)",
    "eui": r"eui.[0-9a-zA-Z]{16}",
    "naa": r"naa.[0-9a-zA-Z]{32}",
}
_ISCSI_TOLD = "must be valid format"
_ISCSI_TOO_LONG = (
    "Total length of <volume name>:<iscsi.targetPortal> must be under 64 characters if iscsi.initiatorName is "
    "specified."
)
_LONGEST_ISCSI, _LONGEST_TENANT, _LONGEST_DRIVER = 64, 65, 63
_QUOBYTE_TOLD = "must be a host:port pair or multiple pairs separated by commas"
_HOST_PORT = re.compile(r"([^:\[\]]*|\[[^\[\]]*\]):[^:]*")
_CACHING, _DISKS = ["None", "ReadOnly", "ReadWrite"], ["Dedicated", "Managed", "Shared"]
_MANAGED_DISK = "/subscriptions/{sub-id}/resourcegroups/{group-name}/providers/microsoft.compute/disks/{disk-id}"
_BLOB_DISK = "https://{account-name}.blob.core.windows.net/{container-name}/{disk-name}.vhd"
_RESERVED = (".kubernetes.io", ".k8s.io")


def needs(*members: str) -> Rule:
    """A source that must say these things and is otherwise free."""

    def rule(source: Json, path: str) -> Errors:
        errors: Errors = []
        for member in members:
            errors += needed(f"{path}.{member}", source.get(member))
        return errors

    return rule


def host_path(source: Json, path: str) -> Errors:
    place = source.get("path", "")
    if not place:
        return [fields.required(f"{path}.path")]
    errors = faults(f"{path}.path", place, backstep_faults(place))
    return [*errors, *known(f"{path}.type", source.get("type") or "", _HOST_PATH_TYPES)]


def disk(name: str) -> Rule:
    def rule(source: Json, path: str) -> Errors:
        return [
            *needed(f"{path}.{name}", source.get(name)),
            *_partition_errors(source.get("partition") or 0, f"{path}.partition"),
        ]

    return rule


def _partition_errors(number: int, path: str) -> Errors:
    """Zero, for the whole disk, passes though the message does not say so."""
    return [] if 0 <= number <= 255 else [fields.invalid(path, number, "must be between 1 and 255, inclusive")]


def nfs(source: Json, path: str) -> Errors:
    errors = needs("server", "path")(source, path)
    place = source.get("path", "")
    if not place.startswith("/"):
        errors.append(fields.invalid(f"{path}.path", place, "must be an absolute path"))
    return errors


def fibre_channel(source: Json, path: str) -> Errors:
    targets, ids, at = source.get("targetWWNs") or [], source.get("wwids") or [], f"{path}.targetWWNs"
    errors: Errors = []
    if not targets and not ids:
        errors.append(fields.required(at, "must specify either targetWWNs or wwids, but not both"))
    if targets and ids:
        errors.append(fields.invalid(at, targets, "targetWWNs and wwids can not be specified simultaneously"))
    if targets and source.get("lun") is None:
        errors.append(fields.required(f"{path}.lun", "lun is required if targetWWNs is specified"))
    return errors + (between(f"{path}.lun", source.get("lun"), 0, 255) if targets else [])


def flocker(source: Json, path: str) -> Errors:
    name, uuid = source.get("datasetName", ""), source.get("datasetUUID", "")
    errors: Errors = []
    if not name and not uuid:
        errors.append(fields.required(path, "one of datasetName and datasetUUID is required"))
    if name and uuid:
        told = "datasetName and datasetUUID can not be specified simultaneously"
        errors.append(fields.invalid(path, "resource", told))
    if "/" in name:
        errors.append(fields.invalid(f"{path}.datasetName", name, "must not contain '/'"))
    return errors


def quobyte(source: Json, path: str) -> Errors:
    registry = source.get("registry", "")
    errors: Errors = []
    if not registry:
        errors.append(fields.required(f"{path}.registry", _QUOBYTE_TOLD))
    elif len(source.get("tenant", "")) >= _LONGEST_TENANT:
        told = "must be a UUID and may not exceed a length of 64 characters"
        errors.append(fields.required(f"{path}.tenant", told))
    else:
        odd = [pair for pair in registry.split(",") if not _HOST_PORT.fullmatch(pair)]
        errors += [fields.invalid(f"{path}.registry", registry, _QUOBYTE_TOLD) for _ in odd]
    return [*errors, *needed(f"{path}.volume", source.get("volume"))]


def flex_volume(source: Json, path: str) -> Errors:
    errors = needed(f"{path}.driver", source.get("driver"))
    for key in sorted(source.get("options") or {}):
        if f".{key.partition('/')[0].lower()}".endswith(_RESERVED):
            told = "kubernetes.io and k8s.io namespaces are reserved"
            errors.append(fields.invalid(f"{path}.options[{key}]", key, told))
    return errors


def azure_disk(source: Json, path: str) -> Errors:
    errors = needs("diskName", "diskURI")(source, path)
    place, sort, caching = source.get("diskURI", ""), source.get("kind"), source.get("cachingMode")
    errors += known(f"{path}.cachingMode", caching, _CACHING) if caching is not None else []
    if sort is None:
        return errors
    errors += known(f"{path}.kind", sort, _DISKS)
    begins, shown = ("/subscriptions/", _MANAGED_DISK) if sort == "Managed" else ("https://", _BLOB_DISK)
    return errors if place.startswith(begins) else [*errors, fields.not_supported(f"{path}.diskURI", place, [shown])]


def driver_errors(driver: str, path: str) -> Errors:
    errors = needed(path, driver)
    if len(driver) > _LONGEST_DRIVER:
        errors.append(fields.too_long(path, _LONGEST_DRIVER))
    return [*errors, *faults(path, driver, subdomain_faults(driver.lower()))]


# --- iscsi: names of targets and initiators


def iscsi_of_pod(source: Json, path: str) -> Errors:
    return _iscsi(source, path, f"{_ISCSI_TOLD} starting with iqn, eui, or naa")


def iscsi_name_is_too_long(name: str, source: Json) -> bool:
    """The initiator's name is made of the volume's and the portal's."""
    return source.get("initiatorName") is not None and len(f"{name}:{source.get('targetPortal', '')}") > _LONGEST_ISCSI


def iscsi_too_long(path: str, shown: str) -> Errors:
    return [fields.invalid(path, shown, _ISCSI_TOO_LONG)]


def _iscsi(source: Json, path: str, told_of_start: str) -> Errors:
    errors = needed(f"{path}.targetPortal", source.get("targetPortal"))
    name = source.get("iqn", "")
    errors += _iscsi_name(name, f"{path}.iqn", told_of_start) if name else [fields.required(f"{path}.iqn")]
    errors += between(f"{path}.lun", source.get("lun", 0), 0, 255)
    needs_secret = source.get("chapAuthDiscovery") or source.get("chapAuthSession")
    if needs_secret and source.get("secretRef") is None:
        errors.append(fields.required(f"{path}.secretRef"))
    return [*errors, *_initiator(source.get("initiatorName"), f"{path}.initiatorname", told_of_start)]


def _initiator(name: str | None, path: str, told_of_start: str) -> Errors:
    return [] if name is None else _iscsi_name(name, path, told_of_start)


def _iscsi_name(name: str, path: str, told_of_start: str) -> Errors:
    regex = _ISCSI_NAMES.get(name[:3])
    if regex is None:
        return [fields.invalid(path, name, told_of_start)]
    return [] if re.fullmatch(regex, name) else [fields.invalid(path, name, _ISCSI_TOLD)]


# --- what says more in a PersistentVolume: secrets and endpoints of other namespaces


def _secret(source: Json, path: str, *members: str) -> Errors:
    """A secretRef that is there must say these."""
    reference = source.get("secretRef")
    return [] if reference is None else needs(*members)(reference, f"{path}.secretRef")


def iscsi_of_volume(source: Json, path: str) -> Errors:
    without_initiator = {member: value for member, value in source.items() if member != "initiatorName"}
    errors = [*_iscsi(without_initiator, path, _ISCSI_TOLD), *_secret(source, path, "name")]
    return [*errors, *_initiator(source.get("initiatorName"), f"{path}.initiatorname", _ISCSI_TOLD)]


def cinder_of_pod(source: Json, path: str) -> Errors:
    return [*needed(f"{path}.volumeID", source.get("volumeID")), *_secret(source, path, "name")]


def _cinder(source: Json, path: str) -> Errors:
    return [*needed(f"{path}.volumeID", source.get("volumeID")), *_secret(source, path, "name", "namespace")]


def _storage_os_names(source: Json, path: str) -> Errors:
    name, namespace = source.get("volumeName", ""), source.get("volumeNamespace", "")
    at = f"{path}.volumeName"
    errors = faults(at, name, label_faults(name)) if name else [fields.required(at)]
    return errors + (faults(f"{path}.volumeNamespace", namespace, label_faults(namespace)) if namespace else [])


def storage_os_of_pod(source: Json, path: str) -> Errors:
    return [*_storage_os_names(source, path), *_secret(source, path, "name")]


def _storage_os(source: Json, path: str) -> Errors:
    return [*_storage_os_names(source, path), *_secret(source, path, "name", "namespace")]


def _glusterfs(source: Json, path: str) -> Errors:
    errors, namespace = needs("endpoints", "path")(source, path), source.get("endpointsNamespace")
    if namespace is None:
        return errors
    at, told = f"{path}.endpointsNamespace", "if the endpointnamespace is set, it must be a valid namespace name"
    return [*errors, *faults(at, namespace, label_faults(namespace) if namespace else [told])]


def _azure_file(source: Json, path: str) -> Errors:
    errors, namespace = needs("secretName", "shareName")(source, path), source.get("secretNamespace")
    return errors if namespace is None else [*errors, *needed(f"{path}.secretNamespace", namespace)]


def _local(source: Json, path: str) -> Errors:
    place = source.get("path", "")
    return faults(f"{path}.path", place, backstep_faults(place)) if place else [fields.required(f"{path}.path")]


def _csi(source: Json, path: str) -> Errors:
    errors = driver_errors(source.get("driver", ""), f"{path}.driver")
    errors += needed(f"{path}.volumeHandle", source.get("volumeHandle"))
    for deed in ("controllerPublish", "controllerExpand", "nodePublish", "nodeExpand"):
        member = f"{deed}SecretRef"
        if source.get(member) is not None:
            errors += _csi_secret(source[member], f"{path}.{member}")
    return errors


def _csi_secret(reference: Json, path: str) -> Errors:
    errors: Errors = []
    for member, rule in (("name", subdomain_faults), ("namespace", label_faults)):
        value = reference.get(member, "")
        errors += faults(f"{path}.{member}", value, rule(value)) if value else [fields.required(f"{path}.{member}")]
    return errors


# In the order in which a PersistentVolume's are looked at: the first found counts, more are one too many.
OF_VOLUMES: Mapping[str, Rule] = {
    "hostPath": host_path,
    "gcePersistentDisk": disk("pdName"),
    "awsElasticBlockStore": disk("volumeID"),
    "glusterfs": _glusterfs,
    "flocker": flocker,
    "nfs": nfs,
    "rbd": needs("monitors", "image"),
    "quobyte": quobyte,
    "cephfs": needs("monitors"),
    "iscsi": iscsi_of_volume,
    "cinder": _cinder,
    "fc": fibre_channel,
    "flexVolume": flex_volume,
    "azureFile": _azure_file,
    "vsphereVolume": needs("volumePath"),
    "photonPersistentDisk": needs("pdID"),
    "portworxVolume": needs("volumeID"),
    "azureDisk": azure_disk,
    "scaleIO": needs("gateway", "system", "volumeName"),
    "local": _local,
    "storageos": _storage_os,
    "csi": _csi,
}
