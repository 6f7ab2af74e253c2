"""Every kind is found by all the names it goes by."""

import pytest

from stead.kinds import types
from stead.kinds.kind import Kind
from stead.kinds.registry import BUILT_IN, Group

WIDGET = Kind(id="Widget.example.com", name="Widget", plural="widgets", version="v1beta1", group="example.com")


@pytest.mark.parametrize(
    ("word", "id"),
    [
        ("sts", "StatefulSet"),
        ("StatefulSets", "StatefulSet"),
        ("statefulset.apps", "StatefulSet"),
        ("statefulsets.v1.apps", "StatefulSet"),
        ("po", "Pod"),
        ("pvc", "PersistentVolumeClaim"),
        ("ev", "Event"),
        ("events.events.k8s.io", "Event.events.k8s.io"),
        ("ep", "Endpoints"),
        ("unicorn", None),
    ],
)
def test_a_word_means_a_kind(word: str, id: str | None) -> None:
    kind = BUILT_IN.by_word(word)
    assert (kind and kind.id) == id


@pytest.mark.parametrize("kind", list(BUILT_IN), ids=lambda kind: kind.id)
def test_a_kind_is_found_and_has_facts(kind: Kind) -> None:
    assert BUILT_IN.by_id(kind.id) is kind
    assert BUILT_IN.by_path(kind.group, kind.version, kind.plural) is kind
    assert BUILT_IN.by_type(kind.api_version, kind.name) is kind
    assert types.type_of(kind.api_version, kind.name) == kind.type
    assert any(column.name in ("Name", "Last Seen") for column in kind.columns)


def test_groups_stand_in_the_order_of_discovery_preferred_version_first() -> None:
    newer = Kind(id="Widget.example.com", name="Widget", plural="widgets", version="v1", group="example.com")
    groups = BUILT_IN.extended(WIDGET, newer).groups()
    assert groups[0] == Group("apps", ("v1",))
    assert groups[-1] == Group("example.com", ("v1", "v1beta1"))
    assert groups[-1].preferred == "v1"


def test_an_extended_registry_leaves_the_first_as_it_was() -> None:
    extended = BUILT_IN.extended(WIDGET)
    assert extended.by_id("Widget.example.com") is WIDGET
    assert [kind.id for kind in extended.within("example.com", "v1beta1")] == ["Widget.example.com"]
    assert BUILT_IN.by_word("widget") is None
    assert extended.without("Widget.example.com").by_word("widget") is None
