"""Whatever decodes can be defaulted, judged and shown: objects made of the types' facts alone, sense or nonsense."""

from random import Random
from typing import Any

import pytest

from stead.kinds import decoding, types
from stead.kinds.kind import Kind
from stead.kinds.registry import BUILT_IN
from stead.machinery.objects import Json, encode
from stead.machinery.times import Now

NOON = Now(1_763_812_800.0, 0.0)
TEXTS = ("", "a", "A b", "..", "/x", "None", "Always", "10.0.0.1", "x" * 300, "metadata.labels['a']", "In", "Exists")
NUMBERS = (0, 1, -1, 80, 70000, 2**31 - 1)
SCALARS: dict[str, tuple[Any, ...]] = {
    "bool": (True, False),
    "resource.Quantity": ("1Gi", "-1", "100m", "0"),
    "intstr.IntOrString": (0, "50%", "web", 80, "150%"),
    "meta.v1.Time": ("2026-11-22T12:00:00Z",),
    "meta.v1.MicroTime": ("2026-11-22T12:00:00.000000Z",),
    "[]byte": ("eA==",),
    "float64": (0.5,),
}


def any_value(dice: Random, go_type: str, depth: int) -> Any:
    mark, element = types.element_of(types.unwrapped(go_type))
    if mark == "list":
        return [any_value(dice, element, depth + 1) for _ in range(dice.randrange(3))]
    if mark == "map":
        return {key: any_value(dice, element, depth + 1) for key in dice.sample(TEXTS, dice.randrange(3))}
    if go_type in SCALARS:
        return dice.choice(SCALARS[go_type])
    if types.is_struct(go_type):
        return any_struct(dice, go_type, depth + 1)
    return dice.choice(NUMBERS) if go_type.startswith(("int", "uint")) else dice.choice(TEXTS)


def any_struct(dice: Random, type_name: str, depth: int = 0) -> Json:
    chance = 0.9 / (1 + depth * 0.35)
    fields = types.fields_of(type_name)
    return {
        name: any_value(dice, field.go_type, depth)
        for name, field in fields.items()
        if dice.random() < chance and name not in ("managedFields", "apiVersion", "kind")
    }


def any_object(dice: Random, kind: Kind) -> Json:
    made = {**any_struct(dice, kind.type), "apiVersion": kind.api_version, "kind": kind.name}
    metadata = {"name": dice.choice(("web", "Web", "")), "namespace": "ns", "creationTimestamp": "2026-11-22T12:00:00Z"}
    made["metadata"] = {**any_struct(dice, "meta.v1.ObjectMeta"), **metadata}
    return decoding.decode(kind.type, encode(made))


# The facts of a schema's own schema are too wide to be guessed at.
GUESSED = [kind for kind in BUILT_IN if kind.group != "apiextensions.k8s.io"]


@pytest.mark.parametrize("kind", GUESSED, ids=lambda kind: kind.id)
def test_no_object_is_too_strange(kind: Kind) -> None:
    dice = Random(kind.id)
    for _ in range(60):
        old = kind.default(kind.to_stored(any_object(dice, kind)))
        new = kind.default(kind.to_stored(any_object(dice, kind)))
        before = encode(new)
        list(kind.validate_create(kind.prepare_create(new)))
        list(kind.validate_update(kind.prepare_update(new, old), old))
        list(kind.validate_status(kind.prepare_status(new, old), old))
        assert list(kind.warnings(new, old)) is not None
        for column in kind.columns:
            column.cell(new, NOON)
        assert kind.default(new) == new
        assert encode(new) == before, "a function wrote into what it was given"
