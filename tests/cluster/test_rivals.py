"""Who else writes a set's status: pictures of what we wrote and what came back."""

from typing import Any

import pytest

from stead.cluster.rivals import Rivals
from stead.machinery.keys import Key
from stead.machinery.plan import Done, Lost, Patch
from stead.machinery.watch import WatchEvent

WEB = Key("StatefulSet", "default", "web")


def a_set(revision: int, replicas: int, who: str = "", **more: Any) -> Any:
    managers = [{"manager": who, "subresource": "status", "time": "2027-01-15T08:00:00Z"}] if who else []
    meta = {"name": "web", "namespace": "default", "uid": "u", "managedFields": managers}
    status = {"replicas": replicas, **more}
    return {"kind": "StatefulSet", "metadata": {**meta, "resourceVersion": str(revision)}, "status": status}


def changed(old: Any, new: Any) -> WatchEvent:
    return WatchEvent("MODIFIED", WEB, new, old, int(new["metadata"]["resourceVersion"]))


def rivals_that_wrote(*written: Any, lost: bool = False) -> Rivals:
    rivals = Rivals()
    rivals.begin(10)
    for obj in written:
        outcome = Lost("no answer") if lost else Done(obj)
        rivals.did(WEB, Patch(WEB, {"status": {}}, subresource="status"), outcome)
    return rivals


@pytest.mark.parametrize(
    ("rivals", "event", "expected"),
    [
        (rivals_that_wrote(a_set(12, 1)), changed(a_set(11, 0), a_set(12, 1)), ""),
        (rivals_that_wrote(a_set(12, 1)), changed(a_set(11, 0), a_set(14, 1)), ""),  # and a label since
        (rivals_that_wrote(), changed(a_set(11, 1), a_set(12, 1)), ""),
        (rivals_that_wrote(), changed(a_set(11, 0), a_set(12, 1)), "another controller"),
        (rivals_that_wrote(), changed(a_set(11, 0), a_set(12, 1, "kcm")), "kcm"),
        (rivals_that_wrote(), changed(a_set(8, 0), a_set(9, 1, "kcm")), ""),  # before we took office
        (rivals_that_wrote(), changed(a_set(11, 1), a_set(12, 1, "kcm", conditions=[1])), ""),
        (rivals_that_wrote(a_set(0, 0), lost=True), changed(a_set(11, 0), a_set(12, 1)), ""),
    ],
)
def test_what_is_of_our_making(rivals: Rivals, event: WatchEvent, expected: str) -> None:
    assert rivals.see(event) == expected
    assert list(rivals.contended) == ([WEB] if expected else [])


def test_a_lost_answer_is_forgiven_once() -> None:
    rivals = rivals_that_wrote(a_set(0, 0), lost=True)
    assert rivals.see(changed(a_set(11, 0), a_set(12, 1))) == ""
    assert rivals.see(changed(a_set(12, 1), a_set(13, 2))) == "another controller"


def test_a_set_that_is_gone_is_nobodys() -> None:
    rivals = rivals_that_wrote()
    rivals.see(changed(a_set(11, 0), a_set(12, 1)))
    rivals.see(WatchEvent("DELETED", WEB, a_set(13, 1), a_set(12, 1), 13))
    assert not rivals.contended
