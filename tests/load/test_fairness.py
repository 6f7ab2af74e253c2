"""What one client may take from the others: never more than a slice of a loop turn, and a bounded piece of memory."""

import asyncio
import time
import tracemalloc
from pathlib import Path

import pytest

from stead.serve.limits import Limits
from tests.load import turns
from tests.serve.serving import Client, eventually, run, serving

pytestmark = pytest.mark.shell

MB = 1_000_000
GET = "GET / HTTP/1.1\r\nHost: a\r\n\r\n"


def test_a_long_answer_leaves_in_slices_between_which_others_are_served() -> None:
    async def scenario() -> None:
        async with serving() as house, house.client() as greedy, house.client() as patient:
            greedy.say(f"GET /big?size={20 * MB} HTTP/1.1\r\nHost: a\r\n\r\n")
            _, headers = await greedy.head()
            assert int(headers["content-length"]) == 20 * MB
            for _ in range(20):  # nobody reads the long answer: it waits, and nobody waits for it
                assert (await patient.ask(GET)).code == 200
            body = await asyncio.wait_for(greedy.reader.readexactly(20 * MB), 20)
            assert body == b"x" * 20 * MB
            assert (await greedy.ask(GET)).code == 200, "the connection goes on"

    run(scenario)


def test_pipelined_long_answers_come_whole_and_in_order() -> None:
    async def scenario() -> None:
        async with serving() as house, house.client() as client:
            sizes = (MB, 10, 3 * MB, 300_000, 1)
            client.say("".join(f"GET /big?size={size} HTTP/1.1\r\nHost: a\r\n\r\n" for size in sizes))
            for size in sizes:
                assert (await client.answer()).body == b"x" * size

    run(scenario)


def test_a_long_answer_that_nobody_reads_is_cut_off() -> None:
    async def scenario() -> None:
        async with serving(limits=Limits(stalled_seconds=0.2)) as house, house.client() as client:
            client.say(f"GET /big?size={50 * MB} HTTP/1.1\r\nHost: a\r\n\r\n")
            await eventually(lambda: house.server.open_connections == 1)
            await eventually(lambda: house.server.open_connections == 0)

    run(scenario)


def test_ends_in_the_middle_of_a_long_answer() -> None:
    async def scenario() -> None:
        async with serving() as house:
            async with house.client() as client:
                client.say(f"GET /big?size={50 * MB} HTTP/1.1\r\nHost: a\r\n\r\n")
                await client.head()
            await eventually(lambda: house.server.open_connections == 0)
            async with house.client() as client:
                client.say(f"HEAD /big?size={50 * MB} HTTP/1.1\r\nHost: a\r\n\r\n" + GET)
                code, _ = await client.head()
                assert (code, (await client.answer()).code) == (200, 200)

    run(scenario)


@pytest.mark.parametrize(
    ("options", "objects"),
    [(["--watchers", "45", "--deaf", "5", "--flood", "8"], 0), (["--list", "1"], 6000)],
    ids=["a flood beside fifty watchers", "a list of six thousand"],
)
def test_no_turn_of_the_loop_is_long(tmp_path: Path, options: list[str], objects: int) -> None:
    """Who asks for little waits for the turn under way and the next, whatever the others do. Processor time."""
    found, done = turns.measure(tmp_path / "data", options, objects=objects, seconds=2)
    assert done > 0
    assert found[int(len(found) * 0.99)] < 8.0, found[-10:]


def test_watchers_that_do_not_read_cost_neither_others_nor_memory() -> None:
    """Ten of a hundred are deaf; ten thousand events later each of the others has all of them."""
    events, line = 10_000, b'{"type":"ADDED","object":{"v":"' + b"x" * 500 + b'"}}\n'

    async def scenario() -> None:
        async with serving() as house:
            clients = [await _watching(house) for _ in range(30)]
            deaf, hearing = clients[:10], clients[10:]
            for client in deaf:
                client.reader._transport.pause_reading()  # type: ignore[attr-defined]
            readings = [asyncio.ensure_future(_count(client, events * len(line))) for client in hearing]
            tracemalloc.start()
            for _ in range(events // 100):
                house.echo.ticker.lines.extend([line] * 100)
                house.server.ring()
                await asyncio.sleep(0)
            await asyncio.wait_for(asyncio.gather(*readings), 20)
            grown, _ = tracemalloc.get_traced_memory()
            tracemalloc.stop()
            assert grown < 30 * MB, f"{grown / MB:.0f} MB"
            for client in clients:
                client.writer.close()

    run(scenario)


async def _watching(house) -> Client:  # type: ignore[no-untyped-def]
    """Each watcher with a place of its own in the one list of lines."""
    reader, writer = await asyncio.open_connection("127.0.0.1", house.port)
    house.echo.ticker = type(house.echo.ticker)(house.echo.ticker.lines)
    client = Client(reader, writer)
    client.say("GET /watch HTTP/1.1\r\nHost: a\r\n\r\n")
    await client.head()
    return client


async def _count(client: Client, wanted: int) -> None:
    size = 0
    while size < wanted:
        size += len(await client.chunk())


def test_a_flood_of_connections_stops_at_the_limit_and_the_first_are_still_served() -> None:
    async def scenario() -> None:
        async with serving(limits=Limits(connections=20)) as house, house.client() as first:
            assert (await first.ask(GET)).code == 200
            flood = [await asyncio.open_connection("127.0.0.1", house.port) for _ in range(60)]
            await eventually(lambda: house.server.open_connections <= 20)
            assert (await first.ask(GET)).code == 200
            for _, writer in flood:
                writer.close()
            await eventually(lambda: house.server.open_connections == 1)
            async with house.client() as late:
                assert (await late.ask(GET)).code == 200

    run(scenario)


def test_a_client_that_pipelines_without_end_waits_while_others_do_not() -> None:
    async def scenario() -> None:
        async with serving() as house, house.client() as greedy, house.client() as patient:
            greedy.say(GET * 5000)
            began = time.perf_counter()
            assert (await patient.ask(GET)).code == 200
            took = time.perf_counter() - began
            assert max(house.echo.batches) <= 2, "one connection has one request in hand"
            assert took < 2
            for _ in range(5000):
                assert (await greedy.answer()).code == 200

    run(scenario)


@pytest.mark.parametrize("piece", [b"G", b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nabc"])
def test_slow_and_half_closed_connections_end(piece: bytes) -> None:
    async def scenario() -> None:
        limits = Limits(head_seconds=0.2, body_seconds=0.2, idle_seconds=0.2, linger_seconds=0.1)
        async with serving(limits=limits) as house, house.client() as slow, house.client() as half:
            slow.say(piece)
            half.say(piece)
            half.writer.write_eof()
            await eventually(lambda: house.server.open_connections == 0)

    run(scenario)
