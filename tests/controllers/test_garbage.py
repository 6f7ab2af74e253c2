"""Who goes with whom (3.1), drawn with config maps: they may own and be owned like anything else."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stead.machinery import meta
from stead.machinery.objects import Json
from stead.machinery.plan import Delete, Refused
from tests.controllers.world import World, a_config, a_node, owned_by


@pytest.fixture
def world() -> World:
    return World("garbage")


def owners(world: World, name: str) -> list[str]:
    return [ref["name"] for ref in meta.owners(world.get("ConfigMap", name) or {"metadata": {}})]


def test_dependents_of_the_deleted_go(world: World) -> None:
    """3.1.2: in the background, all the way down."""
    top = world.put(a_config("top"))
    middle = world.put(a_config("middle", owned_by(top)))
    world.put(a_config("bottom", owned_by(middle)))
    world.put(a_config("free"))
    world.run()
    world.drop("ConfigMap", "top")
    world.run()
    assert world.names("ConfigMap") == ["free"]


def test_one_solid_owner_is_enough(world: World) -> None:
    """3.1.2: and what refers to the others is taken away."""
    one, other = world.put(a_config("one")), world.put(a_config("other"))
    world.put(a_config("shared", owned_by(one), owned_by(other)))
    world.drop("ConfigMap", "one")
    world.run()
    assert owners(world, "shared") == ["other"]
    world.drop("ConfigMap", "other")
    world.run()
    assert world.names("ConfigMap") == []


DANGLING = {
    "another bearer of the name": {"uid": "00000000-0000-0000-0000-000000000000"},
    "that uid has another name": {"name": "else"},
    "that uid has another kind": {"kind": "Secret"},
    "nobody": {"uid": "nobody", "name": "nobody"},
}


@pytest.mark.parametrize("fields", DANGLING.values(), ids=DANGLING)
def test_an_owner_is_known_by_uid_kind_and_name(world: World, fields: Json) -> None:
    """3.1.1 and 3.1.5: a set made again under its name never saves the pods of the one before."""
    owner = world.put(a_config("owner"))
    world.put(a_config("dependent", owned_by(owner, **fields)))
    world.run()
    assert world.names("ConfigMap") == ["owner"]


def test_an_owner_in_another_namespace_is_absent(world: World) -> None:
    """3.1.4: and that is told."""
    world.put({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "other"}})
    owner = world.put(a_config("owner", namespace="other"))
    world.put(a_config("dependent", owned_by(owner)))
    world.run()
    assert world.names("ConfigMap") == []
    assert world.events("dependent") == ["OwnerRefInvalidNamespace"]
    assert world.messages("dependent") == [
        f"ownerRef [v1/ConfigMap, namespace: default, name: owner, uid: {meta.uid(owner)}] "
        'does not exist in namespace "default"'
    ]


def test_a_clusters_own_object_may_own_what_is_in_a_namespace(world: World) -> None:
    node = world.put(a_node("n1"))
    world.put(a_config("dependent", owned_by(node)))
    world.run()
    assert world.names("ConfigMap") == ["dependent"]
    world.delete("Node", "n1", "")
    world.run()
    assert world.names("ConfigMap") == []


def test_what_has_no_namespace_is_not_collected_for_an_owner_that_has(world: World) -> None:
    """Such a reference cannot be looked up; it is told of and left."""
    owner = world.put(a_config("owner"))
    node = a_node("n1")
    world.put({**node, "metadata": {**node["metadata"], "ownerReferences": [owned_by(owner)]}})
    world.run()
    world.drop("ConfigMap", "owner")
    world.run(60)
    assert world.get("Node", "n1", "") is not None
    assert world.events("n1") == ["OwnerRefInvalidNamespace"]


def test_an_owner_of_a_kind_nobody_serves_is_waited_for(world: World) -> None:
    owner = world.put(a_config("owner"))
    world.put(a_config("dependent", owned_by(owner, apiVersion="example.com/v1", kind="Database", uid="x")))
    world.run(300)
    assert "dependent" in world.names("ConfigMap")
    assert world.waits_of("ConfigMap", "dependent") == [
        "ConfigMap/default/dependent is owned by Database owner, which cannot be looked up"
    ]
    assert len(world.rounds) < 20


def test_foreground_goes_from_the_leaves_up(world: World) -> None:
    """3.1.3: the owner stays, marked, until no dependent that blocks is left."""
    top = world.put(a_config("top"))
    middle = world.put(a_config("middle", owned_by(top, blocks=True)))
    world.put(a_config("bottom", owned_by(middle, blocks=True), finalizers=["example.com/busy"]))
    world.run()
    world.drop("ConfigMap", "top", policy="Foreground")
    world.run()
    assert world.names("ConfigMap") == ["bottom", "middle", "top"]
    assert all(meta.is_terminating(obj) for obj in world.all("ConfigMap"))
    assert meta.finalizers(world.get("ConfigMap", "middle")) == ["foregroundDeletion"]
    assert world.waits_of("ConfigMap", "top") == ["ConfigMap middle must go first"]
    world.patch("ConfigMap", "bottom", {"metadata": {"finalizers": None}})
    world.run()
    assert world.names("ConfigMap") == []


def test_foreground_does_not_wait_for_dependents_that_do_not_block(world: World) -> None:
    """3.1.3"""
    top = world.put(a_config("top"))
    world.put(a_config("slow", owned_by(top), finalizers=["example.com/busy"]))
    world.run()
    world.drop("ConfigMap", "top", policy="Foreground")
    world.run()
    assert world.names("ConfigMap") == ["slow"]
    assert meta.is_terminating(world.get("ConfigMap", "slow"))


def test_foreground_leaves_what_has_another_owner(world: World) -> None:
    """3.1.2: a waiting owner's reference is taken away where a solid one is there; it blocks no longer."""
    one, other = world.put(a_config("one")), world.put(a_config("other"))
    world.put(a_config("shared", owned_by(one, blocks=True), owned_by(other)))
    world.run()
    world.drop("ConfigMap", "one", policy="Foreground")
    world.run()
    assert world.names("ConfigMap") == ["other", "shared"]
    assert owners(world, "shared") == ["other"]


def test_foreground_in_a_circle_ends(world: World) -> None:
    one = world.put(a_config("one"))
    two = world.put(a_config("two", owned_by(one, blocks=True)))
    world.patch("ConfigMap", "one", {"metadata": {"ownerReferences": [owned_by(two, blocks=True)]}})
    world.run()
    world.drop("ConfigMap", "one", policy="Foreground")
    world.run()
    assert world.names("ConfigMap") == []


def test_a_dependent_made_for_a_waiting_owner_goes_too(world: World) -> None:
    top = world.put(a_config("top"))
    world.put(a_config("slow", owned_by(top, blocks=True), finalizers=["example.com/busy"]))
    world.drop("ConfigMap", "top", policy="Foreground")
    world.run()
    world.put(a_config("late", owned_by(top, blocks=True)))
    world.run()
    assert world.names("ConfigMap") == ["slow", "top"]


def test_orphans_lose_the_reference_before_the_owner_goes(world: World) -> None:
    """3.1.3; DL-2"""
    top, other = world.put(a_config("top")), world.put(a_config("other"))
    world.put(a_config("one", owned_by(top, blocks=True)))
    world.put(a_config("two", owned_by(top), owned_by(other)))
    world.run()
    world.drop("ConfigMap", "top", policy="Orphan")
    world.run()
    assert world.names("ConfigMap") == ["one", "other", "two"]
    assert (owners(world, "one"), owners(world, "two")) == ([], ["other"])


def test_what_is_deleted_already_is_left_to_end(world: World) -> None:
    """A pod in its grace is not deleted a second time."""
    owner = world.put(a_config("owner"))
    world.pod("web-0", "10.0.0.1", meta={"ownerReferences": [owned_by(owner)]})
    world.run()
    world.delete("Pod", "web-0")
    before = world.get("Pod", "web-0")
    world.drop("ConfigMap", "owner")
    world.run()
    assert world.get("Pod", "web-0") == before


def test_pods_go_with_their_grace(world: World) -> None:
    owner = world.put(a_config("owner"))
    world.pod("web-0", "10.0.0.1", meta={"ownerReferences": [owned_by(owner)]}, terminationGracePeriodSeconds=7)
    world.run()
    world.drop("ConfigMap", "owner")
    world.run()
    assert world.get("Pod", "web-0")["metadata"]["deletionGracePeriodSeconds"] == 7


def test_a_restart_goes_on_where_it_was(world: World) -> None:
    """The owner went while nobody collected."""
    owner = world.put(a_config("owner"))
    world.put(a_config("dependent", owned_by(owner)))
    world.drop("ConfigMap", "owner")
    world.crash()
    world.run()
    assert world.names("ConfigMap") == []


def test_a_thousand_dependents_cost_a_thousand_rounds(world: World) -> None:
    """Foreground, too: the owner does not look at all of them each time one is gone."""
    top = world.put(a_config("top"))
    for number in range(1000):
        world.put(a_config(f"c{number}", owned_by(top, blocks=True)))
    world.run()
    world.rounds.clear()
    world.drop("ConfigMap", "top", policy="Foreground")
    world.run()
    assert world.names("ConfigMap") == []
    assert len(world.rounds) < 1100


PLACES = st.integers(0, 5)
EDGES = st.sets(st.tuples(PLACES, PLACES, st.booleans()), max_size=8)


@settings(max_examples=60, deadline=None)
@given(EDGES, PLACES, st.sampled_from(["Background", "Foreground", "Orphan"]))
def test_any_graph_of_owners_comes_to_rest(edges: set[tuple[int, int, bool]], first: int, policy: str) -> None:
    """3.1.2: at rest nobody has owners that are all gone, and none refers to one that is not there."""
    world = World("garbage")
    made = {number: world.put(a_config(f"c{number}")) for number in range(6)}
    for number in range(6):
        refs = [owned_by(made[up], blocks=blocks) for up, down, blocks in sorted(edges) if down == number]
        by_uid = {ref["uid"]: ref for ref in refs}
        world.patch("ConfigMap", f"c{number}", {"metadata": {"ownerReferences": list(by_uid.values()) or None}})
    world.run()
    assert len(world.names("ConfigMap")) == 6
    world.drop("ConfigMap", f"c{first}", policy=policy)
    world.run(10)
    left = world.all("ConfigMap")
    uids = {meta.uid(obj) for obj in left}
    assert meta.uid(made[first]) not in uids
    assert all(ref["uid"] in uids for obj in left for ref in meta.owners(obj))
    assert not any(meta.is_terminating(obj) for obj in left)
    assert world.cluster.engine.due() == 0


def test_a_refused_deletion_is_tried_again_but_not_in_a_hurry(world: World) -> None:
    owner = world.put(a_config("owner"))
    world.put(a_config("dependent", owned_by(owner)))
    world.run()
    world.refuse = lambda controller, action: Refused("Timeout") if isinstance(action, Delete) else None
    world.drop("ConfigMap", "owner")
    world.rounds.clear()
    world.run(60)
    assert 5 < len(world.failures()) < 25
    world.refuse = lambda controller, action: None
    world.run(120)
    assert world.names("ConfigMap") == []
