"""Structs as upstream's messages print them: by the names of its own inner types, every member told, in their order.

Clients match on messages, and some messages hold a whole struct (`{"Type":"x","RollingUpdate":null}`) or the difference
of two. The inner types are the published ones but for the few places named here.
"""

import difflib
import json
from collections.abc import Iterator, Mapping
from typing import Any

from stead.kinds import types
from stead.kinds.labelselector import as_shown
from stead.machinery.objects import Json

# Members of a published struct that upstream keeps inside another one.
_MOVED = {
    "core.v1.PodSpec": {
        "hostNetwork": "securityContext",
        "hostPID": "securityContext",
        "hostIPC": "securityContext",
        "shareProcessNamespace": "securityContext",
        "hostUsers": "securityContext",
    }
}
_DROPPED = {"core.v1.PodSpec": {"serviceAccount"}}
# Where upstream's order is not the published one: all members of a type, or those that come first.
_ORDER = {
    "core.v1.PodSpec": (
        "volumes initContainers containers ephemeralContainers restartPolicy terminationGracePeriodSeconds "
        "activeDeadlineSeconds dnsPolicy nodeSelector serviceAccountName automountServiceAccountToken nodeName "
        "securityContext imagePullSecrets hostname subdomain setHostnameAsFQDN affinity schedulerName tolerations "
        "hostAliases priorityClassName priority preemptionPolicy dnsConfig readinessGates runtimeClassName overhead "
        "enableServiceLinks topologySpreadConstraints os schedulingGates resourceClaims resources hostnameOverride "
        "schedulingGroup"
    ),
    "core.v1.PodSecurityContext": (
        "hostNetwork hostPID hostIPC shareProcessNamespace hostUsers seLinuxOptions windowsOptions runAsUser "
        "runAsGroup runAsNonRoot supplementalGroups supplementalGroupsPolicy fsGroup sysctls fsGroupChangePolicy "
        "seccompProfile appArmorProfile seLinuxChangePolicy"
    ),
    "core.v1.Volume": (
        "name hostPath emptyDir gcePersistentDisk awsElasticBlockStore gitRepo secret nfs iscsi glusterfs "
        "persistentVolumeClaim rbd quobyte flexVolume cinder cephfs flocker downwardAPI fc azureFile configMap "
        "vsphereVolume azureDisk photonPersistentDisk projected portworxVolume scaleIO storageos csi ephemeral image"
    ),
    "core.v1.PersistentVolumeSource": (
        "gcePersistentDisk awsElasticBlockStore hostPath glusterfs nfs rbd quobyte iscsi flexVolume cinder cephfs fc "
        "flocker azureFile vsphereVolume azureDisk photonPersistentDisk portworxVolume scaleIO local storageos csi"
    ),
}
# Numbers that are pointers when published and plain inside.
_PLAIN = {("apps.v1.RollingUpdateStatefulSetStrategy", "partition")}
_NAMES = {
    "cephfs": "CephFS",
    "diskURI": "DataDiskURI",
    "endpoints": "EndpointsName",
    "fc": "FC",
    "iqn": "IQN",
    "ip": "IP",
    "nfs": "NFS",
    "os": "OS",
    "rbd": "RBD",
    "storageos": "StorageOS",
    "tty": "TTY",
    "uid": "UID",
    "wwids": "WWIDs",
}
_CAPITALS = ("api", "aws", "csi", "dns", "fs", "gce", "gmsa", "grpc", "http", "iscsi", "pd", "se", "tcp", "uid")
_SCALARS = {"bool": False, "string": ""}


def as_struct(type_name: str, value: Json) -> Json:
    """`value`, which is of the published type, with the names and empty members of upstream's own."""
    return {
        _name(member): _shown(type_name, member, field, inner) for member, field, inner in _members(type_name, value)
    }


def difference(type_name: str, old: Json, new: Json) -> str:
    """What changed from `old` to `new`, as a unified diff of the two printed in full."""
    lines = difflib.unified_diff(_lines(type_name, old), _lines(type_name, new), lineterm="\n")
    return "".join(list(lines)[2:])


def _lines(type_name: str, value: Json) -> list[str]:
    return [f"{line}\n" for line in json.dumps(as_struct(type_name, value), indent=1, ensure_ascii=False).splitlines()]


def _members(type_name: str, value: Json) -> Iterator[tuple[str, types.Field, Any]]:
    """Every member in upstream's order: its published name, its facts, its value."""
    fields = {**types.fields_of(type_name), **_moved_into(type_name)}
    gone = {*_MOVED.get(type_name, {}), *_DROPPED.get(type_name, set())}
    order = _ORDER[type_name].split() if type_name in _ORDER else []
    for member in [*order, *(name for name in fields if name not in order)]:
        if member in fields and member not in gone:
            yield member, fields[member], _with_moved(type_name, member, value)


def _moved_into(type_name: str) -> Mapping[str, types.Field]:
    """Fields of another published struct that upstream keeps in this one."""
    for owner, moved in _MOVED.items():
        fields = types.fields_of(owner)
        if any(types.unwrapped(fields[target].go_type) == type_name for target in moved.values()):
            return {name: fields[name] for name in moved}
    return {}


def _with_moved(type_name: str, member: str, value: Json) -> Any:
    inner = value.get(member)
    moved = [name for name, target in _MOVED.get(type_name, {}).items() if target == member]
    if not moved or inner is None:
        return inner
    return {**inner, **{name: value[name] for name in moved if name in value}}


def _shown(type_name: str, member: str, field: types.Field, value: Any) -> Any:
    is_pointer = field.is_pointer and (type_name, member) not in _PLAIN
    return _value(types.unwrapped(field.go_type), value, is_pointer)


def _value(go_type: str, value: Any, is_pointer: bool) -> Any:
    sort, element = types.element_of(go_type)
    if sort:
        return _collection(sort, types.unwrapped(element), value)
    if go_type.startswith(("meta.v1.", "resource.", "intstr.")):
        return _of_the_wire(go_type, value, is_pointer)
    if types.is_struct(go_type):
        return None if value is None and is_pointer else as_struct(go_type, value or {})
    if value is None and not is_pointer:
        return _SCALARS.get(go_type, "" if "." in go_type else 0)
    return value


def _collection(sort: str, element: str, value: Any) -> Any:
    if not value:
        return None
    if sort == "map":
        return {key: _value(element, value[key], False) for key in sorted(value)}
    return [_value(element, item, False) for item in value]


def _of_the_wire(go_type: str, value: Any, is_pointer: bool) -> Any:
    """Types that print themselves inside as they do outside."""
    if go_type == "meta.v1.LabelSelector":
        return as_shown(value)
    if value is None and not is_pointer:
        return {"resource.Quantity": "0", "intstr.IntOrString": 0}.get(go_type)
    return value


def _name(member: str) -> str:
    """A published name as Go writes it: `dnsPolicy` is `DNSPolicy`."""
    if member in _NAMES:
        return _NAMES[member]
    for word in _CAPITALS:
        rest = member[len(word) :]
        if member.startswith(word) and not rest[:1].islower():
            return word.upper() + rest
    return member[:1].upper() + member[1:]
