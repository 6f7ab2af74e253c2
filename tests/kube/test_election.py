"""One Lease, several candidates, a clock in the hand: two never lead at once."""

from random import Random
from typing import Any

import pytest

from stead.kube.election import Election
from stead.machinery.times import Now

HOUR = 1_800_000_000.0


def at(mono: float, skew: float = 0.0) -> Now:
    return Now(HOUR + mono + skew, mono)


def candidate(name: str) -> Election:
    return Election("kube-system", "stead-controller", name)


class Registry:
    """The Lease as a server keeps it: a write against an older version is refused."""

    def __init__(self) -> None:
        self.lease: Any = None
        self.version = 0

    def bid(self, election: Election, now: Now, *, answer_after: float = 0.0) -> bool:
        return self.write(election, election.bid(self.lease, now), now)

    def write(self, election: Election, wanted: Any, now: Now) -> bool:
        if wanted is None:
            return False
        if self.lease is not None and wanted["metadata"].get("resourceVersion") != str(self.version):
            return False
        self.version += 1
        self.lease = {**wanted, "metadata": {**wanted["metadata"], "resourceVersion": str(self.version)}}
        election.won(self.lease, now.mono)
        return True


def test_the_first_takes_it_and_the_second_waits_for_its_whole_duration() -> None:
    lease, a, b = Registry(), candidate("a"), candidate("b")
    assert lease.bid(a, at(0))
    assert lease.lease["spec"] == {
        "holderIdentity": "a",
        "leaseDurationSeconds": 15,
        "acquireTime": "2027-01-15T08:00:00.000000Z",
        "leaseTransitions": 0,
        "renewTime": "2027-01-15T08:00:00.000000Z",
    }
    assert not lease.bid(b, at(1))  # b counts from here, whatever a's clock says
    assert not lease.bid(b, at(15.9))
    assert lease.bid(b, at(16.1))
    assert lease.lease["spec"]["leaseTransitions"] == 1
    assert b.leads(17) and not a.leads(17)


def test_who_cannot_renew_stops_before_another_may_begin() -> None:
    a = candidate("a")
    Registry().bid(a, at(0))
    assert a.leads(9.9)
    assert not a.leads(10.0)


def test_an_answer_counts_from_when_it_was_asked_for() -> None:
    lease, a = Registry(), candidate("a")
    wanted = a.bid(None, at(0))
    lease.write(a, wanted, at(0))  # the answer came at 8, say: the others count from no earlier than 0
    assert not a.leads(10.5)


def test_a_clock_that_is_wrong_wins_nothing() -> None:
    lease, a, b = Registry(), candidate("a"), candidate("b")
    lease.bid(a, at(0))
    assert not lease.bid(b, at(1, skew=86400.0))


def test_of_two_bids_for_a_free_lease_one_is_refused() -> None:
    lease, a, b, c = Registry(), candidate("a"), candidate("b"), candidate("c")
    lease.bid(c, at(0))
    lease.write(c, c.release(lease.lease, at(1)), at(1))
    first, second = a.bid(lease.lease, at(2)), b.bid(lease.lease, at(2))
    assert lease.write(a, first, at(2))
    assert not lease.write(b, second, at(2))
    assert not b.leads(2.1)


def test_a_lease_laid_down_is_taken_at_once() -> None:
    lease, a, b = Registry(), candidate("a"), candidate("b")
    lease.bid(a, at(0))
    lease.bid(b, at(1))
    lease.write(a, a.release(lease.lease, at(2)), at(2))
    assert not a.leads(2)
    assert lease.bid(b, at(2.1))


def test_nobody_lays_down_what_another_holds() -> None:
    lease, a, b = Registry(), candidate("a"), candidate("b")
    lease.bid(a, at(0))
    assert b.release(lease.lease, at(1)) is None


@pytest.mark.parametrize("seed", range(40))
def test_two_never_lead_at_once(seed: int) -> None:
    """Three candidates, requests that fail and are slow, answers that are lost, pauses of a whole process."""
    chance = Random(seed)
    lease, candidates = Registry(), [candidate(name) for name in "abc"]
    due = {election.identity: 0.0 for election in candidates}
    now = 0.0
    terms = 0
    for _ in range(400):
        election = min(candidates, key=lambda one: due[one.identity])
        now = max(now, due[election.identity])
        wanted = election.bid(lease.lease, at(now)) if chance.random() < 0.8 else None
        way = chance.choice((0.0, 0.1, 4.0))
        if wanted is not None and chance.random() < 0.8:
            version = wanted["metadata"].get("resourceVersion", "")
            if lease.lease is None or version == str(lease.version):
                terms += 1
                answered = chance.random() < 0.8
                lease.version += 1
                lease.lease = {**wanted, "metadata": {"resourceVersion": str(lease.version)}}
                if answered:
                    election.won(lease.lease, now)
        sleep = chance.choice((0.0, 0.0, 0.0, 12.0, 40.0))
        due[election.identity] = now + way + sleep + election.pause(chance)
        assert sum(one.leads(now) for one in candidates) <= 1
    assert terms > 20
