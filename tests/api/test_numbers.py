"""What a number may be depends on the way it comes: text is decoded, strategic patches and applies are converted."""

from typing import Any

import pytest
from asking import CONFIG_MAPS, MERGE, SETS, Client

from stead.machinery.objects import dig

SET = f"{SETS}/web"
STRATEGIC = {"content-type": "application/strategic-merge-patch+json"}
OPERATIONS = {"content-type": "application/json-patch+json"}
APPLY = {"content-type": "application/apply-patch+yaml"}
YAML = {"content-type": "application/yaml"}
UNFIT = "json: cannot unmarshal number {} into Go struct field StatefulSetSpec.spec.replicas of type int32"
WHOLE = """{"apiVersion":"apps/v1","kind":"StatefulSet","metadata":{"name":"web"},"spec":{"replicas":%s,
"selector":{"matchLabels":{"a":"b"}},"template":{"metadata":{"labels":{"a":"b"}},
"spec":{"containers":[{"name":"c","image":"i"}]}}}}"""
APPLIED = '{"apiVersion":"apps/v1","kind":"StatefulSet","metadata":{"name":"web"},"spec":{"replicas":%s}}'
PATCHED = '{"spec":{"replicas":1}}'
NEGATIVE = "spec.replicas: Invalid value: -2147483648: must be greater than or equal to 0"


@pytest.mark.parametrize("number", ["1.0", "1e0", "1.5", "2147483648", "99999999999999999999", "-1e400"])
def test_text_must_hold_whole_numbers_that_fit(client: Client, number: str) -> None:
    told = client.ask("POST", SETS, (WHOLE % number).encode())
    assert (told.code, told.message.partition("StatefulSet: ")[2]) == (400, UNFIT.format(number))


@pytest.mark.parametrize(
    ("written", "read"), [("1.0", 1), ("1e3", 1000), ("1.5", UNFIT.format("1.5")), ("1e20", UNFIT.format(10**20))]
)
def test_yaml_becomes_text_as_go_prints_it(client: Client, written: str, read: Any) -> None:
    told = client.ask("POST", SETS, (WHOLE % written).encode(), YAML)
    assert read in (dig(told.body, "spec", "replicas"), dig(told.body, "message", default="").partition("Set: ")[2])


@pytest.mark.parametrize("media", [MERGE, OPERATIONS], ids=["merge", "json"])
@pytest.mark.parametrize("number", ["1.0", "1.5", "2147483648"])
def test_what_a_patch_makes_is_text_again(client: Client, media: dict[str, str], number: str) -> None:
    client.ask("POST", SETS, (WHOLE % 1).encode())
    patch = PATCHED if media is MERGE else '[{"op":"add","path":"/spec/replicas","value":1}]'
    told = client.ask("PATCH", SET, patch.replace("1", number).encode(), media)
    assert (told.code, told.message.endswith(UNFIT.format(number))) == (422, True)


@pytest.mark.parametrize("way", ["strategic", "apply"])
@pytest.mark.parametrize(
    ("number", "answer"),
    [("2.0", 2), ("4294967299", 3), ("99999999999999999999", 0), ("2147483648", NEGATIVE), ("1.5", "float64 to int32")],
)
def test_maps_are_converted_and_cut_to_fit(client: Client, way: str, number: str, answer: Any) -> None:
    client.ask("POST", SETS, (WHOLE % 1).encode())
    if way == "apply":
        told = client.ask("PATCH", f"{SET}?fieldManager=m&force=true", (APPLIED % number).encode(), APPLY)
    else:
        told = client.ask("PATCH", SET, PATCHED.replace("1", number).encode(), STRATEGIC)
    found = dig(told.body, "spec", "replicas")
    assert found == answer if isinstance(answer, int) else told.message.endswith(answer)


def test_an_apply_that_cannot_be_converted_says_to_what(client: Client) -> None:
    told = client.ask("PATCH", f"{SET}?fieldManager=m", (APPLIED % "1.5").encode(), APPLY)
    whole = "unable to convert unstructured object to apps/v1, Kind=StatefulSet: cannot convert float64 to int32"
    where = "failed to convert new object (/web; apps/v1, Kind=StatefulSet) to proper version"
    assert (told.code, told.message, "reason" in told.body) == (500, f"{where}: {whole}", False)


@pytest.mark.parametrize(
    ("patch", "why"),
    [
        ({"data": {"a": 5}}, "cannot convert int64 to string"),
        ({"data": {"a": 5.5}}, "unrecognized type: string"),
        ({"data": "a"}, "cannot restore map from string"),
        ({"metadata": 5}, "cannot restore struct from: int64"),
        ({"binaryData": {"a": 5}}, "cannot restore slice from int64"),
        ({"binaryData": {"a": "%%"}}, "error decoding from json: illegal base64 data at input byte 0"),
        ({"metadata": {"creationTimestamp": 5}}, "json: cannot unmarshal number into Go value of type string"),
    ],
    ids=str,
)
def test_what_a_strategic_patch_says_of_misfits(client: Client, patch: Any, why: str) -> None:
    client.ask("POST", CONFIG_MAPS, {"metadata": {"name": "a"}})
    told = client.ask("PATCH", f"{CONFIG_MAPS}/a", patch, STRATEGIC)
    assert (told.code, told.message.endswith(f'": {why}')) == (422, True)


def test_types_that_read_themselves_are_told_before_all_else(client: Client) -> None:
    """Go notes a value of the wrong sort and reads on; a quantity that is none ends it."""
    body = (WHOLE % '"x"').replace('"image":"i"', '"image":"i","resources":{"limits":{"cpu":"zz"}}')
    assert "quantities must match" in client.ask("POST", SETS, body.encode()).message
