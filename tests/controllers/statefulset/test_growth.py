"""Growth: what the index folds forward is what looking at everything again would find, and a round stays small."""

import time
from collections.abc import Sequence
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from stead.controllers.statefulset import revisions, status, update
from stead.controllers.statefulset.controller import StatefulSetController
from stead.controllers.statefulset.ordinals import Ordinals
from stead.controllers.statefulset.reconcile import reconcile
from stead.controllers.statefulset.roster import Roster
from stead.controllers.statefulset.slots import Family, Slots
from stead.machinery import meta
from stead.machinery.cache import Cache
from stead.machinery.keys import Key, key_of
from stead.machinery.objects import Json
from stead.testing.builders import NOON, a_claim, a_claim_template, a_pod, a_revision, a_stateful_set, a_template
from stead.testing.pictures import WEB

POLICIES = [
    None,
    {"whenDeleted": "Delete"},
    {"whenScaled": "Delete"},
    {"whenDeleted": "Delete", "whenScaled": "Delete"},
]


def everything(roster: Roster | None) -> dict[str, Any]:
    """All that a roster knows, in a form that compares."""
    if roster is None:
        return {}
    tallies = {name: list(getattr(roster, name)) for name in ("occupied", "unready", "unhealthy", "work")}
    live = {revision: list(ordinals) for revision, ordinals in roster.live.items()}
    counts = (roster.created, roster.ready, dict(roster.labelled), roster.unripe(0))
    return {**tallies, "live": live, "at": roster.at, "extras": roster.extras, "counts": counts}


def told(family: Family | None) -> Any:
    if family is None:
        return None
    return (family.obj, family.spec, family.pods, family.to_adopt, family.to_release, everything(family.roster))


def a_world() -> list[Json]:
    """Every object that may come or go."""
    sets = [
        a_stateful_set(
            "web",
            replicas,
            volumeClaimTemplates=[a_claim_template()],
            persistentVolumeClaimRetentionPolicy=policy or {},
            minReadySeconds=ready,
            metadata={"uid": uid},
        )
        for replicas, policy, ready, uid in (
            (3, POLICIES[0], 0, "web-uid"),
            (2, POLICIES[0], 0, "web-uid"),
            (3, POLICIES[2], 0, "web-uid"),
            (3, POLICIES[3], 10, "web-uid"),
            (1, POLICIES[1], 0, "other-uid"),
        )
    ]
    web = sets[0]
    leaving = {**web, "metadata": {**web["metadata"], "deletionTimestamp": NOON.text}}
    pods = [a_pod(web, ordinal, state) for ordinal in range(4) for state in "RUPTFS"]
    pods += [a_pod(web, 1, "R", name="web-01"), a_pod(web, 1, "R", name="web-99999999999")]
    pods += [a_pod(web, 2, "R", ownerReferences=[]), a_pod(web, 2, "R", labels={}), a_pod(web, 3, "R", name="db-3")]
    pods += [a_pod(web, 0, "R", ownerReferences=[{**meta.owners(pods[0])[0], "uid": "foreign"}])]
    owners: list[Sequence[Json]] = [(), meta.owners(pods[0]), [{**meta.owners(pods[0])[0], "uid": "old"}]]
    claims = [a_claim(web, ordinal, owners=refs) for ordinal in range(3) for refs in owners]
    claims += [a_claim(web, 1, deletionTimestamp=NOON.text)]
    kept = [a_revision(web, a_template(letter)) for letter in "ab"] + [
        a_revision(web, a_template(), ownerReferences=[])
    ]
    return [*sets, leaving, *pods, *claims, *kept]


WORLD = a_world()
changes = st.lists(st.tuples(st.sampled_from(WORLD), st.booleans()), max_size=60)


@settings(max_examples=300, deadline=None)
@given(changes)
def test_folded_forward_equals_built_from_scratch(drawn: list[tuple[Json, bool]]) -> None:
    cache = Cache([Slots()])
    for obj, is_there in drawn:
        cache.put(key_of(obj["kind"], obj), obj if is_there else None)
        folded, built = cache.index(Slots), Slots.of(cache)
        assert told(folded.family("default", "web")) == told(built.family("default", "web"))
        assert sorted(folded.strays("web-uid")) == sorted(built.strays("web-uid"))
        assert sorted(folded.revisions("default", "web-uid")) == sorted(built.revisions("default", "web-uid"))


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 12), st.booleans())), st.integers(0, 12), st.integers(-1, 12))
def test_ordinals_answer_as_a_set_would(drawn: list[tuple[int, bool]], low: int, high: int) -> None:
    plain: set[int] = set()
    ordinals = Ordinals()
    for ordinal, is_there in drawn:
        (plain.add if is_there else plain.discard)(ordinal)
        (ordinals.add if is_there else ordinals.discard)(ordinal)
    within = [ordinal for ordinal in range(low, high + 1) if ordinal in plain]
    gaps = [ordinal for ordinal in range(low, high + 1) if ordinal not in plain]
    assert list(ordinals) == sorted(plain)
    assert (list(ordinals.between(low, high)), ordinals.count(low, high)) == (within, len(within))
    assert (ordinals.first(low, high), ordinals.last(low, high)) == (
        min(within, default=None),
        max(within, default=None),
    )
    assert list(ordinals.gaps(low, high)) == gaps
    assert ordinals.first_gap(low, high) == min(gaps, default=None)
    assert ordinals.last_gap(low, high) == max(gaps, default=None)
    if low <= high + 1:
        assert list(ordinals.outside(low, high)) == sorted(plain - set(within), reverse=True)


def a_large_set(replicas: int, **fields: Any) -> Cache:
    web = a_stateful_set("web", replicas, **fields)
    revision = a_revision(web, a_template())
    cache = Cache([Slots()])
    for obj in (web, revision, *(a_pod(web, ordinal, revision=revision) for ordinal in range(replicas - 1))):
        cache.put(key_of(obj["kind"], obj), obj)
    return cache


def seconds_a_round(replicas: int, rounds: int = 60) -> float:
    """One pod event folded in and one round, the best of many."""
    cache, controller = a_large_set(replicas), StatefulSetController()
    found = cache.get(Key("Pod", "default", f"web-{replicas // 2}"))
    assert found is not None
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        cache.put(key_of("Pod", found), dict(found))
        observed = controller.observe(cache, WEB)
        assert observed is not None
        controller.reconcile(observed, NOON)
        times.append(time.perf_counter() - start)
    return min(times)


def test_a_round_costs_the_same_at_ten_thousand_replicas() -> None:
    small, large = seconds_a_round(10), seconds_a_round(10_000)
    assert large < 4 * small + 0.0002


def test_a_wish_for_two_thousand_million_replicas_is_answered_in_rounds() -> None:
    cache, controller = Cache([Slots()]), StatefulSetController()
    web = a_stateful_set("web", 2**31 - 1, podManagementPolicy="Parallel")
    cache.put(WEB, web)
    observed = controller.observe(cache, WEB)
    assert observed is not None
    plan = reconcile(observed, NOON)
    assert 500 <= len(plan.actions) < 1200
    assert plan.wake_after_seconds == 0
    assert status.computed(observed, revisions.resolve(observed), NOON)["replicas"] == 0
    assert update.budget(observed, NOON.wall).unavailable == 2**31 - 1
