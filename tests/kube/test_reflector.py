"""A kind of a cluster, seen from afar: the first look, changes, and what is lost on the way."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from random import Random

import pytest
import uvloop

from stead.kinds.registry import BUILT_IN
from stead.kube.reflector import Reflector, Scope
from stead.machinery.errors import BadRequest, Expired, Forbidden, TooManyRequests
from stead.machinery.keys import Key
from stead.machinery.watch import WatchEvent
from tests.kube.apiserver import ApiServer, a_config_map, now, refusal, serving, until

pytestmark = [pytest.mark.shell, pytest.mark.anyone]


class Heard:
    def __init__(self) -> None:
        self.events: list[WatchEvent] = []
        self.revision = 0

    def __call__(self, events: list[WatchEvent], revision: int) -> None:
        self.events += events
        self.revision = revision

    def words(self) -> list[str]:
        return [f"{event.type} {event.key.name}" for event in self.events]


@asynccontextmanager
async def watching(server: ApiServer, *, is_optional: bool = False) -> AsyncIterator[tuple[Reflector, Heard]]:
    heard = Heard()
    kind, scope = BUILT_IN.by_id("ConfigMap"), Scope("default")
    transport = server.transport()
    made = Reflector(transport, kind, scope, heard, chance=Random(1), clock=now, is_optional=is_optional)
    task = asyncio.create_task(made.run())
    yield made, heard
    task.cancel()
    transport.close()


def test_the_first_look_is_one_watch_and_changes_follow() -> None:
    async def story() -> None:
        async with serving() as server:
            server.create(a_config_map("a"))
            async with watching(server) as (made, heard):
                await until(lambda: made.is_synced)
                server.create(a_config_map("b"))
                await until(lambda: len(heard.events) == 2)
                server.cluster.api.delete(Key("ConfigMap", "default", "a"), now())
                server.server.ring()
                await until(lambda: len(heard.events) == 3)
            assert heard.words() == ["ADDED a", "ADDED b", "DELETED a"]
            assert heard.events[0].obj["kind"] == "ConfigMap"
            assert heard.revision == server.cluster.store.revision
            assert [asked.split("?")[0] for asked in server.asked] == ["GET /api/v1/namespaces/default/configmaps"]

    uvloop.run(story())


def test_a_server_without_such_a_watch_is_listed_in_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stead.kube.reflector.PAGE", 2)

    async def story() -> None:
        async with serving() as server:
            server.create(*(a_config_map(f"c{at}") for at in range(5)))
            server.refuse = lambda asked: refusal(BadRequest("no")) if asked.parameter("sendInitialEvents") else None
            async with watching(server) as (made, heard):
                await until(lambda: made.is_synced)
                server.create(a_config_map("later"))
                await until(lambda: len(heard.events) == 6)
            assert heard.words() == [*(f"ADDED c{at}" for at in range(5)), "ADDED later"]
            assert sum("limit=2" in asked for asked in server.asked) == 3

    uvloop.run(story())


def test_a_first_look_that_never_ends_is_made_a_list(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that does not know what `sendInitialEvents` means never says that they are over."""
    monkeypatch.setattr("stead.kube.reflector.FIRST_SECONDS", 0.3)

    async def story() -> None:
        async with serving() as server:
            server.create(a_config_map("a"))
            server.blind_to = "sendInitialEvents"
            async with watching(server) as (made, heard):
                await until(lambda: made.is_synced)
                await asyncio.sleep(0.6)
                assert not made.trouble
            assert heard.words() == ["ADDED a"]
            assert sum("limit=500" in asked for asked in server.asked) == 1

    uvloop.run(story())


def test_after_the_first_look_silence_is_no_trouble(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stead.kube.reflector.FIRST_SECONDS", 0.3)

    async def story() -> None:
        async with serving() as server, watching(server) as (made, _):
            await until(lambda: made.is_synced)
            await asyncio.sleep(0.6)
            assert not made.trouble
            assert len(server.asked) == 1

    uvloop.run(story())


def test_what_is_forgotten_is_looked_at_anew_and_deletions_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """410: what went meanwhile is told as gone, what changed as changed, and what stayed is not told."""
    monkeypatch.setattr("stead.kube.patience.FIRST_SECONDS", 0.01)
    monkeypatch.setattr("stead.kube.reflector.WATCH_SECONDS", 1)

    async def story() -> None:
        async with serving() as server:
            server.create(a_config_map("gone"), a_config_map("stays"), a_config_map("changes"))
            async with watching(server) as (made, heard):
                await until(lambda: made.is_synced)
                server.refuse = lambda asked: refusal(Expired("too old")) if _goes_on(asked) else _waits(asked)
                server.server.watches.end_all()
                await until(lambda: made.trouble)
                server.cluster.api.delete(Key("ConfigMap", "default", "gone"), now())
                server.cluster.api.merge_patch(Key("ConfigMap", "default", "changes"), {"data": {"a": "b"}}, now())
                server.refuse = lambda asked: refusal(Expired("too old")) if _goes_on(asked) else None
                await until(lambda: len(heard.events) == 5)
                assert made.relists >= 1
            assert sorted(heard.words()[3:]) == ["DELETED gone", "MODIFIED changes"]
            assert heard.events[3].old is not None

    def _goes_on(asked) -> bool:
        return asked.parameter("watch") == "true" and asked.parameter("resourceVersion") != ""

    def _waits(asked):
        return refusal(TooManyRequests("later", retry_after_seconds=1), ("Retry-After", "1"))

    uvloop.run(story())


def test_an_optional_kind_that_may_not_be_seen_holds_nobody_up() -> None:
    async def story() -> None:
        async with serving() as server:
            server.refuse = lambda asked: refusal(Forbidden("not for you"))
            async with watching(server, is_optional=True) as (made, _):
                await until(lambda: made.is_synced)
                assert made.is_blind
            async with watching(server) as (made, _):
                await until(lambda: made.trouble)
                assert not made.is_synced
                assert made.trouble == "not for you"

    uvloop.run(story())


def test_a_server_that_is_away_is_told_and_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    async def story() -> None:
        async with serving() as server:
            port, server.port = server.port, 1
            async with watching(server) as (made, _):
                await until(lambda: made.trouble)
                assert made.trouble == "127.0.0.1:1: Connection refused"
            server.port = port

    uvloop.run(story())
