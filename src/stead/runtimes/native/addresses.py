"""Which pod has which address. Addresses are handed out in turn: a name that moves does not meet its old one."""

import ipaddress


class AddressesExhausted(Exception):
    """Every address of the range belongs to a pod."""


class Addresses:
    """The pods' addresses of one node; the first of the range is the node's own.

    `wire` is the range of all that can be reached without a gateway: where there may be other nodes, theirs too.
    """

    def __init__(self, cidr: str, wire: str = ""):
        """Raises ValueError where `cidr` is not an IPv4 network with room for a pod."""
        self._network = ipaddress.IPv4Network(cidr)
        self._wire = ipaddress.IPv4Network(wire or cidr)
        if self._network.num_addresses < 4:
            raise ValueError(f"{cidr} has no room for pods")
        self._by_uid: dict[str, str] = {}
        self._taken: set[str] = set()
        self._last = 1

    @property
    def gateway(self) -> str:
        return str(self._network[1])

    @property
    def prefix(self) -> int:
        return self._wire.prefixlen

    def remember(self, uid: str, address: str) -> None:
        """A pod that lived before stead did keeps its address."""
        self._by_uid[uid] = address
        self._taken.add(address)
        if ipaddress.IPv4Address(address) in self._network:
            self._last = max(self._last, int(ipaddress.IPv4Address(address)) - int(self._network[0]))

    def take(self, uid: str) -> str:
        """The pod's address, the same as long as the pod is here."""
        if uid in self._by_uid:
            return self._by_uid[uid]
        places = self._network.num_addresses - 3  # without network, gateway and broadcast
        for step in range(places):
            number = 2 + (self._last - 1 + step) % places
            address = str(self._network[number])
            if address not in self._taken:
                self._last = number
                self._by_uid[uid] = address
                self._taken.add(address)
                return address
        raise AddressesExhausted(f"all {places} pod addresses of {self._network} are taken")

    def release(self, uid: str) -> None:
        self._taken.discard(self._by_uid.pop(uid, ""))
