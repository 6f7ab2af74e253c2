"""Sockets in, requests out, and back; the client's bytes are written by hand."""

import asyncio
import gc
from dataclasses import dataclass

import pytest
from serving import Ticker, eventually, run, serving

from stead.serve.connection import Connection
from stead.serve.limits import Limits

pytestmark = pytest.mark.shell


def test_a_connection_serves_one_request_after_the_other():
    async def scenario():
        async with serving() as house, house.client() as client:
            first = await client.ask("GET /a%20b?x=1&x=2&empty=&plus=a+b HTTP/1.1\r\nHost: h\r\n\r\n")
            second = await client.ask("POST /c HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc")
            assert first.json["path"] == "/a%20b"
            assert first.json["query"] == [["x", "1"], ["x", "2"], ["empty", ""], ["plus", "a b"]]
            assert first.headers["content-type"] == "application/json"
            assert second.json["body"] == "abc"

    run(scenario)


def test_nothing_is_left_of_a_visitor_who_has_gone():
    """Not even for Python's search for rubbish, which is rare: a soak grew by five megabytes a minute."""

    def alive() -> int:
        return sum(isinstance(found, Connection) for found in gc.get_objects())

    async def scenario():
        async with serving() as house:
            for _ in range(3):
                async with house.client() as client:
                    await client.ask("PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc")
            await eventually(lambda: alive() == 0)

    gc.collect()
    gc.disable()
    try:
        run(scenario)
    finally:
        gc.enable()


def test_pipelined_requests_are_answered_in_order():
    async def scenario():
        async with serving() as house, house.client() as client:
            client.say("".join(f"GET /{i} HTTP/1.1\r\nHost: h\r\n\r\n" for i in range(50)))
            assert [(await client.answer()).json["path"] for _ in range(50)] == [f"/{i}" for i in range(50)]

    run(scenario)


def test_writes_that_arrive_together_are_one_batch():
    async def scenario():
        async with serving() as house:
            doors = [house.client() for _ in range(16)]
            clients = [await door.__aenter__() for door in doors]
            await eventually(lambda: house.server.open_connections == 16)
            for client in clients:
                client.say("PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n")
            for client in clients:
                assert (await client.answer()).code == 200
            assert max(house.echo.batches) > 1
            assert sum(house.echo.batches) == 16
            for door in doors:
                await door.__aexit__(None, None, None)

    run(scenario)


@dataclass
class Paper:
    """A disk that keeps when it is told."""

    revision: int = 7
    kept: int = 5
    is_busy: bool = False


def test_answers_leave_when_what_they_rest_on_is_on_the_disk():
    async def scenario():
        async with serving(disk=Paper()) as house, house.client() as late, house.client() as early:
            late.say("PUT /written HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n")
            await eventually(lambda: house.echo.batches == [1])
            answer = await early.ask("GET /?rests_on=5 HTTP/1.1\r\nHost: h\r\n\r\n")
            assert answer.code == 200, "what it tells of is there already"
            assert not late.reader._buffer
            house.disk.kept = 7
            house.server.kept()
            assert (await late.answer()).json["path"] == "/written"

    run(scenario)


def test_writes_wait_while_the_file_is_busy_and_reads_do_not():
    async def scenario():
        async with serving(disk=Paper(kept=7, is_busy=True)) as house, house.client() as late, house.client() as early:
            late.say("PUT /written HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n")
            assert (await early.ask("GET /read HTTP/1.1\r\nHost: h\r\n\r\n")).json["path"] == "/read"
            assert house.echo.batches == [1]
            house.disk.is_busy = False
            house.server.kept()
            assert (await late.answer()).json["path"] == "/written"

    run(scenario)


def test_who_waits_for_a_disk_that_has_failed_is_told():
    async def scenario():
        async with serving(disk=Paper()) as house, house.client() as client:
            client.say("PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n")
            await eventually(lambda: house.echo.batches == [1])
            house.server.lost("the disk has failed")
            answer = await client.answer()
            assert (answer.code, answer.json["reason"], answer.json["message"]) == (
                504,
                "Timeout",
                "the disk has failed",
            )

    run(scenario)


def test_a_chunked_body_is_whole():
    async def scenario():
        async with serving() as house, house.client() as client:
            client.say("PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")
            client.say("2\r\nde\r\n0\r\n\r\n")
            assert (await client.answer()).json["body"] == "abcde"

    run(scenario)


def test_head_has_the_length_and_no_body():
    async def scenario():
        async with serving() as house, house.client() as client:
            client.say("HEAD /big?size=100 HTTP/1.1\r\nHost: h\r\n\r\n")
            answer = await client.answer(has_body=False)
            assert answer.headers["content-length"] == "100"
            assert (await client.ask("GET / HTTP/1.1\r\nHost: h\r\n\r\n")).code == 200

    run(scenario)


@pytest.mark.parametrize(
    "request_text, closes",
    [
        ("GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", True),
        ("GET / HTTP/1.0\r\n\r\n", True),
        ("GET / HTTP/1.1\r\nHost: h\r\n\r\n", False),
    ],
)
def test_keep_alive(request_text, closes):
    async def scenario():
        async with serving() as house, house.client() as client:
            answer = await client.ask(request_text)
            assert (answer.headers.get("connection") == "close") is closes
            if closes:
                assert await client.is_closed()

    run(scenario)


def test_expect_continue_is_answered_before_the_body():
    async def scenario():
        async with serving() as house, house.client() as client:
            client.say("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n")
            assert (await client.head())[0] == 100
            client.say("ok")
            assert (await client.answer()).json["body"] == "ok"

    run(scenario)


def test_a_warning_cannot_become_a_header():
    async def scenario():
        async with serving() as house, house.client() as client:
            answer = await client.ask("GET /warn HTTP/1.1\r\nHost: h\r\n\r\n")
            assert answer.headers["warning"] == '299 - "say \\"no\\"  Evil: 1"'
            assert "evil" not in answer.headers

    run(scenario)


@pytest.mark.parametrize(
    "bytes_sent, code",
    [
        (b"\x16\x03\x01garbage\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
        (b"GET /%ff HTTP/1.1\r\nHost: h\r\n\r\n", 400),
        (b"GET /?a=%ff HTTP/1.1\r\nHost: h\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: h\r\nX: " + b"a" * 100_000, 431),
        (b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3145729\r\n\r\n", 413),
        (b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 99999999\r\nExpect: 100-continue\r\n\r\n", 413),
        (b"GET /boom HTTP/1.1\r\nHost: h\r\n\r\n", 500),
    ],
    ids=["not http", "two lengths", "length and chunks", "path", "query", "headers", "too large", "expect", "ours"],
)
def test_bad_requests_get_a_status(bytes_sent, code):
    async def scenario():
        async with serving() as house, house.client() as client:
            answer = await client.ask(bytes_sent)
            assert (answer.code, answer.json["kind"], answer.json["code"]) == (code, "Status", code)
            assert answer.headers["content-type"] == "application/json"

    run(scenario)


def test_a_body_too_large_is_refused_while_it_is_still_being_sent():
    async def scenario():
        async with serving(limits=Limits(body_bytes=100_000)) as house, house.client() as client:
            client.say("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n")
            for _ in range(200):
                client.say(b"3e8\r\n" + b"x" * 1000 + b"\r\n")
            answer = await client.answer()
            assert answer.json["message"] == "Request entity too large: limit is 100000"
            assert await client.is_closed()

    run(scenario)


def test_slow_requests_are_cut_and_others_served():
    async def scenario():
        limits = Limits(head_seconds=0.2, body_seconds=0.2)
        async with (
            serving(limits=limits) as house,
            house.client() as slow,
            house.client() as stuck,
            house.client() as mute,
        ):
            slow.say("GET / HTTP/1.1\r\nHos")
            stuck.say("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nabc")
            async with house.client() as quick:
                assert (await quick.ask("GET / HTTP/1.1\r\nHost: h\r\n\r\n")).code == 200
            assert (await slow.answer()).code == 408
            assert (await stuck.answer()).code == 408
            assert await mute.is_closed()
            await eventually(lambda: house.server.open_connections == 0)

    run(scenario)


def test_a_half_closed_client_still_gets_its_answers():
    async def scenario():
        async with serving() as house, house.client() as client:
            client.say("GET /1 HTTP/1.1\r\nHost: h\r\n\r\nGET /2 HTTP/1.1\r\nHost: h\r\n\r\n")
            client.writer.write_eof()
            assert [(await client.answer()).json["path"] for _ in range(2)] == ["/1", "/2"]
            assert await client.is_closed()

    run(scenario)


def test_a_client_that_does_not_read_is_cut():
    async def scenario():
        async with (
            serving(limits=Limits(stalled_seconds=0.3, idle_seconds=0.3)) as house,
            house.client(limit=1024) as client,
        ):
            client.say("GET /big?size=50000000 HTTP/1.1\r\nHost: h\r\n\r\n")
            await eventually(lambda: house.server.open_connections == 1)
            await eventually(lambda: house.server.open_connections == 0)

    run(scenario)


def test_a_watch_streams_frames_as_they_come_and_then_the_connection_serves_on():
    async def scenario():
        async with serving() as house, house.client() as client:
            house.echo.ticker = ticker = Ticker([b"1\n", b"2\n"])
            client.say("GET /watch HTTP/1.1\r\nHost: h\r\n\r\n")
            code, headers = await client.head()
            assert (code, headers["transfer-encoding"]) == (200, "chunked")
            assert await client.chunk() == b"1\n2\n"
            ticker.lines.append(b"3\n")
            house.server.ring()
            assert await client.chunk() == b"3\n"
            ticker.lines.append(None)
            house.server.ring()
            assert await client.chunk() == b""
            assert (await client.ask("GET / HTTP/1.1\r\nHost: h\r\n\r\n")).code == 200

    run(scenario)


def test_a_watch_is_woken_for_its_bookmark():
    async def scenario():
        async with serving() as house, house.client() as client:
            house.echo.ticker = Ticker([], wake=asyncio.get_running_loop().time() + 0.1)
            client.say("GET /watch HTTP/1.1\r\nHost: h\r\n\r\n")
            await client.head()
            assert await client.chunk() == b'{"type":"BOOKMARK"}\n'

    run(scenario)


def test_a_watch_that_is_not_read_is_not_pulled_and_loses_nothing():
    async def scenario():
        async with serving() as house, house.client(limit=1024) as client:
            house.echo.ticker = ticker = Ticker([b"%08d" % i + b"x" * 9991 + b"\n" for i in range(3000)])
            client.say("GET /watch HTTP/1.1\r\nHost: h\r\n\r\n")
            await client.head()
            await asyncio.sleep(0.2)
            assert 0 < ticker.at < 2000
            whole = b""
            while len(whole) < 30_000_000:
                whole += await client.chunk()
            assert [int(line[:8]) for line in whole.splitlines()] == list(range(3000))

    run(scenario)


def test_a_closed_watch_is_forgotten():
    async def scenario():
        async with serving() as house:
            async with house.client() as client:
                client.say("GET /watch HTTP/1.1\r\nHost: h\r\n\r\n")
                await client.head()
                assert len(house.server.watches) == 1
            await eventually(lambda: len(house.server.watches) == 0)

    run(scenario)


def test_closing_ends_watches_regularly():
    async def scenario():
        async with serving() as house, house.client() as client:
            client.say("GET /watch HTTP/1.1\r\nHost: h\r\n\r\n")
            await client.head()
            await house.server.close(1.0)
            assert await client.chunk() == b""
            assert await client.is_closed()

    run(scenario)


def test_more_connections_than_allowed_are_closed_at_once():
    async def scenario():
        async with serving(limits=Limits(connections=2)) as house, house.client() as one, house.client():
            await eventually(lambda: house.server.open_connections == 2)
            async with house.client() as third:
                assert await third.is_closed()
            assert (await one.ask("GET / HTTP/1.1\r\nHost: h\r\n\r\n")).code == 200

    run(scenario)
