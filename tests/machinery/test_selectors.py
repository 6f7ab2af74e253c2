"""Label and field selectors: what they select, how they print, what they refuse (wire.md 3.3)."""

import pytest

from stead.machinery import selectors
from stead.machinery.selectors import EVERYTHING, NOTHING

WEB = {"app": "nginx", "tier": "front", "n": "7", "empty": ""}


@pytest.mark.parametrize(
    "text, selects",
    [
        ("", True),
        ("app=nginx", True),
        ("app==nginx", True),
        ("app = nginx , tier=front", True),
        ("app!=nginx", False),
        ("other!=x", True),
        ("app in (nginx,apache)", True),
        ("app in (apache)", False),
        ("app notin (apache)", True),
        ("other notin (apache)", True),
        ("app notin (nginx)", False),
        ("app", True),
        ("other", False),
        ("!other", True),
        ("! other", True),
        ("!app", False),
        ("n>6", True),
        ("n > 7", False),
        ("n<8,n>6", True),
        ("app>6", False),
        ("other>6", False),
        ("empty=", True),
        ("empty in ()", True),
        ("empty in (,x)", True),
        ("app in (x,)", False),
        ("in=x", False),
        ("app=nginx,!other,tier in (front,back)", True),
    ],
)
def test_label_selectors(text: str, selects: bool) -> None:
    assert selectors.parse(text).matches(WEB) is selects


@pytest.mark.parametrize(
    "text, printed",
    [
        ("x in (b,a),app==nginx", "app==nginx,x in (a,b)"),
        ("z,!y,x notin (a)", "x notin (a),!y,z"),
        ("n>5,m<3,k!=v", "k!=v,m<3,n>5"),
        ("a=", "a="),
        ("a in ()", "a in ()"),
    ],
)
def test_canonical_text(text: str, printed: str) -> None:
    assert str(selectors.parse(text)) == printed
    assert str(selectors.parse(printed)) == printed


QUALIFIED = (
    "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric "
    "character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is "
    "'([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
)
VALUE = (
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and "
    "end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is "
    "'(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"
)


@pytest.mark.parametrize(
    "text, message",
    [
        ("a,", "found '', expected: identifier after ','"),
        (",a", "found ',', expected: !, identifier, or 'end of string'"),
        ("=a", "found '=', expected: !, identifier, or 'end of string'"),
        ("a b", "unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt"),
        ("a=b c", "found 'c', expected: ',' or 'end of string'"),
        ("!a=b", "found '=', expected: ',' or 'end of string'"),
        ("!", "unable to parse requirement: found '', expected: identifier"),
        ("a=!", "unable to parse requirement: found '!', expected: identifier"),
        ("a in b", "unable to parse requirement: found 'b' expected: '('"),
        ("a in (b", "unable to parse requirement: found '', expected: ',' or ')'"),
        ("a in (b=c)", "unable to parse requirement: found '=', expected: ',' or ')'"),
        ("_a=b", f'unable to parse requirement: <nil>: Invalid value: "_a": {QUALIFIED}'),
        ("a=b/c", f'unable to parse requirement: values[0][a]: Invalid value: "b/c": {VALUE}'),
        (
            "a>b",
            'unable to parse requirement: values[0]: Invalid value: "b": '
            "for 'Gt', 'Lt' operators, the value must be an integer",
        ),
    ],
)
def test_refused(text: str, message: str) -> None:
    with pytest.raises(ValueError) as raised:
        selectors.parse(text)
    assert str(raised.value) == message


def test_from_a_label_selector_object() -> None:
    selector = selectors.from_object(
        {
            "matchLabels": {"tier": "front", "app": "nginx"},
            "matchExpressions": [
                {"key": "x", "operator": "NotIn", "values": ["b", "a"]},
                {"key": "app", "operator": "Exists"},
                {"key": "gone", "operator": "DoesNotExist"},
            ],
        }
    )
    assert str(selector) == "app=nginx,app,!gone,tier=front,x notin (a,b)"
    assert selector.matches(WEB)
    assert not selector.matches({**WEB, "gone": ""})


def test_nothing_and_everything() -> None:
    assert selectors.from_object(None) == NOTHING
    assert not NOTHING.matches(WEB)
    assert selectors.from_object({}) == EVERYTHING == selectors.parse(" ")
    assert EVERYTHING.matches({})
    assert selectors.from_labels({"app": "nginx"}).matches(WEB)


@pytest.mark.parametrize(
    "expression, message",
    [
        ({"key": "a", "operator": "Near", "values": ["x"]}, '"Near" is not a valid label selector operator'),
        (
            {"key": "a", "operator": "In"},
            "values: Invalid value: []: for 'in', 'notin' operators, values set can't be empty",
        ),
        (
            {"key": "a", "operator": "Exists", "values": ["x"]},
            'values: Invalid value: ["x"]: values set must be empty for exists and does not exist',
        ),
    ],
)
def test_refused_objects(expression: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError) as raised:
        selectors.from_object({"matchExpressions": [expression]})
    assert str(raised.value) == message


@pytest.mark.parametrize(
    "text, selects",
    [
        ("", True),
        ("metadata.name=web-0", True),
        ("metadata.name=web-0,", True),
        (",,metadata.name==web-0,", True),
        ("metadata.name!=web-0", False),
        ("status.phase!=Running,spec.nodeName=", True),
        (r"odd=a\,b\=c\\d", True),
    ],
)
def test_field_selectors(text: str, selects: bool) -> None:
    fields = {"metadata.name": "web-0", "status.phase": "Pending", "odd": r"a,b=c\d"}
    selector = selectors.parse_fields(text)
    assert selector.matches(lambda field: fields.get(field, "")) is selects
    assert selectors.parse_fields(str(selector)) == selector


@pytest.mark.parametrize(
    "text, message",
    [
        ("abc", "invalid selector: 'abc'; can't understand 'abc'"),
        ("a=b=c", "invalid field selector: unescaped character in value: 61"),
        (r"a=\x", r"invalid field selector: invalid escape sequence: \x"),
        ("a=\\", "invalid field selector: invalid escape sequence: \\"),
    ],
)
def test_refused_field_selectors(text: str, message: str) -> None:
    with pytest.raises(ValueError) as raised:
        selectors.parse_fields(text)
    assert str(raised.value) == message


def test_exact_field() -> None:
    selector = selectors.parse_fields("metadata.name=a,status.phase!=Running")
    assert (selector.exact("metadata.name"), selector.exact("status.phase")) == ("a", None)
