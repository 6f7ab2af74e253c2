"""CustomResourceDefinitions themselves: what they may not say, the names they share, what they promise."""

from typing import Any

import pytest
from asking import MERGE, Client, Json
from defining import AT_SCHEMA, DEFINITIONS, THINGS, a_definition, a_thing, an_object, causes, defined, with_spec

INT, TEXT = {"type": "integer"}, {"type": "string"}
AT_X = f"{AT_SCHEMA}.properties[spec].properties[x]"


@pytest.mark.parametrize(
    ("of", "field", "message"),
    [
        # structure
        ({}, f"{AT_X}.type", "Required value: must not be empty for specified object fields"),
        ({"type": "array"}, f"{AT_X}.items", "Required value: must be specified"),
        (
            {"type": "array", "items": {}},
            f"{AT_X}.items.type",
            "Required value: must not be empty for specified array items",
        ),
        (
            {"type": "text"},
            f"{AT_X}.type",
            'Unsupported value: "text": supported values: "array", "boolean", "integer", "number", "object", "string"',
        ),
        (
            {**TEXT, "anyOf": [{"type": "string"}]},
            f"{AT_X}.anyOf[0].type",
            "Forbidden: must be empty to be structural",
        ),
        (
            {"type": "object", "oneOf": [{"properties": {"y": {"minimum": 1}}}]},
            f"{AT_X}.properties[y]",
            f"Required value: because it is defined in {AT_X}.oneOf[0].properties[y]",
        ),
        (
            {**TEXT, "pattern": "("},
            f"{AT_X}.pattern",
            'Invalid value: "(": must be a valid regular expression, but isn\'t: error parsing regexp: missing '
            "closing ): "
            "`(`",
        ),
        (
            {"x-kubernetes-int-or-string": True, "x-kubernetes-preserve-unknown-fields": True},
            f"{AT_X}.x-kubernetes-preserve-unknown-fields",
            "Invalid value: true: must be false if x-kubernetes-int-or-string is true",
        ),
        (
            {**TEXT, "x-kubernetes-embedded-resource": True},
            f"{AT_X}.type",
            'Invalid value: "string": must be object if x-kubernetes-embedded-resource is true',
        ),
        # words
        ({**TEXT, "$ref": "#/y"}, f"{AT_X}.$ref", "Forbidden: $ref is not supported"),
        (
            {"type": "array", "items": TEXT, "uniqueItems": True},
            f"{AT_X}.uniqueItems",
            "Forbidden: uniqueItems cannot be set to true since the runtime complexity becomes quadratic",
        ),
        (
            {**an_object(y=INT), "additionalProperties": INT},
            f"{AT_X}.additionalProperties",
            "Forbidden: additionalProperties and properties are mutual exclusive",
        ),
        # defaults
        (
            {**INT, "default": "one"},
            f"{AT_X}.default",
            'Invalid value: "string": "" in body must be of type integer: "string"',
        ),
        (
            {**an_object(y=INT), "default": {"z": 1}},
            f"{AT_X}.default",
            'Invalid value: {"z":1}: must not have unknown fields',
        ),
        # lists
        (
            {**TEXT, "x-kubernetes-list-type": "set"},
            f"{AT_X}.type",
            'Invalid value: "string": must be array if x-kubernetes-list-type is specified',
        ),
        (
            {"type": "array", "items": an_object(y=INT), "x-kubernetes-list-type": "map"},
            f"{AT_X}.x-kubernetes-list-map-keys",
            "Required value: must not be empty if x-kubernetes-list-type is map",
        ),
        (
            {
                "type": "array",
                "items": an_object(y=INT),
                "x-kubernetes-list-type": "map",
                "x-kubernetes-list-map-keys": ["y"],
            },
            f"{AT_X}.items.properties[y].default",
            "Required value: this property is in x-kubernetes-list-map-keys, so it must have a default or be a "
            "required property",
        ),
    ],
)
def test_schemas_are_structural(client: Client, of: Json, field: str, message: str) -> None:
    answer = client.ask("POST", DEFINITIONS, a_definition(with_spec(x=of)))
    assert (field, message) in causes(answer)


@pytest.mark.parametrize(
    ("change", "field", "message"),
    [
        (
            {"additionalPrinterColumns": [{"name": "A", "type": "text", "jsonPath": "spec.a"}]},
            "spec.additionalPrinterColumns[0].type",
            'Invalid value: "text": must be one of boolean,date,integer,number,string',
        ),
        (
            {"additionalPrinterColumns": [{"name": "A", "type": "string", "jsonPath": "spec.a"}]},
            "spec.additionalPrinterColumns[0].JSONPath",
            'Invalid value: "spec.a": must be a simple json path starting with .',
        ),
        (
            {"subresources": {"scale": {"specReplicasPath": ".x.y", "statusReplicasPath": ".status.y"}}},
            "spec.subresources.scale.specReplicasPath",
            'Invalid value: ".x.y": should be a json path under .spec',
        ),
        (
            {"selectableFields": [{"jsonPath": ".spec.nope"}]},
            "spec.selectableFields[0].jsonPath",
            'Invalid value: ".spec.nope": is an invalid path: does not refer to a valid field',
        ),
        (
            {"selectableFields": [{"jsonPath": ".spec"}]},
            "spec.selectableFields[0].jsonPath",
            'Invalid value: ".spec": must point to a field of type string, boolean or integer. Enum string fields and '
            "strings with formats are allowed.",
        ),
        (
            {"deprecationWarning": "old"},
            "spec.versions[0].deprecationWarning",
            'Invalid value: "old": can only be set for deprecated versions',
        ),
        (
            {"storage": False},
            "spec.versions",
            'Invalid value: [{"Name":"v1","Served":true,"Storage":false,"Deprecated":false,"DeprecationWarning":null,'
            '"Schema":null,"Subresources":null,"AdditionalPrinterColumns":null,"SelectableFields":null}]: must have '
            "exactly one version marked as storage version",
        ),
        ({"schema": None}, "spec.versions[0].schema.openAPIV3Schema", "Required value: schemas are required"),
    ],
)
def test_versions_are_checked(client: Client, change: Json, field: str, message: str) -> None:
    answer = client.ask("POST", DEFINITIONS, a_definition(with_spec(x=INT), **change))
    assert (field, message) in causes(answer)


def test_versions_that_differ_are_told_apart(client: Client) -> None:
    """What all versions share has its faults beside them, what they do not with them."""
    both = a_definition(with_spec(x={}))
    both["spec"]["versions"].append({**both["spec"]["versions"][0], "name": "v2", "storage": False})
    assert causes(client.ask("POST", DEFINITIONS, both))[0][0] == f"{AT_X}.type"
    both["spec"]["versions"][1]["schema"] = {"openAPIV3Schema": with_spec(y=INT)}
    told = causes(client.ask("POST", DEFINITIONS, both))[0][0]
    assert told == "spec.versions[0].schema.openAPIV3Schema.properties[spec].properties[x].type"


@pytest.mark.parametrize(
    ("names", "field"),
    [
        ({"plural": "Things"}, "spec.names.plural"),
        ({"kind": "Bad_Kind"}, "spec.names.kind"),
        ({"shortNames": ["Bad!"]}, "spec.names.shortNames[0]"),
        ({"listKind": "Thing"}, "spec.names.listKind"),
        ({"kind": ""}, "spec.names.kind"),
    ],
)
def test_names_are_checked(client: Client, names: Json, field: str) -> None:
    made = a_definition(with_spec(x=INT))
    made["spec"]["names"] |= names
    assert field in [where for where, _ in causes(client.ask("POST", DEFINITIONS, made))]


def test_protected_groups_need_an_approval(client: Client) -> None:
    made = a_definition(with_spec(x=INT))
    made["metadata"]["name"], made["spec"]["group"] = "things.example.k8s.io", "example.k8s.io"
    assert causes(client.ask("POST", DEFINITIONS, made))[0][0] == "metadata.annotations[api-approved.kubernetes.io]"
    made["metadata"]["annotations"] = {"api-approved.kubernetes.io": "unapproved, a test"}
    assert client.ask("POST", DEFINITIONS, made).code == 201


def conditions(client: Client, name: str) -> dict[str, tuple[str, str]]:
    found = client.get(f"{DEFINITIONS}/{name}").body["status"]["conditions"]
    return {one["type"]: (one["status"], one["reason"]) for one in found}


def test_a_name_belongs_to_the_first_who_has_it(client: Client) -> None:
    defined(client, with_spec(x=INT))
    other = a_definition(with_spec(x=INT), "others")
    other["spec"]["names"]["shortNames"] = ["things"]
    made = client.ask("POST", DEFINITIONS, other).body["status"]
    assert made["conditions"][0]["message"] == '"things" is already in use'
    assert conditions(client, "others.example.com") == {
        "NamesAccepted": ("False", "ShortNamesConflict"),
        "Established": ("False", "NotAccepted"),
    }
    assert client.get(THINGS.replace("things", "others")).code == 404
    client.ask("DELETE", f"{DEFINITIONS}/things.example.com")
    assert conditions(client, "others.example.com")["Established"] == ("True", "InitialNamesAccepted")
    assert client.get(THINGS.replace("things", "others")).code == 200


def test_what_was_stored_stays_a_version(client: Client) -> None:
    defined(client, with_spec(x=INT))
    spec = a_definition(with_spec(x=INT), name="v2")["spec"]
    answer = client.ask("PATCH", f"{DEFINITIONS}/things.example.com", {"spec": spec}, MERGE)
    assert [where for where, _ in causes(answer)] == ["status.storedVersions[0]"]


@pytest.mark.parametrize(
    ("schema", "value", "told"),
    [
        ({**TEXT, "format": "date"}, "x", [("x", 'Invalid value: "x": spec.x in body must be of type date: "x"')]),
        (
            {**TEXT, "format": "ipv4"},
            "::1",
            [("x", 'Invalid value: "::1": spec.x in body must be of type ipv4: "::1"')],
        ),
        ({**TEXT, "format": "nobody-knows"}, "x", []),
        (
            {**TEXT, "pattern": r"^\p{Lu}"},
            "x",
            [("x", r"""Invalid value: "x": spec.x in body should match '^\p{Lu}'""")],
        ),
        ({**TEXT, "minLength": 2}, "é", [("x", 'Invalid value: "é": spec.x in body should be at least 2 chars long')]),
        ({**INT, "multipleOf": 5}, 7, [("x", "Invalid value: 7: spec.x in body should be a multiple of 5")]),
        (
            {"type": "number", "minimum": 1, "exclusiveMinimum": True},
            1,
            [("x", "Invalid value: 1: spec.x in body should be greater than 1")],
        ),
        (
            {**an_object(a=INT, b=INT), "oneOf": [{"required": ["a"]}, {"required": ["b"]}]},
            {},
            [
                (
                    "<nil>",
                    'Invalid value: "": "spec.x" must validate one and only one schema (oneOf). Found none valid',
                ),
                ("x.a", "Required value"),
            ],
        ),
        (
            {**an_object(a=INT, b=INT), "oneOf": [{"required": ["a"]}, {"required": ["b"]}]},
            {"a": 1, "b": 1},
            [
                (
                    "<nil>",
                    'Invalid value: "": "spec.x" must validate one and only one schema (oneOf). '
                    "Found 2 valid alternatives",
                )
            ],
        ),
        (
            {**INT, "not": {"enum": [3]}},
            3,
            [("<nil>", 'Invalid value: "": "spec.x" must not validate the schema (not)')],
        ),
        (
            {**INT, "enum": [1, 2]},
            "a",
            [
                ("x", 'Invalid value: "string": spec.x in body must be of type integer: "string"'),
                ("x", 'Unsupported value: "a": supported values: "1", "2"'),
            ],
        ),
        ({**TEXT, "nullable": True}, None, []),
        (TEXT, None, [("x", 'Invalid value: "null": spec.x in body must be of type string: "null"')]),
        (
            {"type": "array", "items": INT, "x-kubernetes-list-type": "set"},
            [1, 2, 1],
            [("x[2]", "Duplicate value: 1")],
        ),
        (
            {"type": "object", "additionalProperties": INT, "maxProperties": 1},
            {"a": 1, "b": 2},
            [("x", "Too many: 2: ")],
        ),
    ],
)
def test_values_are_checked(client: Client, schema: Json, value: Any, told: list[tuple[str, str]]) -> None:
    answer = defined(client, with_spec(x=schema)).ask("POST", THINGS, a_thing(x=value))
    if not told:
        assert answer.code == 201, answer.body
        return
    found = causes(answer)
    assert [field for field, _ in found] == [field if field == "<nil>" else f"spec.{field}" for field, _ in told]
    assert all(message.startswith(start) for (_, message), (_, start) in zip(found, told, strict=True))


def test_embedded_objects_are_objects(client: Client) -> None:
    inner = {"type": "object", "x-kubernetes-embedded-resource": True, "x-kubernetes-preserve-unknown-fields": True}
    defined(client, with_spec(x=inner))
    assert causes(client.ask("POST", THINGS, a_thing(x={"apiVersion": "v1"}))) == [
        ("spec.x.kind", "Required value: must not be empty")
    ]
    whole = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "nope": 1}, "spec": {"any": 1}}
    made = client.ask("POST", THINGS, a_thing(x=whole)).body["spec"]["x"]
    assert made == {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": {"any": 1}}


def test_a_kind_stored_but_not_served_goes_with_its_definition(client: Client) -> None:
    made = a_definition(with_spec(x=INT))
    made["spec"]["versions"].append({**made["spec"]["versions"][0], "name": "v2", "storage": False})
    client.ask("POST", DEFINITIONS, made)
    client.ask("POST", THINGS, a_thing(x=1))
    made["spec"]["versions"][0]["served"] = False
    assert client.ask("PATCH", f"{DEFINITIONS}/things.example.com", {"spec": made["spec"]}, MERGE).code == 200
    assert len(client.get(THINGS.replace("v1", "v2")).body["items"]) == 1
    client.ask("DELETE", f"{DEFINITIONS}/things.example.com")
    assert client.get(f"{DEFINITIONS}/things.example.com").code == 404


def test_replicas_are_no_less_than_none(client: Client) -> None:
    scale = {"scale": {"specReplicasPath": ".spec.x", "statusReplicasPath": ".status.x"}}
    defined(client, an_object(spec=an_object(x=INT), status=an_object(x=INT)), subresources=scale)
    answer = client.ask("POST", THINGS, a_thing(x=-1))
    assert causes(answer) == [(".spec.x", "Invalid value: -1: should be a non-negative integer")]


INT32 = {**INT, "format": "int32"}
CHECKED = 'Invalid value: "": Checked value must be of type integer with format int32 in spec.x'
EITHER = {"x-kubernetes-int-or-string": True, "anyOf": [{"type": "integer"}, {"type": "string"}]}


@pytest.mark.parametrize(
    ("schema", "value", "told"),
    [
        (INT32, 2147483647, []),
        (INT32, -2147483648, []),
        (INT32, 2147483648, [("<nil>", CHECKED)]),
        (
            INT32,
            5.5,
            [
                ("spec.x", 'Invalid value: "float64": spec.x in body must be of type int32: "float64"'),
                ("<nil>", CHECKED),
            ],
        ),
        (INT32, True, [("spec.x", 'Invalid value: "": spec.x in body must be of type int32: ""')]),
        (INT32, "a", [("spec.x", 'Invalid value: "string": spec.x in body must be of type integer: "string"')]),
        (
            {**INT32, "minimum": 1, "maximum": 4294967295},
            2,
            [
                (
                    "<nil>",
                    'Invalid value: "": Maximum boundary value must be of type integer with format int32 in spec.x',
                )
            ],
        ),
        ({**INT, "format": "uint32"}, 4294967296, []),
        ({**INT, "format": "int64"}, 9223372036854775807, []),
        ({"type": "number", "format": "float"}, 3.4e38, []),
        (
            {"type": "number", "format": "float"},
            3.5e38,
            [("<nil>", 'Invalid value: "": Checked value must be of type number with format float in spec.x')],
        ),
        ({"type": "number", "format": "double"}, 3.5e38, []),
        (
            {**TEXT, "format": "date"},
            5,
            [("spec.x", 'Invalid value: "int64": spec.x in body must be of type date: "int64"')],
        ),
        (
            EITHER,
            0.5,
            [
                ("spec.x", 'Invalid value: "number": spec.x in body must be of type integer,string: "number"'),
                ("<nil>", 'Invalid value: "": "spec.x" must validate at least one schema (anyOf)'),
                ("spec.x", 'Invalid value: "number": spec.x in body must be of type integer: "number"'),
            ],
        ),
    ],
)
def test_numbers_have_their_place_in_the_format(
    client: Client, schema: Json, value: Any, told: list[tuple[str, str]]
) -> None:
    answer = defined(client, with_spec(x=schema)).ask("POST", THINGS, a_thing(x=value))
    if told:
        assert causes(answer) == told
    else:
        assert answer.code == 201, answer.body


def test_a_number_without_its_place_may_stay_but_not_come(client: Client) -> None:
    defined(client, with_spec(x=INT, y=INT))
    client.ask("POST", THINGS, a_thing(x=2147483648))
    narrow = a_definition(with_spec(x=INT32, y=INT32))["spec"]
    assert client.ask("PATCH", f"{DEFINITIONS}/things.example.com", {"spec": narrow}, MERGE).code == 200
    assert client.ask("PATCH", f"{THINGS}/t", {"spec": {"y": 1}}, MERGE).code == 200
    assert causes(client.ask("PATCH", f"{THINGS}/t", {"spec": {"x": 2147483649}}, MERGE)) == [("<nil>", CHECKED)]


@pytest.mark.parametrize(
    ("schema", "warned"),
    [
        (INT32, ()),
        ({**INT, "format": "uint32"}, ('unrecognized format "uint32"',)),
        ({"type": "number", "format": "double"}, ()),
        ({"type": "number", "format": "int32"}, ('unrecognized format "int32"',)),
        ({"type": "boolean", "format": "date"}, ('unrecognized format "date"',)),
        ({**EITHER, "format": "int-or-string"}, ('unrecognized format "int-or-string"',)),
    ],
)
def test_formats_that_nobody_looks_at_are_told(client: Client, schema: Json, warned: tuple[str, ...]) -> None:
    assert client.ask("POST", DEFINITIONS, a_definition(with_spec(x=schema))).warnings == warned


def test_formats_that_were_told_are_not_told_again(client: Client) -> None:
    assert client.ask("POST", DEFINITIONS, a_definition(with_spec(x={**INT, "format": "uint8"}))).warnings
    at = f"{DEFINITIONS}/things.example.com"
    assert client.ask("PATCH", at, {"metadata": {"labels": {"a": "b"}}}, MERGE).warnings == ()
    wider = a_definition(with_spec(x={**INT, "format": "uint8"}, y={**INT, "format": "uint16"}))["spec"]
    assert client.ask("PATCH", at, {"spec": wider}, MERGE).warnings == ('unrecognized format "uint16"',)


@pytest.mark.parametrize("headers", [MERGE, {"content-type": "application/apply-patch+yaml"}])
def test_nobody_owns_metadata_through_the_status_of_custom_objects(client: Client, headers: Any) -> None:
    defined(client, an_object(spec=an_object(x=INT), status=an_object(y=INT)), subresources={"status": {}})
    client.ask("POST", THINGS, a_thing(x=1))
    given = {"apiVersion": "example.com/v1", "kind": "Thing", "status": {"y": 1}}
    given["metadata"] = {"name": "t", "labels": {"a": "b"}, "annotations": {"c": "d"}}
    metadata = client.ask("PATCH", f"{THINGS}/t/status?fieldManager=me", given, headers).body["metadata"]
    (entry,) = [entry for entry in metadata["managedFields"] if entry["manager"] == "me"]
    assert "labels" not in metadata
    assert set(entry["fieldsV1"]) == {"f:status"}


def test_metadata_is_owned_through_the_status_of_definitions(client: Client) -> None:
    defined(client, with_spec(x=INT))
    given = {"metadata": {"labels": {"a": "b"}}}
    metadata = client.ask("PATCH", f"{DEFINITIONS}/things.example.com/status?fieldManager=me", given, MERGE).body[
        "metadata"
    ]
    (entry,) = [entry for entry in metadata["managedFields"] if entry["manager"] == "me"]
    assert (metadata["labels"], entry["fieldsV1"]) == ({"a": "b"}, {"f:metadata": {"f:labels": {".": {}, "f:a": {}}}})
