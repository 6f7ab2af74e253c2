"""What a name, a key or an address may look like, told in the words clients match on.

Every function takes a text and answers what is wrong with it: a list of messages, empty where nothing is.
"""

import ipaddress
import re
from collections.abc import Callable
from functools import cache, lru_cache

from stead.machinery import labels

Faults = Callable[[str], list[str]]
qualified_name_faults: Faults = labels.key_errors  # a name with an optional DNS prefix and a slash
label_value_faults: Faults = labels.value_errors

REMEMBERED_ADDRESSES = 65_536  # a service's addresses are judged again with each pod that comes or goes

_LABEL_RE = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_SUBDOMAIN_RE = rf"{_LABEL_RE}(\.{_LABEL_RE})*"
_UNDERSCORED_RE = r"_?[a-z0-9]([-_a-z0-9]*[a-z0-9])?(\._?[a-z0-9]([-_a-z0-9]*[a-z0-9])?)*"
_DNS_1035_RE = "[a-z]([-a-z0-9]*[a-z0-9])?"
_CONFIG_KEY_RE = "[-._a-zA-Z0-9]+"
_PRINTABLE_ENV_RE = "[ -<>-~]+"
_HTTP_HEADER_RE = "[-A-Za-z0-9]+"
_PERCENT_RE = "[0-9]+%"
_REASON_RE = "[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?"


def regex_fault(text: str, regex: str, *examples: str) -> str:
    """A rule with its examples and the expression behind it."""
    shown = " or ".join(f"'{example}', " for example in examples)
    hint = f"e.g. {shown}" if examples else ""
    return f"{text} ({hint}regex used for validation is '{regex}')"


def too_long_fault(limit: int) -> str:
    return f"must be no more than {limit} characters"


LABEL_FAULT = regex_fault(
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', "
    "and must start and end with an alphanumeric character",
    _LABEL_RE,
    "my-name",
    "123-abc",
)
SUBDOMAIN_FAULT = regex_fault(
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', "
    "and must start and end with an alphanumeric character",
    _SUBDOMAIN_RE,
    "example.com",
)
_UNDERSCORED_FAULT = regex_fault(
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '_', '-' or '.', "
    "and must start and end with an alphanumeric character",
    _UNDERSCORED_RE,
    "example.com",
)
_DNS_1035_FAULT = regex_fault(
    "a DNS-1035 label must consist of lower case alphanumeric characters or '-', "
    "start with an alphabetic character, and end with an alphanumeric character",
    _DNS_1035_RE,
    "my-name",
    "abc-123",
)
_CONFIG_KEY_FAULT = regex_fault(
    "a valid config key must consist of alphanumeric characters, '-', '_' or '.'",
    _CONFIG_KEY_RE,
    "key.name",
    "KEY_NAME",
    "key-name",
)
_HTTP_HEADER_FAULT = regex_fault(
    "a valid HTTP header must consist of alphanumeric characters or '-'", _HTTP_HEADER_RE, "X-Header-Name"
)
_PRINTABLE_ENV_FAULT = (
    "a valid environment variable name must consist only of printable ASCII characters other than '='"
)
PERCENT_FAULT = regex_fault(
    "a valid percent string must be a numeric string followed by an ending '%'", _PERCENT_RE, "1%", "93%"
)
_REASON_FAULT = regex_fault(
    "a condition reason must start with alphabetic character, optionally followed by a string of alphanumeric "
    "characters or '_,:', and must end with an alphanumeric character or '_'",
    _REASON_RE,
    "my_name",
    "MY_NAME",
    "MyName",
    "ReasonA,ReasonB",
    "ReasonA:ReasonB",
)
_RANGE_FAULT = "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)"
LEADING_ZEROS = "must not have leading 0s"
IN_DISGUISE = "must not be an IPv4-mapped IPv6 address"
RANGE_LEADING_ZEROS = "must not have leading 0s in IP or prefix length"
RANGE_IN_DISGUISE = "must not have an IPv4-mapped IPv6 address"
BITS_BEYOND = "must not have bits set beyond the prefix length"
ODD_FORMS = (LEADING_ZEROS, IN_DISGUISE, RANGE_LEADING_ZEROS, RANGE_IN_DISGUISE, BITS_BEYOND)  # kept where they are
IP_FAULT = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"


def _matches(regex: str, text: str) -> bool:
    return _compiled(regex).fullmatch(text) is not None


@cache
def _compiled(regex: str) -> re.Pattern[str]:
    return re.compile(regex)


def label_faults(text: str) -> list[str]:
    """A DNS label (RFC 1123): 63 characters, no dots."""
    faults = [too_long_fault(63)] if len(text) > 63 else []
    if _matches(_LABEL_RE, text):
        return faults
    return [*faults, "must not contain dots" if _matches(_SUBDOMAIN_RE, text) else LABEL_FAULT]


def subdomain_faults(text: str) -> list[str]:
    """DNS labels with dots between them (RFC 1123): 253 characters in all."""
    faults = [too_long_fault(253)] if len(text) > 253 else []
    return faults if _matches(_SUBDOMAIN_RE, text) else [*faults, SUBDOMAIN_FAULT]


def underscored_faults(text: str) -> list[str]:
    """A subdomain whose labels may hold underscores too, as domains to search in do."""
    faults = [too_long_fault(253)] if len(text) > 253 else []
    return faults if _matches(_UNDERSCORED_RE, text) else [*faults, _UNDERSCORED_FAULT]


def dns_1035_faults(text: str) -> list[str]:
    """A DNS label that begins with a letter."""
    faults = [too_long_fault(63)] if len(text) > 63 else []
    return faults if _matches(_DNS_1035_RE, text) else [*faults, _DNS_1035_FAULT]


def path_segment_faults(text: str) -> list[str]:
    """Whatever can stand as one step of a URL."""
    if text in (".", ".."):
        return [f"may not be '{text}'"]
    return [f"may not contain '{sign}'" for sign in ("/", "%") if sign in text]


def config_key_faults(text: str) -> list[str]:
    """A key of a ConfigMap or Secret: it becomes a file's name."""
    faults = [too_long_fault(253)] if len(text) > 253 else []
    if not _matches(_CONFIG_KEY_RE, text):
        faults.append(_CONFIG_KEY_FAULT)
    return [*faults, *_dot_faults(text)]


def _dot_faults(text: str) -> list[str]:
    if text == ".":
        return ["must not be '.'"]
    if text == "..":
        return ["must not be '..'"]
    return ["must not start with '..'"] if text.startswith("..") else []


def env_name_faults(text: str) -> list[str]:
    """A variable's name: any printable ASCII but `=` (since 1.32 the relaxed rule is the rule)."""
    return [] if _matches(_PRINTABLE_ENV_RE, text) else [_PRINTABLE_ENV_FAULT]


def port_name_faults(text: str) -> list[str]:
    """An IANA service name: 15 characters, a letter among them, no two hyphens in a row."""
    faults = []
    if len(text) > 15:
        faults.append(too_long_fault(15))
    if not _matches("[-a-z0-9]*", text):
        faults.append("must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)")
    if not re.search("[a-z]", text):
        faults.append("must contain at least one letter (a-z)")
    if "--" in text:
        faults.append("must not contain consecutive hyphens")
    if text and "-" in (text[0], text[-1]):
        faults.append("must not begin or end with a hyphen")
    return faults


def reason_faults(text: str) -> list[str]:
    """The reason of a condition: one word, for programs."""
    return [] if _matches(_REASON_RE, text) else [_REASON_FAULT]


def port_faults(number: int) -> list[str]:
    return [] if 1 <= number <= 65535 else ["must be between 1 and 65535, inclusive"]


def http_header_faults(text: str) -> list[str]:
    return [] if _matches(_HTTP_HEADER_RE, text) else [_HTTP_HEADER_FAULT]


def ip_faults(text: str) -> list[str]:
    """An address in no odd form: upstream used to let those in, and keeps what is there."""
    fault = _ip_fault(text)
    return [fault] if fault else []


@lru_cache(REMEMBERED_ADDRESSES)
def _ip_fault(text: str) -> str:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return LEADING_ZEROS if text != _without_zeros(text) and is_ip(_without_zeros(text)) else IP_FAULT
    if "%" in text:
        return IP_FAULT
    return IN_DISGUISE if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped else ""


def _without_zeros(text: str) -> str:
    """Octets of IPv4 as plain numbers."""
    head, colon, tail = text.rpartition(":")
    octets = tail.split(".")
    is_plain = len(octets) == 4 and all(octet.isdecimal() for octet in octets)
    return f"{head}{colon}{'.'.join(str(int(octet)) for octet in octets)}" if is_plain else text


@lru_cache(REMEMBERED_ADDRESSES)
def is_ip(text: str, version: int = 0) -> bool:
    """Whether a text is an address, of IP version 4 or 6 where one is asked for."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    return version in (0, address.version) and "%" not in text


def range_faults(text: str) -> list[str]:
    """A range of addresses, `10.9.8.0/24`, with nothing said beyond its length."""
    address, _, length = text.partition("/")
    plain = f"{_without_zeros(address)}/{length.lstrip('0') or '0'}"
    if not length.isdecimal() or not range_version(plain):
        return [_RANGE_FAULT]
    network = ipaddress.ip_network(plain, strict=False)
    if plain != text:
        return [RANGE_LEADING_ZEROS]
    if isinstance(network, ipaddress.IPv6Network) and ipaddress.IPv6Address(address).ipv4_mapped:
        return [RANGE_IN_DISGUISE]
    return [] if ipaddress.ip_address(address) == network.network_address else [BITS_BEYOND]


def range_version(text: str) -> int:
    """4 or 6; 0 where it is no range of addresses."""
    try:
        return ipaddress.ip_network(text, strict=False).version if "/" in text else 0
    except ValueError:
        return 0


def special_ip_faults(text: str, *, allows_loopback: bool = False) -> list[str]:
    """What an address may not be that others are to reach: this host, this link, or nobody."""
    return list(_special_ip_faults(text, allows_loopback))


@lru_cache(REMEMBERED_ADDRESSES)
def _special_ip_faults(text: str, allows_loopback: bool) -> tuple[str, ...]:
    ip = ipaddress.ip_address(text)
    is_link_multicast = text.startswith(("224.0.0.", "ff02:"))
    ranges = {
        f"may not be unspecified ({text})": ip.is_unspecified,
        "may not be in the loopback range (127.0.0.0/8, ::1/128)": ip.is_loopback and not allows_loopback,
        "may not be in the link-local range (169.254.0.0/16, fe80::/10)": ip.is_link_local,
        "may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)": is_link_multicast,
    }
    return tuple(told for told, holds in ranges.items() if holds)


def backstep_faults(path: str) -> list[str]:
    return ["must not contain '..'"] if ".." in path.split("/") else []


def descending_path_faults(path: str) -> list[str]:
    """A path that only leads down from where it starts."""
    return [*(["must be a relative path"] if path.startswith("/") else []), *backstep_faults(path)]


def local_path_faults(path: str) -> list[str]:
    """A path that leads down and does not take a name beginning with two dots."""
    reserved = path.startswith("..") and not path.startswith("../")
    return [*descending_path_faults(path), *(["must not start with '..'"] if reserved else [])]
