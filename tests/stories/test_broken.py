"""The controller broken on purpose, in many ways: drawn lives must see each of them, and soon.

Each row is a change of one function, the lives that are drawn to see it, and a word of what is then told. Two breaks
need some luck (one life in fifty, one in 160) and begin near a life that has it: `make stories` has 500 a minute.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from msgspec.structs import replace

from stead.controllers.kubelet import reconcile as kubelet
from stead.controllers.statefulset import claims, condemned, replicas, revisions, status, update
from stead.controllers.statefulset.observed import Observed
from stead.controllers.statefulset.steps import GO_ON
from stead.engine.rests import Rests
from stead.engine.rounds import Engine
from stead.machinery import meta
from stead.machinery.plan import NOTHING, Delete
from stead.simulation.drawing import draw
from stead.simulation.schedules import Schedule
from stead.simulation.stories import live

MOST = 60  # drawn lives of a row


@dataclass(frozen=True)
class Break:
    """What is put in the place of `name` in `where`, made of what stood there; `sees` is part of what must be told."""

    where: Any
    name: str
    put: Callable[[Any], Any]
    sees: str
    among: Callable[[Schedule], bool] = lambda one: True
    also: "Break | None" = None
    first: int = 7_000


def _has(verb: str) -> Callable[[Schedule], bool]:
    return lambda one: any(step.verb == verb for step in one.steps)


def _by_force(old: Any) -> Any:
    return lambda observed, slot: Delete(observed.pod_key(slot.name), meta.uid(slot.pod), grace_seconds=0)


def _without_strays(old: Any) -> Any:
    """What a node still runs of earlier pods keeps it from nothing."""

    def observe(cache: Any, key: Any, node: str) -> Any:
        seen = old(cache, key, node)
        return seen and (replace(seen, strays=()) if seen.pod is not None else seen)

    return observe


def _and_a_claim(old: Any) -> Any:
    """Whatever goes up deletes the claims of what goes down."""

    def walk(observed: Observed, now: Any) -> Any:
        step = old(observed, now)
        going = [slot for ordinal, slot in observed.roster.at.items() if not observed.spec.wants(ordinal)]
        kept = [claim for slot in going for claim in claims.existing(observed.spec, slot.ordinal, observed.claim)]
        keys = [claims.key(observed.spec, template, 0) for template in observed.spec.claim_templates[:1]]
        deleted = tuple(Delete(keys[0]._replace(name=meta.name(claim)), meta.uid(claim)) for claim in kept)
        return replace(step, plan=replace(step.plan, actions=(*step.plan.actions, *deleted)))

    return walk


BREAKS = {
    "two bearers of a name run at once": Break(
        update, "_delete", _by_force, "two containers", also=Break(kubelet, "observe", _without_strays, "")
    ),
    "a kept claim is deleted": Break(condemned, "walk", _and_a_claim, "claim"),
    "claims that are kept get an owner": Break(
        claims, "_wanted", lambda old: lambda spec, pod: [spec.owner], "owned though the policy keeps it"
    ),
    "the partition is ignored": Break(
        update, "_low", lambda old: lambda observed: observed.spec.first, "rolled below", first=7_040
    ),
    "the order is ignored": Break(
        replicas,
        "walk",
        lambda old: lambda observed, history, now: replicas._parallel(observed, history),
        "ordered set touches",
    ),
    "what stops an ordered set is not looked for": Break(
        replicas,
        "first_trouble",
        lambda old: lambda observed, wall: observed.roster.occupied.first_gap(observed.spec.first, observed.spec.last),
        "is not available",
    ),
    "maxUnavailable is overspent": Break(
        update,
        "budget",
        lambda old: lambda observed, wall: replace(old(observed, wall), most=old(observed, wall).most + 1),
        "rolled at once",
        lambda one: one.profile == "v1_37",
    ),
    "OnDelete rolls": Break(update, "walk", lambda old: lambda o, h, now: old(_rolling(o), h, now), "OnDelete"),
    "readyReplicas counts all that is there": Break(
        status,
        "count",
        lambda old: lambda *said: replace(old(*said), ready=old(*said).replicas),
        "status.readyReplicas is",
    ),
    "updatedReplicas counts what is current": Break(
        status,
        "count",
        lambda old: lambda *said: replace(old(*said), updated=old(*said).replicas),
        "status.updatedReplicas is",
    ),
    "the update revision is not the template's": Break(
        revisions, "resolve", lambda old: lambda observed: _stuck(observed, old(observed)), "is not the template of"
    ),
    "history grows without end": Break(revisions, "_surplus", lambda old: lambda *said: iter(()), "the limit is"),
    "history that lives is deleted": Break(
        revisions, "_surplus", lambda old: lambda observed, live: _all_history(observed), "while a pod names it"
    ),
    "nobody scales down": Break(condemned, "walk", lambda old: lambda observed, now: GO_ON, "is still there"),
    "what has ended stays": Break(
        replicas,
        "_relieve",
        lambda old: lambda observed, slot: NOTHING if slot.is_terminal else old(observed, slot),
        "no calm",
        _has("fail-pod"),
    ),
    "lost claims of pending pods stay lost": Break(
        replicas, "_claims_of_pending", lambda old: lambda observed, slot: NOTHING, "no calm", first=7_150
    ),
    "from afar: a key does not rest until it sees its own writes": Break(
        Rests, "holds", lambda old: lambda self, item: False, "", lambda one: one.distant
    ),
    "from afar: two rounds of one namespace at once": Break(
        Engine, "_is_held", lambda old: lambda self, turn: False, "", lambda one: one.distant
    ),
}


def _rolling(observed: Observed) -> Observed:
    return replace(observed, spec=replace(observed.spec, strategy="RollingUpdate"))


def _stuck(observed: Observed, history: Any) -> Any:
    is_there = history.current in observed.revisions
    return replace(history, update=history.current, plan=NOTHING) if is_there else history


def _all_history(observed: Observed) -> Iterator[Delete]:
    return (Delete(revisions.key(observed, one.name), meta.uid(one.obj)) for one in observed.revisions)


@pytest.mark.parametrize("what", BREAKS)
def test_it_is_seen(what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    one = BREAKS[what]
    drawn = filter(one.among, map(draw, range(one.first, one.first + MOST)))
    for each in (one, *([one.also] if one.also else [])):
        monkeypatch.setattr(each.where, each.name, each.put(getattr(each.where, each.name)))
    told = next((broken for schedule in drawn if (broken := live(schedule).broken)), "")
    assert told and one.sees in told, told
