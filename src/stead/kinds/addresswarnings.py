"""Addresses and ranges that are let in as they are written, and told of: some day they will not be."""

from ipaddress import IPv6Address, ip_address, ip_network

from stead.machinery.goprint import quoted


def address_warnings(path: str, text: str) -> list[str]:
    """An IPv6 address in another form than RFC 5952 has, or one of IPv4 in disguise; none for what is no address."""
    try:
        address = ip_address(text)
    except ValueError:
        return []
    if isinstance(address, IPv6Address) and address.ipv4_mapped:
        return [_future(path, "IP address", text, str(address.ipv4_mapped))]
    if address.version == 6 and str(address) != text:
        told = f"should be in RFC 5952 canonical format ({quoted(str(address))})"
        return [f"{path}: IPv6 address {quoted(text)} {told}"]
    return []


def range_warnings(path: str, text: str) -> list[str]:
    """A range with bits beyond its length, or in another form than that of RFC 5952; none for what is no range."""
    try:
        network = ip_network(text, strict=False)
    except ValueError:
        return []
    address, _, length = text.partition("/")
    told: list[str] = []
    if ip_address(address) != network.network_address:
        host = f"{address}/{network.max_prefixlen}"
        meant = f"(should be {quoted(str(network))} or {quoted(host)}?)"
        told.append(f"{path}: CIDR value {quoted(text)} is ambiguous in this context {meant}")
    if length != str(network.prefixlen):
        told.append(_future(path, "CIDR value", text, str(network)))
    canonical = f"{ip_address(address)}/{length}"
    if not told and network.version == 6 and canonical != text:
        shown = f"should be in RFC 5952 canonical format ({quoted(canonical)})"
        told.append(f"{path}: IPv6 CIDR value {quoted(text)} {shown}")
    return told


def _future(path: str, sort: str, text: str, better: str) -> str:
    future = "will be considered invalid in a future Kubernetes release"
    return f"{path}: non-standard {sort} {quoted(text)} {future}: use {quoted(better)}"
