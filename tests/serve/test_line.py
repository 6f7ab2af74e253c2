"""Whose request is next, as pictures: who waits with how many requests, and in which order they are served."""

from dataclasses import dataclass
from typing import Any

import pytest

from stead.api.request import Request
from stead.serve.line import Line


@dataclass(eq=False)
class Client:
    name: str
    left: int
    served: float = 0.0

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
                line.add(client, Request("PUT", f"/{client.name}"))
        waiting = []
        if len(served) >= 3:
            waiting, late = late, []
            if waiting:
                continue
        if not line:
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


def test_reads_stand_in_a_line_of_their_own() -> None:
    line, client = Line(), Client("a", 1)
    line.add(client, Request("PUT", "/w"))
    assert not line.has_reads
    line.add(client, Request("GET", "/r"))
    assert line.next_read()[1].path == "/r"
    assert [request.path for _, request in line.next_writes(10)] == ["/w"]
    assert not line
