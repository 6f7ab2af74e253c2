"""CRI v1's messages as bytes: plain dicts in and out, by a table of names and field numbers.

Only what stead says and hears; an unknown field is skipped, as protocol buffers want it. A dict that was read has every
field of its table, with the empty value where nothing came. Pure.
"""

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, NamedTuple

from stead.kinds import protowire

Body = dict[str, Any]

# message: name=number[:type][*] ...; a text where no type is told, * for a list
_TABLE = """
VersionRequest version=1
VersionResponse version=1 runtime_name=2 runtime_version=3 runtime_api_version=4
RunPodSandboxRequest config=1:PodSandboxConfig runtime_handler=2
RunPodSandboxResponse pod_sandbox_id=1
PodSandboxConfig metadata=1:PodSandboxMetadata hostname=2 log_directory=3 labels=6:map annotations=7:map
    linux=8:LinuxPodSandboxConfig
PodSandboxMetadata name=1 uid=2 namespace=3 attempt=4:number
LinuxPodSandboxConfig cgroup_parent=1 security_context=2:LinuxSandboxSecurityContext sysctls=3:map
LinuxSandboxSecurityContext namespace_options=1:NamespaceOption
NamespaceOption network=1:number pid=2:number ipc=3:number target_id=4
SecurityProfile profile_type=1:number localhost_ref=2
Int64Value value=1:number
StopPodSandboxRequest pod_sandbox_id=1
StopPodSandboxResponse
RemovePodSandboxRequest pod_sandbox_id=1
RemovePodSandboxResponse
PodSandboxStatusRequest pod_sandbox_id=1 verbose=2:number
PodSandboxStatusResponse status=1:PodSandboxStatus info=2:map
PodSandboxStatus id=1 state=3:number network=5:PodSandboxNetworkStatus
PodSandboxNetworkStatus ip=1
ListPodSandboxRequest filter=1:Filter
ListPodSandboxResponse items=1:PodSandbox*
PodSandbox id=1 metadata=2:PodSandboxMetadata state=3:number created_at=4:number labels=5:map
Filter label_selector=3:map
CreateContainerRequest pod_sandbox_id=1 config=2:ContainerConfig sandbox_config=3:PodSandboxConfig
CreateContainerResponse container_id=1
ContainerConfig metadata=1:ContainerMetadata image=2:ImageSpec command=3* args=4* working_dir=5 envs=6:KeyValue*
    mounts=7:Mount* labels=9:map annotations=10:map log_path=11 stdin=12:number stdin_once=13:number tty=14:number
    linux=15:LinuxContainerConfig
ContainerMetadata name=1 attempt=2:number
ImageSpec image=1
KeyValue key=1 value=2
Mount container_path=1 host_path=2 readonly=3:number
LinuxContainerConfig resources=1:LinuxContainerResources security_context=2:LinuxContainerSecurityContext
LinuxContainerResources cpu_period=1:number cpu_quota=2:number memory_limit_in_bytes=4:number oom_score_adj=5:number
LinuxContainerSecurityContext capabilities=1:Capability namespace_options=3:NamespaceOption
    run_as_user=5:Int64Value run_as_username=6 readonly_rootfs=7:number supplemental_groups=8:number*
    no_new_privs=11:number run_as_group=12:Int64Value seccomp=15:SecurityProfile
Capability add_capabilities=1* drop_capabilities=2*
StartContainerRequest container_id=1
StartContainerResponse
UpdateContainerResourcesRequest container_id=1 linux=2:LinuxContainerResources
UpdateContainerResourcesResponse
StopContainerRequest container_id=1 timeout=2:number
StopContainerResponse
RemoveContainerRequest container_id=1
RemoveContainerResponse
ListContainersRequest filter=1:ContainerFilter
ContainerFilter label_selector=4:map
ListContainersResponse containers=1:Container*
Container id=1 pod_sandbox_id=2 metadata=3:ContainerMetadata image_ref=5 state=6:number created_at=7:number labels=8:map
ContainerStatusRequest container_id=1 verbose=2:number
ContainerStatusResponse status=1:ContainerStatus info=2:map
ContainerStatus id=1 metadata=2:ContainerMetadata state=3:number started_at=5:number finished_at=6:number
    exit_code=7:number image_ref=9 reason=10 message=11 annotations=13:map
ExecSyncRequest container_id=1 cmd=2* timeout=3:number
ExecSyncResponse stdout=1:bytes stderr=2:bytes exit_code=3:number
ContainerStatsRequest container_id=1
ContainerStatsResponse stats=1:ContainerStats
ContainerStats writable_layer=4:FilesystemUsage
FilesystemUsage used_bytes=3:UInt64Value
UInt64Value value=1:number
AttachRequest container_id=1 stdin=2:number tty=3:number stdout=4:number stderr=5:number
AttachResponse url=1
ReopenContainerLogRequest container_id=1
ReopenContainerLogResponse
PullImageRequest image=1:ImageSpec
PullImageResponse image_ref=1
ImageStatusRequest image=1:ImageSpec
ImageStatusResponse image=1:Image
Image id=1
"""

_NUMBER, _BYTES = 0, 2
_WORD = 0xFFFFFFFFFFFFFFFF
_SIGN = 1 << 63
_EMPTY: dict[str, Any] = {"text": "", "bytes": b"", "number": 0}


class Member(NamedTuple):
    """One field: its number, its type (text, bytes, number, map or a message's name), and whether it is a list."""

    name: str
    number: int
    type: str
    is_list: bool

    @property
    def empty(self) -> Any:
        if self.is_list:
            return []
        return {} if self.type == "map" else _EMPTY.get(self.type)


@cache
def _messages() -> dict[str, tuple[Member, ...]]:
    lines = (line.split() for line in _TABLE.replace("\n    ", " ").splitlines() if line)
    return {name: tuple(map(_member, members)) for name, *members in lines}


def _member(text: str) -> Member:
    name, _, rest = text.partition("=")
    number, _, kind = rest.rstrip("*").partition(":")
    return Member(name, int(number), kind or "text", text.endswith("*"))


# writing


def encode(message: str, body: Mapping[str, Any]) -> bytes:
    """The bytes of a message; members that are None or empty are left out. Raises KeyError for unknown names."""
    members = {member.name: member for member in _messages()[message]}
    return b"".join(_written(members[name], value) for name, value in body.items())


def _written(member: Member, value: Any) -> bytes:
    if member.type == "map":
        entries = ({"key": key, "value": text} for key, text in value.items())
        return b"".join(_one(member.number, "KeyValue", entry) for entry in entries)
    if member.is_list:
        return b"".join(_one(member.number, member.type, part) for part in value)
    if value is None or value == member.empty:
        return b""
    return _one(member.number, member.type, value)


def _one(number: int, kind: str, value: Any) -> bytes:
    if kind == "number":
        return _varint(number << 3 | _NUMBER) + _varint(int(value) & _WORD)
    data = _octets(kind, value)
    return _varint(number << 3 | _BYTES) + _varint(len(data)) + data


def _octets(kind: str, value: Any) -> bytes:
    if kind == "text":
        return bytes(value.encode())
    return bytes(value) if kind == "bytes" else encode(kind, value)


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


# reading


def decode(message: str, data: bytes | memoryview) -> Body:
    """What bytes say; raises kinds' DecodingError for what is cut off or malformed."""
    members = {member.number: member for member in _messages()[message]}
    body: Body = {member.name: member.empty for member in members.values()}
    for number, wire in protowire.fields(memoryview(data)):
        member = members.get(number)
        if member is not None:
            _take(body, member, wire)
    return body


def _take(body: Body, member: Member, wire: protowire.Wire) -> None:
    if member.type == "map":
        entry = decode("KeyValue", protowire.octets(wire))
        body[member.name][entry["key"]] = entry["value"]
    elif member.is_list:
        body[member.name].extend(_values(member, wire))
    else:
        body[member.name] = _value(member.type, wire)


def _values(member: Member, wire: protowire.Wire) -> Iterator[Any]:
    """A list's next entries: numbers may come in one packed field."""
    if member.type == "number" and isinstance(wire, memoryview):
        yield from map(_signed, protowire.packed(wire))
    else:
        yield _value(member.type, wire)


def _value(kind: str, wire: protowire.Wire) -> Any:
    if kind == "number":
        return _signed(protowire.number(wire))
    data = protowire.octets(wire)
    if kind == "text":
        return bytes(data).decode(errors="replace")
    return bytes(data) if kind == "bytes" else decode(kind, data)


def _signed(number: int) -> int:
    return number - (_SIGN << 1) if number & _SIGN else number
