"""A pod that somebody has seen going goes when they watch, or a moment later (kubernetes/kubernetes#135562)."""

from typing import Any, cast

import pytest

from stead.api.request import Request, Response
from stead.cluster.onlookers import Onlookers
from stead.machinery.keys import Key
from stead.machinery.plan import AnyController, Delete, Patch
from stead.machinery.times import Now

POD = Key("Pod", "default", "web-0")
PODS = "/api/v1/namespaces/default/pods"
LOOK = f"GET {PODS}/web-0"
KUBELET = cast(AnyController, None)


class Scene:
    """One pod that is going, somebody who asks, and a clock."""

    def __init__(self, *, is_going: bool = True) -> None:
        self.time = 100.0
        going = {"deletionTimestamp": "2026-01-01T00:00:00Z"} if is_going else {}
        self.pod: Any = {"kind": "Pod", "metadata": {"name": "web-0", "namespace": "default", "uid": "a", **going}}
        self.onlookers = Onlookers({POD: self.pod}.get, lambda: Now(0.0, self.time))

    def ask(self, line: str) -> None:
        method, _, target = line.partition(" ")
        path, _, query = target.partition("?")
        pairs = tuple((key, value) for key, _, value in (pair.partition("=") for pair in query.split("&") if pair))
        self.onlookers.note(Request(method, path, pairs), Response(200, b""))

    def is_held(self, uid: str = "a", grace: int | None = 0) -> bool:
        return self.onlookers.refuse(KUBELET, Delete(POD, uid, grace_seconds=grace)) is not None


@pytest.mark.parametrize(
    "asked, is_held",
    [
        ([], False),
        ([LOOK], True),
        ([f"{LOOK}/log"], False),
        ([f"DELETE {PODS}/web-0"], False),
        ([f"GET {PODS}/web-1"], False),
        ([f"GET {PODS}"], False),
        ([LOOK, f"GET {PODS}?fieldSelector=metadata.name=web-0&watch=1"], False),
        ([LOOK, f"GET {PODS}?fieldSelector=metadata.namespace=default,metadata.name==web-0"], False),
        ([LOOK, "GET /api/v1/watch/namespaces/default/pods?fieldSelector=metadata.name=web-0"], False),
        ([LOOK, f"GET {PODS}?fieldSelector=metadata.name=web-1"], True),
        ([LOOK, f"GET {PODS}?fieldSelector=metadata.name!=web-0"], True),
        ([LOOK, f"GET {PODS}?watch=1"], True),
    ],
)
def test_whoever_looks_holds_it_until_they_watch(asked: list[str], is_held: bool) -> None:
    scene = Scene()
    for line in asked:
        scene.ask(line)
    assert scene.is_held() is is_held


def test_it_is_held_for_a_moment_only() -> None:
    scene = Scene()
    scene.ask(LOOK)
    scene.time += 0.6
    assert not scene.is_held()


def test_whoever_looks_again_and_again_holds_it_for_a_second_at_most() -> None:
    scene = Scene()
    held = 0
    for _ in range(20):
        scene.ask(LOOK)
        held += scene.is_held()
        scene.time += 0.1
    assert 8 <= held <= 11


def test_only_its_end_is_held_and_only_of_this_bearer_of_the_name() -> None:
    scene = Scene()
    scene.ask(LOOK)
    assert not scene.is_held(grace=30)
    assert scene.onlookers.refuse(KUBELET, Patch(POD, {})) is None
    assert not scene.is_held(uid="b")


def test_a_pod_that_stays_is_not_held() -> None:
    scene = Scene(is_going=False)
    scene.ask(LOOK)
    assert not scene.is_held()
