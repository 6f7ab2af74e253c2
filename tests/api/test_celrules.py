"""Rules in CEL (`x-kubernetes-validations`): refused when they are no rules, held against every object."""

from typing import Any

import pytest
from asking import MERGE, Client, Json
from defining import AT_SCHEMA, DEFINITIONS, THINGS, a_definition, a_thing, an_object, causes, defined, with_spec

INT, TEXT = {"type": "integer"}, {"type": "string"}
AT_RULE = f"{AT_SCHEMA}.properties[spec].x-kubernetes-validations[0]"
APPLY = {"content-type": "application/apply-patch+yaml"}


def sizes(**rule: Any) -> Json:
    said = {"rule": "self.size <= self.most", **rule}
    return with_spec(said, size=INT, most=INT, parts={"type": "array", "maxItems": 9, "items": TEXT})


@pytest.mark.parametrize(
    ("rule", "field", "message"),
    [
        ({}, "spec", 'Invalid value: "object": failed rule: self.size <= self.most'),
        ({"message": "too big"}, "spec", 'Invalid value: "object": too big'),
        (
            {"message": "x", "messageExpression": "'%d > %d'.format([self.size, self.most])"},
            "spec",
            'Invalid value: "object": 9 > 5',
        ),
        ({"message": "x", "messageExpression": "self.parts[4]"}, "spec", 'Invalid value: "object": x'),
        ({"fieldPath": ".size", "message": "x"}, "spec.size", 'Invalid value: "object": x'),
        ({"reason": "FieldValueForbidden", "message": "x"}, "spec", "Forbidden: x"),
        ({"reason": "FieldValueRequired", "message": "x"}, "spec", "Required value: x"),
        ({"reason": "FieldValueDuplicate", "message": "x"}, "spec", 'Duplicate value: "object"'),
        (
            {"rule": "self.parts[7] == ''"},
            "spec",
            "Invalid value: \"object\": no such key: parts evaluating rule: self.parts[7] == ''",
        ),
    ],
)
def test_a_rule_refuses(client: Client, rule: Json, field: str, message: str) -> None:
    answer = defined(client, sizes(**rule)).ask("POST", THINGS, a_thing(size=9, most=5))
    assert causes(answer) == [(field, message)]


def test_a_rule_lets_pass(client: Client) -> None:
    defined(client, sizes())
    assert client.ask("POST", THINGS, a_thing(size=1, most=5)).code == 201
    assert client.ask("POST", f"{THINGS}?dryRun=All", a_thing("u", size=6, most=5)).code == 422
    assert client.ask("PATCH", f"{THINGS}/t", {"spec": {"size": 6}}, MERGE).code == 422
    assert client.ask("PATCH", f"{THINGS}/t?fieldManager=me&force=true", a_thing(size=7, most=5), APPLY).code == 422


def test_rules_wait_for_the_schema(client: Client) -> None:
    answer = defined(client, sizes()).ask("POST", THINGS, a_thing(size="big", most=5))
    assert causes(answer) == [
        ("spec.size", 'Invalid value: "string": spec.size in body must be of type integer: "string"'),
        (
            "<nil>",
            'Invalid value: "null": some validation rules were not checked because the object was invalid; correct the '
            "existing errors to complete validation",
        ),
    ]


def test_a_transition_rule_looks_back(client: Client) -> None:
    fixed = {**TEXT, "x-kubernetes-validations": [{"rule": "self == oldSelf", "message": "is fixed"}]}
    defined(client, with_spec(name=fixed, other=INT))
    assert client.ask("POST", THINGS, a_thing(name="a")).code == 201
    assert client.ask("PATCH", f"{THINGS}/t", {"spec": {"other": 1}}, MERGE).code == 200
    answer = client.ask("PATCH", f"{THINGS}/t", {"spec": {"name": "b"}}, MERGE)
    assert causes(answer) == [("spec.name", 'Invalid value: "string": is fixed')]
    assert client.ask("PATCH", f"{THINGS}/t", {"spec": {"name": None}}, MERGE).code == 200


def test_an_old_self_may_be_optional(client: Client) -> None:
    rule = {"rule": "oldSelf.hasValue() || self == 'first'", "optionalOldSelf": True}
    defined(client, with_spec(name={**TEXT, "x-kubernetes-validations": [rule]}))
    assert client.ask("POST", THINGS, a_thing(name="other")).code == 422
    assert client.ask("POST", THINGS, a_thing(name="first")).code == 201
    assert client.ask("PATCH", f"{THINGS}/t", {"spec": {"name": "other"}}, MERGE).code == 200


def test_items_of_a_list_with_keys_have_old_selves(client: Client) -> None:
    item = {
        **an_object(name=TEXT, size={**INT, "x-kubernetes-validations": [{"rule": "self >= oldSelf"}]}),
        "required": ["name"],
    }
    parts = {"type": "array", "items": item, "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]}
    defined(client, with_spec(parts=parts))
    client.ask("POST", THINGS, a_thing(parts=[{"name": "a", "size": 2}, {"name": "b", "size": 5}]))
    turned = {"spec": {"parts": [{"name": "b", "size": 6}, {"name": "a", "size": 1}]}}
    answer = client.ask("PATCH", f"{THINGS}/t", turned, MERGE)
    assert [field for field, _ in causes(answer)] == ["spec.parts[1].size"]


def test_what_was_wrong_and_is_not_touched_may_stay(client: Client) -> None:
    """KEP-4008: tightened rules do not lock up objects; what is not touched is told in a warning."""
    defined(client, with_spec(name=TEXT, size=INT))
    client.ask("POST", THINGS, a_thing(name="toolong", size=1))
    short = {**TEXT, "maxLength": 3, "x-kubernetes-validations": [{"rule": "self.size() < 4", "message": "be short"}]}
    tighter = a_definition(with_spec(name=short, size=INT))
    assert client.ask("PATCH", f"{DEFINITIONS}/things.example.com", {"spec": tighter["spec"]}, MERGE).code == 200
    answer = client.ask("PATCH", f"{THINGS}/t", {"spec": {"size": 2}}, MERGE)
    assert (answer.code, answer.warnings) == (200, ('spec.name: Invalid value: "string": be short',))
    assert client.ask("PATCH", f"{THINGS}/t", {"spec": {"name": "longer"}}, MERGE).code == 422


def test_values_have_the_types_of_the_schema(client: Client) -> None:
    """Numbers are doubles, texts of a format are times, names with a dash are escaped, a set has no order."""
    rules = [
        "self.ratio > 0.5 && self.ratio == 2.0",
        "self.since > timestamp('2026-01-01T00:00:00Z')",
        "self.grace < duration('1m')",
        "self.a__dash__b == 'x' && self.__namespace__ == 'y'",
        "self.tags == ['b', 'a']",
        "type(self.port) == int || self.port == '80%'",
    ]
    schema = with_spec(
        *({"rule": rule} for rule in rules),
        **{
            "ratio": {"type": "number"},
            "since": {**TEXT, "format": "date-time"},
            "grace": {**TEXT, "format": "duration"},
            "a-b": TEXT,
            "namespace": TEXT,
            "tags": {"type": "array", "items": TEXT, "x-kubernetes-list-type": "set", "maxItems": 9},
            "port": {"x-kubernetes-int-or-string": True},
        },
    )
    defined(client, schema)
    spec = {"ratio": 2, "since": "2026-02-01T00:00:00Z", "grace": "30s", "a-b": "x", "namespace": "y"}
    answer = client.ask("POST", THINGS, a_thing(**spec, tags=["a", "b"], port=80))
    assert answer.code == 201, answer.body


def test_a_field_that_is_null_is_absent(client: Client) -> None:
    """In a map or list, null is a value."""
    maybe = {**TEXT, "nullable": True}
    rules = ["!has(self.a)", "'k' in self.m && type(self.m['k']) == null_type", "type(self.l[0]) == null_type"]
    schema = with_spec(
        *({"rule": rule} for rule in rules),
        a=maybe,
        m={"type": "object", "additionalProperties": maybe},
        l={"type": "array", "items": maybe},
    )
    defined(client, schema)
    answer = client.ask("POST", THINGS, a_thing(a=None, m={"k": None}, l=[None]))
    assert answer.code == 201, answer.body


def test_the_root_has_a_name(client: Client) -> None:
    root = {
        **an_object(spec=an_object(size=INT)),
        "x-kubernetes-validations": [{"rule": "self.metadata.name.size() < 3"}],
    }
    defined(client, root)
    assert client.ask("POST", THINGS, a_thing("ab")).code == 201
    assert causes(client.ask("POST", THINGS, a_thing("abc")))[0][0] == "<nil>"


def test_a_hostile_rule_ends(client: Client) -> None:
    """The estimate would refuse it: an object of an old definition meets the budget."""
    rule = {"rule": "self.all(a, self.all(b, self.all(c, a + b + c >= 0)))"}
    numbers = {"type": "array", "maxItems": 20, "items": INT, "x-kubernetes-validations": [rule]}
    defined(client, with_spec(numbers=numbers))
    assert client.ask("POST", THINGS, a_thing(numbers=list(range(20)))).code == 201
    wider = a_definition(with_spec(numbers={**numbers, "maxItems": 2000}))
    assert client.ask("PATCH", f"{DEFINITIONS}/things.example.com", {"spec": wider["spec"]}, MERGE).code == 200
    answer = client.ask("POST", THINGS, a_thing("u", numbers=list(range(2000))))
    assert causes(answer) == [
        (
            "spec.numbers",
            "Invalid value: \"array\": 'operation cancelled: actual cost limit exceeded': no further validation rules "
            f"will be run due to call cost exceeds limit for rule: {rule['rule']}",
        )
    ]


@pytest.mark.parametrize(
    ("rule", "member", "message"),
    [
        ({"rule": "self.nope > 1"}, "rule", "compilation failed: ERROR: <input>:1:5: undefined field 'nope'"),
        ({"rule": "self.size +"}, "rule", "compilation failed: ERROR: <input>:1:12: Syntax error: mismatched input"),
        ({"rule": "self.size"}, "rule", "cel expression must evaluate to a bool"),
        ({"rule": ""}, "rule", "Required value: rule is not specified"),
        ({"rule": "true", "message": "a\nb"}, "message", "message must not contain line breaks"),
        (
            {"rule": "true", "reason": "Nope"},
            "reason",
            'Unsupported value: "Nope": supported values: "FieldValueDuplicate"',
        ),
        ({"rule": "true", "fieldPath": ".nope"}, "fieldPath", "fieldPath must be a valid path"),
        ({"rule": "true", "messageExpression": "self.size"}, "messageExpression", "must evaluate to a string"),
        ({"rule": "true", "optionalOldSelf": True}, "optionalOldSelf", "may not be set if oldSelf is not used in rule"),
    ],
)
def test_what_is_no_rule_is_refused(client: Client, rule: Json, member: str, message: str) -> None:
    answer = client.ask("POST", DEFINITIONS, a_definition(with_spec(rule, size=INT)))
    field, told = causes(answer)[0]
    assert field == f"{AT_RULE}.{member}"
    assert message in told


def test_a_list_without_keys_has_no_old_selves(client: Client) -> None:
    items = {**INT, "x-kubernetes-validations": [{"rule": "self >= oldSelf"}]}
    schema = with_spec(sizes={"type": "array", "maxItems": 5, "items": items})
    where = f"{AT_SCHEMA}.properties[spec].properties[sizes]"
    assert causes(client.ask("POST", DEFINITIONS, a_definition(schema))) == [
        (
            f"{where}.items.x-kubernetes-validations[0].rule",
            'Invalid value: "self >= oldSelf": oldSelf cannot be used on the uncorrelatable portion of the schema '
            f"within {where}",
        )
    ]


def test_a_rule_that_may_cost_too_much_is_refused(client: Client) -> None:
    rule = {"rule": "self.all(a, self.all(b, a != b || a == b))"}
    schema = with_spec(names={"type": "array", "items": TEXT, "x-kubernetes-validations": [rule]})
    told = causes(client.ask("POST", DEFINITIONS, a_definition(schema)))
    assert told[0] == (
        f"{AT_SCHEMA}.properties[spec].properties[names].x-kubernetes-validations[0].rule",
        "Forbidden: estimated rule cost exceeds budget by factor of more than 100x (try simplifying the rule, or "
        "adding maxItems, maxProperties, and maxLength where arrays, maps, and strings are declared)",
    )


def test_rules_hold_for_a_status_too(client: Client) -> None:
    status = {**an_object(ready=INT), "x-kubernetes-validations": [{"rule": "self.ready >= 0"}]}
    defined(client, an_object(spec=an_object(size=INT), status=status), subresources={"status": {}})
    client.ask("POST", THINGS, a_thing(size=1))
    answer = client.ask("PATCH", f"{THINGS}/t/status", {"status": {"ready": -1}}, MERGE)
    assert causes(answer) == [("status", 'Invalid value: "object": failed rule: self.ready >= 0')]
