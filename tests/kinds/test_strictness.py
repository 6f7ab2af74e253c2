"""Fields nobody knows and fields given twice, as `fieldValidation` tells them."""

import pytest

from stead.kinds.strictness import refusal, unknown_and_duplicate
from stead.machinery.shapes import ANYTHING, Shape

SCALAR = Shape("scalar")
CUSTOM = Shape("struct", fields={"size": SCALAR, "free": ANYTHING, "parts": Shape("list", element=SCALAR)})


@pytest.mark.parametrize(
    "place, body, told",
    [
        # recorded: strict-unknown, warn-unknown, strict-duplicate
        (
            "apps.v1.StatefulSet",
            b'{"spec":{"template":{"spec":{"nopeToo":2}}}}',
            ['unknown field "spec.template.spec.nopeToo"'],
        ),
        ("apps.v1.StatefulSet", b'{"spec":{"nope":1}}', ['unknown field "spec.nope"']),
        ("core.v1.ConfigMap", b'{"data":{"k":"1","k":"2"}}', ['duplicate field "data.k"']),
        # by the same rule
        ("core.v1.ConfigMap", b'{"data":{"k":"1"},"data":{"k":"2"}}', ['duplicate field "data"']),
        (
            "core.v1.Pod",
            b'{"b":1,"spec":{"containers":[{"name":"c"},{"x":1,"tty":true,"tty":true}]},"a":{"b":1}}',
            [
                'unknown field "b"',
                'unknown field "spec.containers[1].x"',
                'duplicate field "spec.containers[1].tty"',
                'unknown field "a"',
            ],
        ),
        ("core.v1.Pod", b'{"x":1,"x":2}', ['unknown field "x"']),
        ("core.v1.Pod", b'{"Kind":"Pod"}', ['unknown field "Kind"']),
        ("apps.v1.ControllerRevision", b'{"data":{"any":{"thing":1,"thing":2}}}', []),
        ("core.v1.Pod", b'{"spec":[{"x":1}]}', []),
        ("core.v1.Pod", b"{", []),
        (CUSTOM, b'{"size":1,"free":{"x":1},"parts":[{"a":1}],"colour":"red"}', ['unknown field "colour"']),
    ],
    ids=str,
)
def test_told_in_the_order_of_the_text(place: str | Shape, body: bytes, told: list[str]) -> None:
    assert unknown_and_duplicate(place, body) == told


def test_strict_refuses_all_at_once() -> None:
    told = ['unknown field "spec.nope"', 'duplicate field "data.k"']
    assert refusal(told) == 'strict decoding error: unknown field "spec.nope", duplicate field "data.k"'
