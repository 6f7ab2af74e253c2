"""The Common Expression Language: what expressions are, what they cost, and what is wrong with them."""

import re
from random import Random
from typing import Any

import pytest

from stead.kinds.cel import celtypes, schematypes
from stead.kinds.cel.celtypes import DYN, INT, STRING, Type, list_of, map_of
from stead.kinds.cel.checking import compiled
from stead.kinds.cel.faults import RunError, TooCostly, Unreadable
from stead.kinds.cel.frames import Frame
from stead.kinds.cel.values import Optional, Unsigned

SELF = {
    "name": "web",
    "count": 3,
    "most": 5,
    "sizes": [1, 2, 3],
    "parts": [{"name": "a", "size": 1}, {"name": "b", "size": 2}],
    "labels": {"app": "web", "tier": "db"},
    "none": None,
    "ratio": 0.5,
    "flag": True,
}


def value(source: str, left: int = 1_000_000, **variables: object) -> object:
    given = {"self": SELF, **variables}
    program = compiled(source, dict.fromkeys(given, DYN))
    return program.checked.run(Frame([*given.values(), *[None] * program.slots], left))


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        # numbers
        ("1 + 2 * 3", 7),
        ("-7 / 2", -3),
        ("-7 % 2", -1),
        ("7u - 2u", 5),
        ("1.5 * 2.0", 3.0),
        ("0x1F", 31),
        ("1 < 1.5 && 2u > 1", True),
        ("dyn(1) == 1.0", True),
        ("dyn(1) == dyn('1')", False),
        ("-9223372036854775808", -(2**63)),
        ("!!true", True),
        ("--3", 3),
        # logic
        ("false && 1 / 0 == 1", False),
        ("1 / 0 == 1 && false", False),
        ("1 / 0 == 1 || true", True),
        ("self.flag ? 'a' : 'b'", "a"),
        # text
        ("'a' + \"b\" + r'\\d' + '\\u00e9'", "ab\\dé"),
        ("'''a\nb'''.size()", 3),
        ("b'abc' == bytes('abc')", True),
        ("self.name.startsWith('w') && self.name.endsWith('b') && self.name.contains('e')", True),
        ("'abc'.charAt(1) + 'abc'.substring(1) + 'abc'.substring(0, 1)", "bbca"),
        ("'a,b,c'.split(',', 2)", ["a", "b,c"]),
        ("['a', 'b'].join('-')", "a-b"),
        ("'hello hello'.replace('he', 'we', 1)", "wello hello"),
        ("'  x '.trim().upperAscii()", "X"),
        ("'tacocat'.indexOf('c') + 'tacocat'.lastIndexOf('c')", 6),
        ("'a1b22'.find('[0-9]+')", "1"),
        ("'a1b22'.findAll('[0-9]+')", ["1", "22"]),
        ("'abc'.matches('^a.c$')", True),
        ("strings.quote('a\"b')", '"a\\"b"'),
        ("'%s: %d of %.2f, %x'.format(['n', 3, 1.5, 255])", "n: 3 of 1.50, ff"),
        ("'%s'.format([{'k': [true, false]}])", "{k: [true, false]}"),
        # lists and maps
        ("1 in [1, 2] && 'app' in self.labels", True),
        ("[1, 2] + [3] == self.sizes", True),
        ("{'a': 1}['a']", 1),
        ("size(self.labels) + self.sizes.size()", 5),
        ("self.sizes.sum() == 6 && self.sizes.max() == 3 && self.sizes.min() == 1", True),
        ("self.sizes.isSorted() && ['b', 'a'].isSorted()", False),
        ("self.sizes.indexOf(2) + self.sizes.lastIndexOf(9)", 0),
        ("sets.contains([1, 2, 3], [3, 1]) && sets.equivalent([1, 1], [1]) && sets.intersects([1], [1, 2])", True),
        # macros
        ("has(self.name) && !has(self.nothing) && has(self.labels.app)", True),
        ("self.parts.all(p, p.size > 0) && self.parts.exists(p, p.name == 'b')", True),
        ("self.parts.exists_one(p, p.size == 2)", True),
        ("self.parts.map(p, p.size * 2)", [2, 4]),
        ("self.parts.map(p, p.size > 1, p.name)", ["b"]),
        ("self.sizes.filter(s, s > 1)", [2, 3]),
        ("self.labels.all(k, self.labels[k] != '')", True),
        ("self.sizes.all(i, s, s == i + 1)", True),
        ("self.labels.exists(k, v, k == 'tier' && v == 'db')", True),
        ("self.sizes.transformList(i, s, i * s)", [0, 2, 6]),
        ("self.labels.transformMap(k, v, v + '!')", {"app": "web!", "tier": "db!"}),
        ("[1, 0].exists(x, 1 / x == 1)", True),
        ("self.parts.all(p, self.parts.exists_one(q, q.name == p.name))", True),
        # optional values
        ("self.?nothing.orValue('x')", "x"),
        ("self.?labels.app.orValue('')", "web"),
        ("self.?labels.nothing.hasValue()", False),
        ("self.labels[?'app'].value()", "web"),
        ("optional.of(1).optMap(x, x + 1).value()", 2),
        ("optional.none().or(optional.of(2)).value()", 2),
        ("[?optional.none(), 1, ?optional.of(2)]", [1, 2]),
        ("{?'a': optional.none(), 'b': 1}", {"b": 1}),
        ("optional.ofNonZeroValue('').hasValue()", False),
        # types and conversions
        ("type(1) == int && type('a') == string && type([]) == list", True),
        ("int('42') + int(2.9) + int(3u)", 47),
        ("double('1.5') + double(1)", 2.5),
        ("string(1.0) + string(true) + string(2)", "1true2"),
        ("uint(3)", Unsigned(3)),
        # time
        ("duration('1h30m') == duration('90m')", True),
        ("timestamp('2026-01-31T12:30:00Z') + duration('24h') == timestamp('2026-02-01T12:30:00Z')", True),
        ("timestamp('2026-01-31T23:30:00Z').getHours('Europe/Berlin')", 0),
        ("timestamp('2026-01-01T00:00:00+01:00').getFullYear()", 2025),
        ("timestamp('2026-03-01T00:00:00Z').getDayOfYear()", 59),
        ("duration('3700s').getHours() + duration('90s').getMinutes()", 2),
        ("string(duration('1m30s'))", "90s"),
        # Kubernetes
        ("quantity('1Gi').isGreaterThan(quantity('1G')) && isQuantity('5') && !isQuantity('x')", True),
        ("quantity('500m').add(quantity('1500m')).asInteger()", 2),
        ("quantity('50k').compareTo(quantity('50000')) + quantity('-1').sign()", -1),
        (
            "isIP('::1') && !isIP('::ffff:1.2.3.4') && ip('127.0.0.1').isLoopback() && ip('10.0.0.1').family() == 4",
            True,
        ),
        ("ip.isCanonical('2001:db8::1') && !ip.isCanonical('2001:DB8::1')", True),
        ("cidr('10.0.0.0/8').containsIP('10.1.1.1') && cidr('10.0.0.0/8').containsCIDR('10.1.0.0/16')", True),
        ("cidr('192.168.1.7/24').masked() == cidr('192.168.1.0/24') && cidr('::/0').prefixLength() == 0", True),
        ("string(cidr('192.168.1.7/24').ip())", "192.168.1.7"),
        ("url('https://me@example.com:80/a b?x=1&x=2').getHost()", RunError),
        ("url('https://example.com:80/a?x=1&x=2').getQuery()['x']", ["1", "2"]),
        ("url('https://[::1]:443/').getHostname() + url('https://[::1]:443/').getPort()", "::1443"),
        ("isURL('/path') && !isURL('nonsense')", True),
        ("semver('1.2.3-rc.1').isLessThan(semver('1.2.3')) && isSemver('v1.0', true) && !isSemver('v1.0')", True),
        ("semver('1.12.0').minor()", 12),
        ("format.dns1123Label().validate('a-b').hasValue()", False),
        ("format.named('dns1123Label').value().validate('A').hasValue()", True),
        ("format.named('nothing').hasValue()", False),
        # what has no value
        ("self.nothing", RunError),
        ("self.sizes[9]", RunError),
        ("9223372036854775807 + 1", RunError),
        ("1 / 0", RunError),
        ("dyn('a') + 1", RunError),
        ("[1, 0].all(x, 1 / x == 1)", RunError),
        ("optional.none().value()", RunError),
    ],
)
def test_values(source: str, expected: object) -> None:
    if expected is RunError:
        with pytest.raises(RunError):
            value(source)
    else:
        found = value(source)
        assert found == expected and isinstance(found, bool) == isinstance(expected, bool)


def test_an_optional_is_a_value() -> None:
    assert value("self.?name") == Optional("web", True)


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("self.nope", "ERROR: <input>:1:5: undefined field 'nope'\n | self.nope\n | ....^"),
        ("other", "ERROR: <input>:1:1: undeclared reference to 'other' (in container '')\n | other\n | ^"),
        (
            "self.name > 1",
            "ERROR: <input>:1:11: found no matching overload for '_>_' applied to '(string, int)'\n"
            " | self.name > 1\n | ..........^",
        ),
        (
            "self.name.sum() == 1",
            "ERROR: <input>:1:14: found no matching overload for 'sum' applied to 'string.()'\n"
            " | self.name.sum() == 1\n | .............^",
        ),
        ("self.name.size", "ERROR: <input>:1:10: type 'string' does not support field selection\n"),
        ("self.sizes.all(s, s + 1)", "found no matching overload for '_&&_' applied to '(bool, int)'"),
        ("self.name.all(s, true)", "expression of type 'string' cannot be range of a comprehension"),
        ("[1, 'a']", "expected type 'int' but found 'string'"),
        ("nope(1)", "undeclared reference to 'nope' (in container '')"),
        ("self.name.matches('(')", "invalid matches argument: error parsing regexp: missing closing ): `(`"),
        ("duration('x') == duration('1s')", 'invalid duration argument: time: invalid duration "x"'),
        ("self.name ==", "Syntax error: mismatched input '<EOF>' expecting {'[', '{', '(', '.', '-', '!', 'true'"),
        ("self.name == 'a' 'b'", "Syntax error: extraneous input"),
        ("has(self)", "invalid argument to has() macro"),
        ("'abc", "Syntax error: token recognition error"),
        ("'\\80' == ''", "Syntax error: token recognition error at: '\\8'"),
        ("string() == ''", "found no matching overload for 'string' applied to '()'"),
        ("while", "reserved identifier: while"),
        ("(" * 300 + "1" + ")" * 300, "expression recursion limit exceeded: 250"),
    ],
)
def test_faults(source: str, told: str) -> None:
    shape = Type("selfType", fields={"name": STRING, "sizes": list_of(INT), "labels": map_of(STRING, STRING)})
    with pytest.raises(Unreadable) as wrong:
        compiled(source, {"self": shape})
    assert told in str(wrong.value)


def test_every_fault_is_told() -> None:
    with pytest.raises(Unreadable) as wrong:
        compiled("self.a == self.b", {"self": Type("selfType", fields={})})
    assert str(wrong.value).count("ERROR: <input>") == 2


@pytest.mark.parametrize(
    "source",
    [
        "self.all(a, self.all(b, self.all(c, self.all(d, a + b + c + d >= 0))))",
        "self.map(a, self.map(b, self.map(c, c))).size() > 0",
        "self.all(a, ('x' + string(a)).replace('x', 'yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy').size() >= 0)",
    ],
)
def test_what_costs_too_much_ends(source: str) -> None:
    program = compiled(source, {"self": list_of(INT)})
    with pytest.raises(TooCostly):
        program.checked.run(Frame([list(range(1000)), *[None] * program.slots], 5_000))


@pytest.mark.parametrize(
    "source",
    [
        "text.replace('', text)",
        "text.split('').map(c, text).join('')",
        "text.replace('a', '%s').format(text.split('').map(c, text))",
        "optional.of(text).optMap(a, a + a).optMap(a, a + a).optMap(a, a + a).optMap(a, a + a).optMap(a, a + a)",
    ],
)
def test_what_is_too_large_is_never_made(source: str) -> None:
    with pytest.raises(TooCostly):
        value(source, text="a" * 500_000)


@pytest.mark.parametrize(
    "source",
    [
        "timestamp('9999-12-31T23:59:59Z') + duration('2562047h')",
        "duration(n) == duration('1s')",
        "int(n) == 1",
        "'%.100f'.format([1e308])",
        "semver(n + '.0.0').major() == 1",
        "timestamp('2026-01-01T00:00:00Z').getHours('No/Where')",
        "timestamp(string('2026-02-30T00:00:00Z')).getHours()",
        "cidr('1.2.3.4/33')",
        "url('http://[::1').getHost()",
        "url('http://a:99999/').getPort()",
        "int(1e300)",
        "string(b'\\377')",
    ],
)
def test_odd_values_are_told_and_nothing_breaks(source: str) -> None:
    with pytest.raises(RunError):
        value(source, n="9" * 5000)


WORDS = re.compile(r"\w+|\s+|[^\w\s]")


def test_broken_expressions_break_nothing() -> None:
    """Every expression above with words dropped, doubled and exchanged: it is refused, fails or has a value."""
    chance = Random(5)
    sources = [WORDS.findall(row[0]) for row in test_values.pytestmark[0].args[1]]  # type: ignore[attr-defined]
    known = [word for words in sources for word in words]
    outcomes = set()
    for _ in range(3000):
        words = list(chance.choice(sources))
        for _ in range(chance.randint(1, 3)):
            at = chance.randrange(len(words))
            words[at : at + chance.randint(0, 1)] = (
                chance.choice([[], [chance.choice(known)]]) if len(words) > 2 else ["1"]
            )
        try:
            value("".join(words), 100_000)
            outcomes.add("value")
        except (Unreadable, RunError, TooCostly) as told:
            outcomes.add(type(told).__name__)
    assert {"value", "Unreadable", "RunError"} <= outcomes


def test_a_hostile_pattern_takes_no_longer() -> None:
    assert value("text.matches('^(a+)+$')", text="a" * 50_000 + "b") is False


NUMBER, TEXT, DURATION = {"type": "number"}, {"type": "string"}, {"type": "string", "format": "duration"}
MOMENT = {"type": "string", "format": "date-time"}
THING = {"type": "object", "required": ["required"], "properties": {"required": TEXT, "optional": TEXT}}


def an_array(items: dict[str, Any], **words: Any) -> dict[str, Any]:
    return {"type": "array", "items": items, **words}


def a_map(values: dict[str, Any], **words: Any) -> dict[str, Any]:
    return {"type": "object", "additionalProperties": values, **words}


def a_text(most: int) -> dict[str, Any]:
    return {"type": "string", "maxLength": most}


@pytest.mark.parametrize(
    ("schema", "rule", "cost"),
    [
        (an_array(NUMBER), "self.all(x, true)", 4718591),
        (an_array(NUMBER, maxItems=10), "self.all(x, true)", 32),
        (an_array(TEXT), "self.all(x, true)", 3145727),
        (an_array({"type": "boolean"}), "self.all(x, true)", 1887437),
        (an_array(an_array(NUMBER)), "self.all(x, true)", 3145727),
        (an_array(DURATION), "self.all(x, true)", 2359295),
        (an_array({"type": "string", "format": "date"}), "self.all(x, true)", 725936),
        (an_array(MOMENT), "self.all(x, true)", 428963),
        (a_map(NUMBER), "self.all(x, true)", 1348169),
        (a_map(TEXT), "self.all(x, true)", 1179647),
        (a_map(THING), "self.all(x, true)", 428963),
        (TEXT, "self.contains('test')", 314574),
        (a_text(10), "self.contains('test')", 5),
        (TEXT, "self.startsWith('test')", 2),
        (TEXT, "size(self + 'hello') > size('hello')", 314578),
        (a_text(4), "size(self + 'hello') > size('hello')", 7),
        (an_array(NUMBER), "self[1] == 0.0", 2),
        (an_array(TEXT), "self[1] == self[1]", 314577),
        (an_array(NUMBER, maxItems=10), "self.all(x, self.all(y, true))", 352),
        (an_array(NUMBER, maxItems=10), "self.all(x, self.all(y, self.all(z, true)))", 3552),
        (TEXT, "self.matches('x')", 314574),
        (a_text(50), "self.matches('x')", 22),
        (TEXT, "''.matches('(((((((((())))))))))[0-9]')", 7),
        (TEXT, "self.matches('')", 1),
        (a_map(TEXT), "self.all(x, x.contains(self[x]))", 2752507),
        (TEXT, "self == 'x'", 2),
        (a_text(0), "self == 'x'", 1),
        (an_array(NUMBER), "self.all(x, x == 0.0)", 6291454),
        (an_array(a_map(THING)), "self.all(x, x['y'].required == 'z')", 7340027),
        (an_array(a_map(NUMBER)), "self.all(x, x.y == 25.2)", 6291452),
        (an_array({"x-kubernetes-int-or-string": True}), "self[0] == 5", 3),
        (an_array(THING), "self[0] == null", 2),
        (an_array(DURATION), "self[0].getHours() == 2", 4),
        (TEXT, "self.find('[0-9]+') == ''", 629147),
        (an_array(a_text(10), maxItems=10), "self.join(' ') == 'aa bb'", 43),
        (an_array(a_text(10), maxItems=10), "self.isSorted() == true", 52),
        (an_array(TEXT), "self.isSorted() == true", 329854432052),
        (TEXT, "self.lowerAscii() == 'lower!'", 314575),
        (a_map({"type": "integer"}), "oldSelf.size() == self.size()", 5),
        (a_map(MOMENT), "self['a'] == self['b']", 8),
        (a_map(DURATION), "self['c'] == self['d']", 8),
        ({**TEXT, "enum": ["A", "LongValue"]}, "self.contains('A')", 2),
        ({**TEXT, "enum": ["A", "LongValue"], "maxLength": 1000}, "self.contains('A')", 401),
    ],
)
def test_prices_are_those_of_kubernetes(schema: dict[str, Any], rule: str, cost: int) -> None:
    """The figures that upstream's own estimates are tested with (TestCostEstimation)."""
    type_ = schematypes.type_of(schema)
    assert type_ is not None
    assert compiled(rule, {"self": type_, "oldSelf": type_}).checked.cost == cost


@pytest.mark.parametrize(
    ("source", "most", "is_cheap"),
    [
        ("self.all(a, a > 0)", 100, True),
        ("self.all(a, self.exists_one(b, a == b))", 100, True),
        ("self.all(a, self.exists_one(b, a == b))", 10_000, False),
        ("self.all(a, a > 0)", celtypes.UNKNOWN_SIZE, False),
    ],
)
def test_what_an_expression_may_cost(source: str, most: int, is_cheap: bool) -> None:
    assert (compiled(source, {"self": list_of(INT, most)}).checked.cost < 10_000_000) is is_cheap
