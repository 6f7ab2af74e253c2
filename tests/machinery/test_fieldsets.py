"""Field sets (managedFields v1): the algebra, the printed order, the names in messages."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stead.machinery import fieldsets
from stead.machinery.fieldsets import LEAF, SELF, difference, intersection, members, union

A = {"f:spec": {"f:a": LEAF, "f:list": {SELF: LEAF, 'k:{"name":"x"}': {SELF: LEAF, "f:image": LEAF}}}}
B = {"f:spec": {"f:b": LEAF, "f:list": {'k:{"name":"x"}': {"f:image": LEAF}}}}


def test_members_are_named_as_in_conflicts() -> None:
    assert list(members(A)) == [".spec.a", ".spec.list", '.spec.list[name="x"]', '.spec.list[name="x"].image']
    keyed = {"f:ports": {'k:{"containerPort":80,"protocol":"TCP"}': LEAF}, "f:set": {'v:"a"': LEAF, "v:1": LEAF}}
    assert list(members(keyed)) == ['.ports[containerPort=80,protocol="TCP"]', '.set[="a"]', ".set[=1]"]


def test_algebra() -> None:
    assert difference(A, B) == {"f:spec": {"f:a": LEAF, "f:list": {SELF: LEAF, 'k:{"name":"x"}': LEAF}}}
    assert intersection(A, B) == {"f:spec": {"f:list": {'k:{"name":"x"}': {"f:image": LEAF}}}}
    assert union(B, A)["f:spec"]["f:list"] == A["f:spec"]["f:list"]
    assert union({"f:data": LEAF}, {"f:data": {"f:k": LEAF}}) == {"f:data": {SELF: LEAF, "f:k": LEAF}}
    assert difference({"f:data": {SELF: LEAF, "f:k": LEAF}}, {"f:data": {"f:k": LEAF}}) == {"f:data": LEAF}
    assert difference({"f:data": LEAF}, {"f:data": {"f:k": LEAF}}) == {"f:data": LEAF}


def test_order_of_steps() -> None:
    steps = ['k:{"p":443}', 'k:{"p":80}', "f:b", SELF, 'k:{"p":"x"}', "f:a"]
    assert list(fieldsets.in_order(dict.fromkeys(steps, LEAF))) == [
        SELF, "f:a", "f:b", 'k:{"p":80}', 'k:{"p":443}', 'k:{"p":"x"}',
    ]  # fmt: skip


def test_sets_from_outside_are_checked_and_written_anew() -> None:
    assert fieldsets.checked({'k:{"b": 1, "a": "x"}': {".": {}}}) == {'k:{"a":"x","b":1}': {SELF: LEAF}}
    for wrong in ({"x:a": {}}, {"k:[]": {}}, {"k:{": {}}, {"f:a": 1}, [], {"a": {}}):
        with pytest.raises(ValueError):
            fieldsets.checked(wrong)


def paths_of(one: Any) -> set[str]:
    return set(members(one))


def own(node: dict[str, Any]) -> dict[str, Any]:
    return {SELF: LEAF, **node} if node else node


steps = st.sampled_from(["f:a", "f:b", 'k:{"n":1}'])
sets: Any = st.recursive(
    st.just({}),
    lambda below: st.dictionaries(steps, below, min_size=1) | st.dictionaries(steps, below).map(own),
    max_leaves=8,
)


roots = st.dictionaries(steps, sets, max_size=3)


@given(roots, roots)
def test_algebra_is_that_of_sets(one: Any, other: Any) -> None:
    assert paths_of(union(one, other)) == paths_of(one) | paths_of(other)
    assert paths_of(difference(one, other)) == paths_of(one) - paths_of(other)
    assert paths_of(intersection(one, other)) == paths_of(one) & paths_of(other)
