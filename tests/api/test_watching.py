"""Watches: where they start, what selectors make of a change, how they end (3.5 in wire.md)."""

import itertools
from pathlib import Path

import pytest
from asking import CONFIG_MAPS, MERGE, TABLE, Client, config_map, obj
from hypothesis import given
from hypothesis import strategies as st

from stead.api.watching import SHARED, SHARED_BYTES
from stead.store.log import Store


def label(client: Client, name: str, value: str | None) -> None:
    client.ask("PATCH", f"{CONFIG_MAPS}/{name}", {"metadata": {"labels": {"app": value}}}, MERGE)


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("", ["ADDED a", "ADDED b"]),
        ("&resourceVersion=0", ["ADDED a", "ADDED b"]),
        ("&resourceVersion={after a}", ["ADDED b"]),
        ("&resourceVersion=999", []),
        ("&sendInitialEvents=true&resourceVersionMatch=NotOlderThan", ["ADDED a", "ADDED b"]),
        ("&sendInitialEvents=false&resourceVersionMatch=NotOlderThan", []),
    ],
)
def test_where_a_watch_starts(client: Client, query: str, words: list[str]) -> None:
    first = client.create(config_map("a"))["metadata"]["resourceVersion"]
    client.create(config_map("b"))
    assert client.watch(f"{CONFIG_MAPS}?watch=1{query.replace('{after a}', first)}").words() == words


def test_initial_events_end_in_a_bookmark_of_the_kind(client: Client) -> None:
    client.create(config_map("a"))
    query = "?watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true"
    *_, mark = client.watch(CONFIG_MAPS + query).events()
    assert (mark["type"], mark["object"]["kind"], mark["object"]["apiVersion"]) == ("BOOKMARK", "ConfigMap", "v1")
    assert mark["object"]["metadata"]["annotations"] == {"k8s.io/initial-events-end": "true"}
    assert mark["object"]["metadata"]["resourceVersion"] == str(client.store.revision)


def test_a_watch_tells_what_is_on_the_disk_and_the_rest_later(tmp_path: Path) -> None:
    """A power cut may undo what is not; a watcher who had seen it would resume from a revision that is given again."""
    client = Client(Store(str(tmp_path / "store.db"), syncs="later"))
    client.create(config_map("a"))
    client.store.disk.keep(client.store.disk.flush())
    client.create(config_map("b"))
    label(client, "a", "x")
    watches = [client.watch(f"{CONFIG_MAPS}?watch=1{query}") for query in ("", f"&resourceVersion={client.store.kept}")]
    assert [watch.words() for watch in watches] == [["ADDED a"], []]
    client.store.disk.keep(client.store.disk.flush())
    assert [watch.words() for watch in watches] == [["ADDED b", "MODIFIED a"]] * 2
    client.store.close()


WRITES = {"one": (1, 1), "large": (1, SHARED_BYTES), "many": (SHARED + 1, 1)}  # how many, and of which size
READERS = {"first": [0], "second": [1], "all": [0, 1, 2]}


@given(st.lists(st.sampled_from(["one", "elsewhere", *WRITES, *READERS]), max_size=12))
def test_watchers_share_what_they_hear_and_hear_it_as_if_alone(steps: list[str]) -> None:
    client, number, told = Client(), itertools.count(), [[], [], []]  # type: ignore[var-annotated]
    client.create(obj("v1", "Namespace", "elsewhere", namespace=""))
    query = f"?watch=1&resourceVersion={client.store.revision}"
    watches = [client.watch(f"{CONFIG_MAPS}{query}") for _ in told]
    everywhere = client.watch(f"/api/v1/configmaps{query}")
    for step in [*steps, "all"]:
        if step == "elsewhere":
            client.create(obj("v1", "ConfigMap", f"c{next(number)}", namespace="elsewhere"))
        times, size = WRITES.get(step, (0, 0))
        for _ in range(times):
            client.create({**config_map(f"c{next(number)}"), "data": {"k": "x" * size}})
        for place in READERS.get(step, ()):
            told[place] += watches[place].words()
    alone = f"{query}&labelSelector=never!%3Dthere"  # who has a selector shares with nobody
    assert told == [client.watch(f"{CONFIG_MAPS}{alone}").words()] * 3
    assert everywhere.words() == client.watch(f"/api/v1/configmaps{alone}").words()


def test_a_selector_sees_coming_and_going(client: Client) -> None:
    client.create(config_map("a", {"app": "x"}))
    watch = client.watch(f"{CONFIG_MAPS}?watch=1&labelSelector=app%3Dx&resourceVersion={client.store.revision}")
    for value in ("x2", "x", None, "x"):
        label(client, "a", value)
    client.ask("PATCH", f"{CONFIG_MAPS}/a", {"data": {"k": "v"}}, MERGE)
    client.ask("DELETE", f"{CONFIG_MAPS}/a")
    assert watch.words() == ["DELETED a", "ADDED a", "DELETED a", "ADDED a", "MODIFIED a", "DELETED a"]


def test_what_left_the_selection_is_told_as_it_was_with_the_new_revision(client: Client) -> None:
    client.create(config_map("a", {"app": "x"}))
    watch = client.watch(f"{CONFIG_MAPS}?watch=1&labelSelector=app%3Dx&resourceVersion={client.store.revision}")
    label(client, "a", "y")
    (gone,) = watch.events()
    assert gone["object"]["metadata"]["labels"] == {"app": "x"}
    assert gone["object"]["metadata"]["resourceVersion"] == str(client.store.revision)


def test_other_kinds_and_namespaces_are_not_seen(client: Client) -> None:
    client.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "n"}})
    watch = client.watch(f"{CONFIG_MAPS}?watch=1&resourceVersion={client.store.revision}")
    client.create({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "namespace": "n"}})
    client.create({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s", "namespace": "default"}})
    assert watch.words() == []


def test_bookmarks_come_every_minute_and_shortly_before_the_end(client: Client) -> None:
    watch = client.watch(f"{CONFIG_MAPS}?watch=1&allowWatchBookmarks=true&timeoutSeconds=100")
    heard = []
    while not watch.stream.is_done:
        wake = watch.stream.next_wake()
        client.wall = max(client.wall, wake)
        heard += [(round(client.wall - 1_790_000_000), event["type"]) for event in watch.events()]
    assert heard == [(60, "BOOKMARK"), (98, "BOOKMARK")]


def test_a_forgotten_revision_is_told_in_the_stream(client: Client) -> None:
    for name in "abc":
        client.create(config_map(name))
    client.store.forget(client.store.revision - 1)
    watch = client.watch(f"{CONFIG_MAPS}?watch=1&resourceVersion=1")
    (event,) = watch.events()
    assert (event["type"], event["object"]["code"], event["object"]["reason"]) == ("ERROR", 410, "Expired")
    assert watch.stream.is_done


def test_rows_of_a_table(client: Client) -> None:
    client.create(config_map("a", k="v"))
    (event,) = client.watch(f"{CONFIG_MAPS}?watch=1", TABLE).events()
    assert (event["type"], event["object"]["kind"]) == ("ADDED", "Table")
    assert event["object"]["rows"][0]["cells"][:2] == ["a", 1]


@pytest.mark.parametrize("path", [f"{CONFIG_MAPS}/a?watch=1", "/api/v1/watch/namespaces/default/configmaps/a"])
def test_one_object_can_be_watched(client: Client, path: str) -> None:
    client.create(config_map("a"))
    client.create(config_map("b"))
    assert client.watch(path).words() == ["ADDED a"]
