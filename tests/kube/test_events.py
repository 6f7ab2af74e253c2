"""Events for a real cluster: counted, combined, dammed."""

import pytest

from stead.kube.correlator import Correlator
from stead.kube.patience import Bucket, Patience
from stead.machinery.plan import Create, Emit, Patch
from stead.machinery.times import Now

SET = {"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "web", "namespace": "d", "uid": "u"}}


def told(message: str, reason: str = "FailedCreate") -> Emit:
    return Emit(SET, "Warning", reason, message)


def at(seconds: float) -> Now:
    return Now(1_800_000_000.0 + seconds, seconds)


def test_the_same_is_counted_on_the_object_it_made() -> None:
    correlator = Correlator("statefulset-controller")
    first = correlator.tell(told("a"), at(0))
    again = correlator.tell(told("a"), at(60))
    assert isinstance(first, Create) and isinstance(again, Patch)
    assert first.obj["source"] == {"component": "statefulset-controller"}
    assert again.key.name == first.obj["metadata"]["name"]
    assert again.body == {"count": 2, "lastTimestamp": "2027-01-15T08:01:00Z", "message": "a"}


def test_one_that_has_expired_is_made_anew() -> None:
    correlator = Correlator("c")
    correlator.tell(told("a"), at(0))
    again = correlator.tell(told("a"), at(1))
    assert isinstance(again, Patch)
    correlator.forget(again)
    assert isinstance(correlator.tell(told("a"), at(2)), Create)


def test_the_eleventh_message_of_one_reason_stands_for_all_that_follow() -> None:
    correlator = Correlator("c")
    writes = [correlator.tell(told(f"pod {n}"), at(n)) for n in range(13)]
    assert [type(write) for write in writes] == [Create] * 11 + [Patch] * 2
    assert writes[10].obj["message"] == "(combined from similar events): pod 10"
    assert writes[12].body["message"] == "(combined from similar events): pod 12"
    assert isinstance(correlator.tell(told("pod 1", "Other"), at(20)), Create)


def test_a_flood_about_one_object_is_dammed_and_dries_slowly() -> None:
    correlator = Correlator("c")
    writes = [correlator.tell(told("a"), at(0)) for _ in range(30)]
    assert sum(write is not None for write in writes) == 25
    assert correlator.tell(told("a"), at(299)) is None
    assert correlator.tell(told("a"), at(301)) is not None


def test_a_bucket_gives_its_burst_and_then_its_rate() -> None:
    bucket = Bucket(10, 3)
    assert [round(bucket.take(100.0), 3) for _ in range(5)] == [0, 0, 0, 0.1, 0.2]


class Least:
    def random(self) -> float:
        return 0.0


def test_patience_doubles_to_its_most_and_begins_anew_after_a_calm() -> None:
    patience = Patience(Least())  # type: ignore[arg-type]
    assert [patience.wait(mono) for mono in range(7)] == [0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 30.0]
    assert patience.wait(8.0, at_least=60.0) == 60.0
    assert patience.wait(200.0) == pytest.approx(0.8)
