"""Whose request is next, as pictures: who waits with how many requests, and in which order they are served."""

from dataclasses import dataclass
from typing import Any

import pytest

from stead.api.request import Request
from stead.serve.line import AHEAD_SECONDS, Line


@dataclass(eq=False)
class Client:
    name: str
    left: int
    served: float = 0.0
    has_more: bool = True

    def go_on(self) -> None:
        raise AssertionError("the line says who goes on, and leaves it to others")

    def answer(self, outcome: Any) -> None:
        raise AssertionError("the line answers nobody")


def order(clients: str, *, arrives: str = "", costs: str = "") -> str:
    """`a3 b1`: clients with so many requests, one in hand each. `arrives`: who comes, when three have been served;
    `costs`: whose requests take ten times as long. Answers who was served, in order.
    """
    line, served = Line(), ""
    waiting = [Client(word[0], int(word[1:])) for word in clients.split()]
    late = [Client(word[0], int(word[1:])) for word in arrives.split()]
    while True:
        for client in waiting:
            if client.left:
                client.left -= 1
                line.add_write(client, Request("PUT", f"/{client.name}"))
        waiting = []
        if len(served) >= 3:
            waiting, late = late, []
            if waiting:
                continue
        if not line.has_writes:
            return served
        ((who, request),) = line.next_writes(1)
        served += request.path[1:]
        line.charge(who, 10.0 if request.path[1:] in costs else 1.0)
        waiting = [who]  # type: ignore[list-item]


@pytest.mark.parametrize(
    ("clients", "words", "expected"),
    [
        ("a3", {}, "aaa"),
        ("a3 b3", {}, "ababab"),
        ("a4 b1", {}, "abaaa"),
        ("a9", {"arrives": "q1"}, "aaaqaaaaaa"),  # who comes late does not wait for the nine
        ("a3 b3 c3 d3", {"arrives": "q2"}, "abcdqabcdqabcd"),
        ("a9 b9", {"costs": "a"}, "abbbbbbbbbaaaaaaaa"),  # dear requests count for what they are
    ],
)
def test_each_has_its_share(clients: str, words: dict[str, str], expected: str) -> None:
    assert order(clients, **words) == expected


def test_who_comes_passes_nobody_who_has_had_less() -> None:
    line, greedy, patient, late = Line(), Client("greedy", 1), Client("patient", 1), Client("late", 1)
    assert line.passes(greedy)
    line.charge(greedy, 5.0)
    assert line.passes(patient)
    line.add(greedy)
    assert line.passes(late), "greedy has had five seconds"
    line.charge(late, 7.0)
    assert not line.passes(late)
    assert line.next() is greedy
    assert line.passes(late), "nobody stands there"


def test_who_asks_for_one_thing_at_a_time_stands_before_who_asks_for_many() -> None:
    line, many, one = Line(), Client("many", 1), Client("one", 1, has_more=False)
    line.charge(one, AHEAD_SECONDS / 2)
    for client in (many, one):
        line.charge(client, 1.0)
        line.add_write(client, Request("PUT", f"/{client.name}"))
    assert [request.path for _, request in line.next_writes(2)] == ["/one", "/many"]


def test_writes_stand_in_a_line_of_their_own() -> None:
    line, client = Line(), Client("a", 1)
    line.add_write(client, Request("PUT", "/w"))
    assert not line.has_comers
    line.add(client)
    assert line.next() is client
    assert [request.path for _, request in line.next_writes(10)] == ["/w"]
    assert not line.has_writes
