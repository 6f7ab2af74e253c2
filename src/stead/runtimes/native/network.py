"""Bridge, virtual cables and addresses over rtnetlink, without a helper program.

A socket speaks to the network namespace it was opened in, wherever its process goes later: so a pod's shim opens one in
the node's namespace before it leaves it.
"""

import os
import socket
import struct

_REQUEST, _ACKNOWLEDGE, _CREATE, _EXCLUSIVE = 1, 4, 0x400, 0x200
_ERROR, _NEW_LINK, _DELETE_LINK, _GET_LINK = 2, 16, 17, 18
_NEW_ADDRESS, _DELETE_ADDRESS, _NEW_ROUTE = 20, 21, 24
_LINK_ADDRESS, _LINK_NAME, _LINK_MASTER, _LINK_INFO, _LINK_NAMESPACE = 1, 3, 10, 18, 28
_INFO_KIND, _INFO_DATA, _PEER = 1, 2, 1
_IS_UP = 1
_LOCAL_HARDWARE = b"\x02s"  # locally administered


def _attribute(kind: int, payload: bytes) -> bytes:
    length = 4 + len(payload)
    return struct.pack("HH", length, kind) + payload + b"\0" * (-length % 4)


def _name(text: str) -> bytes:
    return _attribute(_LINK_NAME, text.encode() + b"\0")


def _link(index: int = 0, state: int = 0, change: int = 0) -> bytes:
    return struct.pack("BxHiII", 0, 0, index, state, change)


def _broadcast(address: bytes, prefix: int) -> bytes:
    return (int.from_bytes(address, "big") | (1 << (32 - prefix)) - 1).to_bytes(4, "big")


class Wires:
    """The links of one network namespace: the one in which this was made."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)
        self._socket.bind((0, 0))
        self._sequence = 0

    def close(self) -> None:
        self._socket.close()

    def _ask(self, kind: int, flags: int, body: bytes) -> bytes:
        self._sequence += 1
        self._socket.send(struct.pack("IHHII", 16 + len(body), kind, flags | _REQUEST, self._sequence, 0) + body)
        answer = self._socket.recv(1 << 16)
        if struct.unpack_from("IH", answer)[1] == _ERROR:
            number = -struct.unpack_from("i", answer, 16)[0]
            if number:
                raise OSError(number, f"netlink: {os.strerror(number)}")
        return answer

    def _do(self, kind: int, flags: int, body: bytes) -> None:
        self._ask(kind, flags | _ACKNOWLEDGE, body)

    def index(self, name: str) -> int:
        """The number of a link; raises OSError (ENODEV) where there is none."""
        answer = self._ask(_GET_LINK, 0, _link() + _name(name))
        return int(struct.unpack_from("i", answer, 20)[0])

    def add_bridge(self, name: str, address: str = "") -> None:
        """A bridge with a hardware address of its own: borrowed from a port, it would go when that port goes.

        It is made of the bridge's `address`, so that bridges on one wire differ.
        """
        info = _attribute(_LINK_INFO, _attribute(_INFO_KIND, b"bridge"))
        own = _attribute(_LINK_ADDRESS, _LOCAL_HARDWARE + (socket.inet_aton(address) if address else b"wire"))
        self._do(_NEW_LINK, _CREATE | _EXCLUSIVE, _link() + _name(name) + own + info)

    def add_cable(self, name: str, peer: str, peer_namespace_fd: int) -> None:
        """A veth pair: `name` here, `peer` in the other namespace."""
        far_end = _link() + _name(peer) + _attribute(_LINK_NAMESPACE, struct.pack("I", peer_namespace_fd))
        data = _attribute(_INFO_DATA, _attribute(_PEER, far_end))
        info = _attribute(_LINK_INFO, _attribute(_INFO_KIND, b"veth") + data)
        self._do(_NEW_LINK, _CREATE | _EXCLUSIVE, _link() + _name(name) + info)

    def plug(self, name: str, bridge: str) -> None:
        """Put a link under a bridge and turn it on."""
        master = _attribute(_LINK_MASTER, struct.pack("I", self.index(bridge)))
        self._do(_NEW_LINK, 0, _link(self.index(name), _IS_UP, _IS_UP) + master)

    def turn_on(self, name: str) -> None:
        self._do(_NEW_LINK, 0, _link(self.index(name), _IS_UP, _IS_UP))

    def turn_off(self, name: str) -> None:
        self._do(_NEW_LINK, 0, _link(self.index(name), 0, _IS_UP))

    def remove(self, name: str) -> None:
        self._do(_DELETE_LINK, 0, _link(self.index(name)))

    def add_address(self, name: str, address: str, prefix: int) -> None:
        raw = socket.inet_aton(address)
        attributes = _attribute(2, raw) + _attribute(1, raw) + _attribute(4, _broadcast(raw, prefix))
        header = struct.pack("BBBBI", socket.AF_INET, prefix, 0, 0, self.index(name))
        self._do(_NEW_ADDRESS, _CREATE | _EXCLUSIVE, header + attributes)

    def remove_address(self, name: str, address: str, prefix: int) -> None:
        header = struct.pack("BBBBI", socket.AF_INET, prefix, 0, 0, self.index(name))
        self._do(_DELETE_ADDRESS, 0, header + _attribute(2, socket.inet_aton(address)))

    def add_default_route(self, gateway: str) -> None:
        header = struct.pack("BBBBBBBBI", socket.AF_INET, 0, 0, 0, 254, 3, 0, 1, 0)
        self._do(_NEW_ROUTE, _CREATE | _EXCLUSIVE, header + _attribute(5, socket.inet_aton(gateway)))
