"""Reading requests, as values: pieces of any size, and bytes of any sort."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stead.api.request import ADMIN, Request, Response
from stead.serve import message
from stead.serve.incoming import Incoming
from stead.serve.limits import Limits


class Told:
    """Keeps what it is told."""

    def __init__(self):
        self.turns = []
        self.last_words = []
        self.heads = 0

    def identify(self, headers):
        return None if headers.get("authorization") == "bad" else ADMIN

    def expects_body(self, *, awaits_word):
        self.heads += 1

    def takes(self, turn):
        self.turns.append(turn)

    def gives_up(self, response):
        self.last_words.append(response)


def read(data, size=10_000, **limits):
    told = Told()
    incoming = Incoming(told, Limits(**limits))
    rests = [incoming.feed(data[at : at + size]) for at in range(0, len(data), size)]
    return told, b"".join(rests)


GET = b"GET /api?watch=1 HTTP/1.1\r\nHost: h\r\nX: 1\r\nX: 2\r\n\r\n"
POST = b"POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
UPGRADE = b"GET /x HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"


@given(st.integers(1, 60))
def test_requests_in_any_pieces(size):
    told, _ = read(GET + POST + GET, size)
    first, second, third = (turn.item for turn in told.turns)
    assert first == third == Request("GET", "/api", (("watch", "1"),), {"host": "h", "x": "1, 2"}, b"", ADMIN, True)
    assert (second.method, second.body) == ("POST", b"abcde")
    assert all(turn.keeps_alive for turn in told.turns)


def test_what_follows_an_upgrade_is_not_http():
    told, rest = read(UPGRADE + b"\x81\x00 raw")
    assert rest == b"\x81\x00 raw"
    assert (told.turns[0].is_upgrade, told.turns[0].keeps_alive) == (True, False)


def test_a_stranger_is_told_so_and_the_connection_serves_on():
    told, _ = read(b"POST / HTTP/1.1\r\nAuthorization: bad\r\nContent-Length: 2\r\n\r\nab" + GET)
    assert [getattr(turn.item, "code", 200) for turn in told.turns] == [401, 200]


@pytest.mark.parametrize(
    "data, code",
    [
        (b"POST / HTTP/1.1\r\nContent-Length: 11\r\n\r\n", 413),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n20\r\n" + b"x" * 32, 413),
        (b"POST / HTTP/1.1\r\nAuthorization: bad\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n", 401),
        (b"GET / HTTP/1.1\r\nX: " + b"x" * 2000, 431),
        (b"nonsense\r\n\r\n", 400),
    ],
)
@pytest.mark.parametrize("size", [1, 7, 10_000])
def test_what_ends_a_connection(data, code, size):
    told, _ = read(data, size, body_bytes=10, head_bytes=1000)
    assert [word.code for word in told.last_words] == [code]
    assert told.turns == []


@given(st.binary(max_size=300), st.integers(1, 50))
def test_any_bytes(data, size):
    told, _ = read(b"GET / HTTP/1.1\r\n" + data, size)
    assert len(told.last_words) <= 1
    assert all(isinstance(turn.item, Request | Response) for turn in told.turns)


@pytest.mark.parametrize(
    "target, path, query",
    [
        (b"/a/b?x=1&x=2&y", "/a/b", (("x", "1"), ("x", "2"), ("y", ""))),
        (b"/a%2Fb?l=a%3Db+c", "/a%2Fb", (("l", "a=b c"),)),
        (b"http://host:1/a?b=c", "/a", (("b", "c"),)),
        (b"*", "*", ()),
        (b"/?", "/", ()),
    ],
)
def test_targets(target, path, query):
    assert message.split_target(target) == (path, query)
