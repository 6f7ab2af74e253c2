"""Amounts in objects stand as upstream holds them, and its rules see that text."""

import pytest

from stead.kinds import statefulset
from stead.kinds.decoding import canonical
from stead.kinds.encoding import template_data
from stead.kinds.statefulset import STATEFUL_SET
from stead.machinery.objects import Json, with_value
from stead.testing.builders import a_stateful_set

LIMIT = ("spec", "template", "spec", "volumes")


def read(container: Json, size: object = "1Gi") -> Json:
    """A set with one odd container and one odd volume, as the API decodes it and gives it its defaults."""
    web = with_value(
        a_stateful_set(), ("spec", "template", "spec", "containers"), [{"name": "c", "image": "i"} | container]
    )
    web = with_value(web, LIMIT, [{"name": "v", "emptyDir": {"sizeLimit": size}}])
    return statefulset.default(canonical("apps.v1.StatefulSet", web))


def test_limits_are_kept_as_they_were_written_where_upstream_keeps_them() -> None:
    asked = {"cpu": "1.500", "memory": "0100Mi", "ephemeral-storage": "1024Mi", "example.com/x": "12.345678"}
    (container,) = read({"resources": {"limits": asked}})["spec"]["template"]["spec"]["containers"]
    held = {"cpu": "1.500", "memory": "0100Mi", "ephemeral-storage": "1Gi", "example.com/x": "12346m"}
    assert container["resources"]["limits"] == held


@pytest.mark.parametrize(
    ("written", "held"), [("1.500G", "1.500G"), ("1.50G", "1500M"), ("+1Gi", "+1Gi"), (1024, "1024"), (" 1E3 ", "1E3")]
)
def test_so_are_they_in_the_bytes_of_a_revision(written: object, held: str) -> None:
    data = template_data(read({}, written)["spec"]["template"])
    assert f'"sizeLimit":"{held}"'.encode() in data


@pytest.mark.parametrize(("divisor", "is_taken"), [("1Mi", True), ("1024Ki", True), ("+1Mi", False), ("01Mi", False)])
def test_a_divisor_is_known_by_its_text(divisor: str, is_taken: bool) -> None:
    source = {"resourceFieldRef": {"resource": "limits.memory", "divisor": divisor}}
    web = read({"env": [{"name": "A", "valueFrom": source}]})
    refused = [error for error in STATEFUL_SET.validate_create(web) if "divisor" in error.field]
    assert (not refused) is is_taken
