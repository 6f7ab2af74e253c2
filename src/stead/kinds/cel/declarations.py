"""Every function and operator that a rule may use, with the types it takes: CEL's own, and those of Kubernetes 1.36."""

from collections.abc import Iterator
from functools import cache

from msgspec import Struct

from stead.kinds.cel.celtypes import Type, read, separated

# `name(types) type`, `type.name(types) type` for a member; a name with a dot before it is no member but a function.
_STANDARD = """
_+_(int, int) int | _+_(uint, uint) uint | _+_(double, double) double | _+_(string, string) string
_+_(bytes, bytes) bytes | _+_(list(A), list(A)) list(A) | _+_(timestamp, duration) timestamp
_+_(duration, timestamp) timestamp | _+_(duration, duration) duration
_-_(int, int) int | _-_(uint, uint) uint | _-_(double, double) double
_-_(timestamp, timestamp) duration | _-_(timestamp, duration) timestamp | _-_(duration, duration) duration
_*_(int, int) int | _*_(uint, uint) uint | _*_(double, double) double
_/_(int, int) int | _/_(uint, uint) uint | _/_(double, double) double
_%_(int, int) int | _%_(uint, uint) uint
-_(int) int | -_(double) double | !_(bool) bool
_==_(A, A) bool | _!=_(A, A) bool
@in(A, list(A)) bool | @in(A, map(A, B)) bool
_[_](list(A), int) A | _[_](map(A, B), A) B | _[_](optional_type(list(A)), int) optional_type(A)
_[_](optional_type(map(A, B)), A) optional_type(B)
_[?_](list(A), int) optional_type(A) | _[?_](map(A, B), A) optional_type(B)
_[?_](optional_type(list(A)), int) optional_type(A) | _[?_](optional_type(map(A, B)), A) optional_type(B)
size(string) int | size(bytes) int | size(list(A)) int | size(map(A, B)) int
string.size() int | bytes.size() int | list(A).size() int | map(A, B).size() int
string.contains(string) bool | string.startsWith(string) bool | string.endsWith(string) bool
string.matches(string) bool | matches(string, string) bool
bool(bool) bool | bool(string) bool
bytes(bytes) bytes | bytes(string) bytes
double(double) double | double(int) double | double(uint) double | double(string) double
int(int) int | int(uint) int | int(double) int | int(string) int | int(timestamp) int | int(duration) int
uint(uint) uint | uint(int) uint | uint(double) uint | uint(string) uint
string(string) string | string(bool) string | string(int) string | string(uint) string | string(double) string
string(bytes) string | string(timestamp) string | string(duration) string
timestamp(timestamp) timestamp | timestamp(string) timestamp | timestamp(int) timestamp
duration(duration) duration | duration(string) duration | duration(int) duration
dyn(A) dyn | type(A) type
duration.getHours() int | duration.getMinutes() int | duration.getSeconds() int | duration.getMilliseconds() int
optional.none() optional_type(A) | optional.of(A) optional_type(A) | optional.ofNonZeroValue(A) optional_type(A)
optional_type(A).value() A | optional_type(A).hasValue() bool | optional_type(A).orValue(A) A
optional_type(A).or(optional_type(A)) optional_type(A)
"""
_STRINGS = """
string.charAt(int) string | string.indexOf(string) int | string.indexOf(string, int) int
string.lastIndexOf(string) int | string.lastIndexOf(string, int) int
string.lowerAscii() string | string.upperAscii() string | string.trim() string
string.replace(string, string) string | string.replace(string, string, int) string
string.split(string) list(string) | string.split(string, int) list(string)
string.substring(int) string | string.substring(int, int) string
string.format(list(dyn)) string | strings.quote(string) string
list(string).join() string | list(string).join(string) string
string.find(string) string | string.findAll(string) list(string) | string.findAll(string, int) list(string)
"""
_LISTS = """
list(A).indexOf(A) int | list(A).lastIndexOf(A) int
sets.contains(list(A), list(A)) bool | sets.equivalent(list(A), list(A)) bool | sets.intersects(list(A), list(A)) bool
"""
_NETWORK = """
url(string) kubernetes.URL | isURL(string) bool
kubernetes.URL.getScheme() string | kubernetes.URL.getHost() string | kubernetes.URL.getHostname() string
kubernetes.URL.getPort() string | kubernetes.URL.getEscapedPath() string
kubernetes.URL.getQuery() map(string, list(string))
ip(string) net.IP | isIP(string) bool | ip.isCanonical(string) bool | string(net.IP) string
net.IP.family() int | net.IP.isUnspecified() bool | net.IP.isLoopback() bool | net.IP.isLinkLocalMulticast() bool
net.IP.isLinkLocalUnicast() bool | net.IP.isGlobalUnicast() bool
cidr(string) net.CIDR | isCIDR(string) bool | string(net.CIDR) string
net.CIDR.containsIP(string) bool | net.CIDR.containsIP(net.IP) bool
net.CIDR.containsCIDR(string) bool | net.CIDR.containsCIDR(net.CIDR) bool
net.CIDR.ip() net.IP | net.CIDR.masked() net.CIDR | net.CIDR.prefixLength() int
"""
_Q, _V, _F = "kubernetes.Quantity", "kubernetes.Semver", "kubernetes.NamedFormat"
_AMOUNTS = f"""
quantity(string) {_Q} | isQuantity(string) bool
{_Q}.sign() int | {_Q}.isInteger() bool | {_Q}.asInteger() int | {_Q}.asApproximateFloat() double
{_Q}.isGreaterThan({_Q}) bool | {_Q}.isLessThan({_Q}) bool | {_Q}.compareTo({_Q}) int
{_Q}.add({_Q}) {_Q} | {_Q}.add(int) {_Q} | {_Q}.sub({_Q}) {_Q} | {_Q}.sub(int) {_Q}
semver(string) {_V} | semver(string, bool) {_V} | isSemver(string) bool | isSemver(string, bool) bool
{_V}.major() int | {_V}.minor() int | {_V}.patch() int
{_V}.isGreaterThan({_V}) bool | {_V}.isLessThan({_V}) bool | {_V}.compareTo({_V}) int
format.named(string) optional_type({_F}) | {_F}.validate(string) optional_type(list(string))
"""
_NAMED = (
    "dns1123Label dns1123Subdomain dns1035Label qualifiedName dns1123LabelPrefix dns1123SubdomainPrefix "
    "dns1035LabelPrefix labelValue uri uuid byte date datetime"
)
FORMATS = tuple(_NAMED.split())
_ORDERED = ("bool", "int", "uint", "double", "string", "bytes", "timestamp", "duration")
_ADDED = ("int", "uint", "double", "duration")
_CLOCK = (
    "getFullYear getMonth getDayOfYear getDayOfMonth getDate getDayOfWeek getHours getMinutes getSeconds "
    "getMilliseconds"
)
_FROM_TIME = tuple(_CLOCK.split())
_SIGNS = ("<", "<=", ">", ">=")
_NAMESPACES = ("optional", "strings", "sets", "ip", "format")


class Overload(Struct, frozen=True):
    """One way to call a function. `is_member`: the first argument stands before the dot."""

    args: tuple[Type, ...]
    result: Type
    is_member: bool = False


@cache
def functions() -> dict[str, list[Overload]]:
    """Every function by its name; those of a namespace by the whole name (`sets.contains`)."""
    found: dict[str, list[Overload]] = {}
    for text in _texts():
        name, overload = _read(text)
        found.setdefault(name, []).append(overload)
    return found


def _texts() -> Iterator[str]:
    for block in (_STANDARD, _STRINGS, _LISTS, _NETWORK, _AMOUNTS):
        yield from (text for text in block.replace("\n", "|").split("|") if text.strip())
    for sign in _SIGNS:
        yield from (f"_{sign}_({sort}, {sort}) bool" for sort in _ORDERED)
        numbers = ("int", "uint", "double")
        yield from (f"_{sign}_({one}, {two}) bool" for one in numbers for two in numbers if one != two)
    for name in _FROM_TIME:
        yield f"timestamp.{name}() int"
        yield f"timestamp.{name}(string) int"
    for sort in _ADDED:
        yield f"list({sort}).sum() {sort}"
    for sort in _ORDERED:
        yield f"list({sort}).isSorted() bool"
        yield f"list({sort}).min() {sort}"
        yield f"list({sort}).max() {sort}"
    for name in FORMATS:
        yield f"format.{name}() kubernetes.NamedFormat"


def _read(text: str) -> tuple[str, Overload]:
    """`string.find(string) string`: the name, and the overload of a member."""
    text = text.strip()
    close = _closing(text)
    head, args, result = *_opened(text[: close + 1]), read(text[close + 1 :])
    receiver, dot, name = _parted(head)
    taken = tuple(map(read, separated(args)))
    if not dot or receiver in _NAMESPACES:
        return head, Overload(taken, result)
    return name, Overload((read(receiver), *taken), result, is_member=True)


def _closing(text: str) -> int:
    """Where the arguments end: the result may have parentheses of its own."""
    depth, seen = 0, -1
    for at, sign in enumerate(text):
        depth += {"(": 1, ")": -1}.get(sign, 0)
        if sign == ")" and depth == 0:
            seen = at
            if text[at + 1 : at + 2] == " ":
                return at
    return seen


def _opened(call: str) -> tuple[str, str]:
    """`list(A).indexOf(A)`: what stands before the last parenthesis that is opened at the top, and within it."""
    depth = 0
    for at in range(len(call) - 1, -1, -1):
        depth += {")": 1, "(": -1}.get(call[at], 0)
        if depth == 0:
            return call[:at], call[at + 1 : -1]
    raise AssertionError(call)


def _parted(head: str) -> tuple[str, str, str]:
    """A receiver's type and a name; operators have dots nowhere."""
    return ("", "", head) if head.startswith(("_", "@", "-", "!")) else head.rpartition(".")
