"""CRI's messages as bytes: known bytes both ways, what is empty, and what is unknown or broken."""

import pytest

from stead.kinds.scalars import DecodingError
from stead.runtimes.cri import messages

KNOWN = (
    ("VersionRequest", {"version": "v1"}, "0a027631"),
    ("StopContainerRequest", {"container_id": "c", "timeout": 300}, "0a016310ac02"),
    ("Int64Value", {"value": -1}, "08ffffffffffffffffff01"),
    ("ExecSyncRequest", {"container_id": "", "cmd": ["sh", ""], "timeout": 0}, "120273681200"),
    ("Filter", {"label_selector": {"a": "b"}}, "1a060a0161120162"),
    ("NamespaceOption", {"network": 2, "pid": 1, "ipc": 0, "target_id": ""}, "08021001"),
    ("ImageStatusRequest", {"image": {"image": "x"}}, "0a030a0178"),
)


@pytest.mark.parametrize(("name", "body", "told"), KNOWN)
def test_known_bytes(name: str, body: messages.Body, told: str) -> None:
    assert messages.encode(name, body).hex() == told
    assert messages.decode(name, bytes.fromhex(told)) == body


def test_what_is_empty_is_there_when_it_is_read() -> None:
    assert messages.decode("ExecSyncResponse", b"") == {"stdout": b"", "stderr": b"", "exit_code": 0}
    assert messages.decode("ImageStatusResponse", b"") == {"image": None}
    assert messages.decode("ListPodSandboxResponse", b"") == {"items": []}


def test_numbers_may_come_packed_and_unknown_fields_are_passed_over() -> None:
    packed = messages.decode("LinuxContainerSecurityContext", bytes.fromhex("4203010203"))
    assert packed["supplemental_groups"] == [1, 2, 3]
    assert messages.decode("VersionRequest", bytes.fromhex("0a027631" + "d23e0178")) == {"version": "v1"}


@pytest.mark.parametrize("told", ["0a", "0a05", "0b", "08"])
def test_broken_bytes_are_refused(told: str) -> None:
    with pytest.raises(DecodingError):
        messages.decode("Int64Value", bytes.fromhex(told))
