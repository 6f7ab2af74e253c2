"""Addresses, networks and URLs."""

import ipaddress
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from msgspec import Struct

from stead.kinds.cel.faults import RunError, no_overload

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Interface | ipaddress.IPv6Interface
_ADDRESSES = (ipaddress.IPv4Address, ipaddress.IPv6Address)
_NETWORKS = (ipaddress.IPv4Interface, ipaddress.IPv6Interface)
_SEGMENT = "/:@!$&'()*+,;=-._~"


class Url(Struct, frozen=True):
    """An absolute URL, or a path from the root."""

    scheme: str
    host: str  # with its port
    hostname: str
    port: str
    path: str
    query: str


def text_of(value: Any) -> str | None:
    """An address or network as text, None for anything else."""
    if isinstance(value, _NETWORKS):
        return f"{value.ip}/{value.network.prefixlen}"
    return str(value) if isinstance(value, _ADDRESSES) else None


# --- addresses


def _address(text: Any) -> Address:
    if not isinstance(text, str):
        raise no_overload()
    try:
        if "%" in text:
            raise RunError(f'IP Address with zone value is not allowed: "{text}"')
        made = ipaddress.ip_address(text)
    except ValueError:
        raise RunError(f'IP Address "{text}" parse error during conversion from string: unable to parse IP') from None
    if isinstance(made, ipaddress.IPv6Address) and made.ipv4_mapped is not None:
        raise RunError(f'IPv4-mapped IPv6 address is not allowed: "{text}"')
    return made


def _network(text: Any) -> Network:
    if not isinstance(text, str):
        raise no_overload()
    told = f"network address parse error during conversion from string: netip.ParsePrefix({text!r}): no valid prefix"
    address, slash, length = text.partition("/")
    try:
        if not slash or not length.isdigit() or (len(length) > 1 and length[0] == "0"):
            raise RunError(told)
        _address(address)
        return ipaddress.ip_interface(text)
    except ValueError:
        raise RunError(told) from None


def _can(read: Callable[[Any], Any]) -> Callable[[Any], bool]:
    def run(text: Any) -> bool:
        try:
            read(text)
        except RunError:
            if not isinstance(text, str):
                raise
            return False
        return True

    return run


def _is_canonical(text: Any) -> bool:
    return bool(str(_address(text)) == text)


def _contains_ip(network: Any, address: Any) -> bool:
    of = address if isinstance(address, _ADDRESSES) else _address(address)
    return bool(of.version == network.version and of in network.network)


def _contains_network(network: Any, other: Any) -> bool:
    of = other if isinstance(other, _NETWORKS) else _network(other)
    whole, part = network.network, of.network
    return bool(of.version == network.version and part.prefixlen >= whole.prefixlen and of.ip in whole)


def _masked(network: Any) -> Network:
    return ipaddress.ip_interface(f"{network.network.network_address}/{network.network.prefixlen}")


def _is_global(address: Any) -> bool:
    """As Go has it: whatever is for one host, private or not."""
    is_broadcast = address.version == 4 and int(address) == 2**32 - 1
    return not (
        address.is_unspecified or address.is_loopback or address.is_multicast or address.is_link_local or is_broadcast
    )


def _is_link_local_multicast(address: Any) -> bool:
    if address.version == 4:
        return address in ipaddress.IPv4Network("224.0.0.0/24")
    return bool(address.is_multicast and address.packed[1] & 0x0F == 2)


# --- URLs


def _url(text: Any) -> Url:
    if not isinstance(text, str):
        raise no_overload()
    try:
        parts = urlsplit(text)
        hostname, port = parts.hostname or "", parts.port
    except ValueError as wrong:
        raise RunError(f'URL parse error during conversion from string: parse "{text}": {wrong}') from None
    is_bad = any(ord(sign) <= 32 or ord(sign) == 127 for sign in text)
    if is_bad or (not (parts.scheme and (parts.netloc or parts.path)) and not text.startswith("/")):
        raise RunError(f'URL parse error during conversion from string: parse "{text}": invalid URI for request')
    host = parts.netloc.rpartition("@")[2]
    exact = host.rpartition(":")[0] if port is not None or host.endswith(":") else host
    name = exact.strip("[]") if hostname else ""
    return Url(parts.scheme, host, name, "" if port is None else str(port), unquote(parts.path), parts.query)


def _query(url: Any) -> dict[str, list[str]]:
    made: dict[str, list[str]] = {}
    for name, value in parse_qsl(url.query, keep_blank_values=True):
        made.setdefault(name, []).append(value)
    return made


FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "ip": lambda value: value.ip if isinstance(value, _NETWORKS) else _address(value),
    "isIP": _can(_address),
    "ip.isCanonical": _is_canonical,
    "family": lambda address: address.version,
    "isUnspecified": lambda address: address.is_unspecified,
    "isLoopback": lambda address: address.is_loopback,
    "isLinkLocalMulticast": _is_link_local_multicast,
    "isLinkLocalUnicast": lambda address: address.is_link_local,
    "isGlobalUnicast": _is_global,
    "cidr": _network,
    "isCIDR": _can(_network),
    "containsIP": _contains_ip,
    "containsCIDR": _contains_network,
    "masked": _masked,
    "prefixLength": lambda network: network.network.prefixlen,
    "url": _url,
    "isURL": _can(_url),
    "getScheme": lambda url: url.scheme,
    "getHost": lambda url: url.host,
    "getHostname": lambda url: url.hostname,
    "getPort": lambda url: url.port,
    "getEscapedPath": lambda url: quote(url.path, safe=_SEGMENT),
    "getQuery": _query,
}
