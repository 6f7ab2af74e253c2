"""Watchers that resume from the last revision they saw: no gap, no repeat, and nothing that others saw differently."""

import http.client
import json
from typing import Any

from tests.crashes.living import Down, Stead, Worker
from tests.crashes.writing import Writer


class Watcher(Worker):
    """Lists once, then watches for ever. `seen`: (revision, type, name, what it said)."""

    def __init__(self, stead: Stead, path: str) -> None:
        super().__init__(stead)
        self._path = path
        self.revision = 0
        self.began = 0
        self.seen: list[tuple[int, str, str, str]] = []
        self.present: dict[str, str] = {}
        self.resumed = 0

    def work(self) -> None:
        if not self.revision:
            self._list()
        try:
            path = f"{self._path}?watch=1&resourceVersion={self.revision}&allowWatchBookmarks=true&timeoutSeconds=60"
            answer = self.client.open("GET", path)
            if answer.status != 200:
                self.broken.append(f"watch from {self.revision} answered {answer.status}: {answer.read()[:300]!r}")
                raise Down("refused")
            self.resumed += 1
            for line in answer:
                self._hear(json.loads(line))
                if self.stopping.is_set():
                    break
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise Down(str(error)) from error
        finally:
            self.client.close()

    def _list(self) -> None:
        code, answer = self.client.ask("GET", self._path)
        if code != 200:
            raise Down(f"list answered {code}")
        self.revision = self.began = int(answer["metadata"]["resourceVersion"])
        self.present = {item["metadata"]["name"]: said(item) for item in answer["items"]}

    def _hear(self, event: Any) -> None:
        type_, obj = event["type"], event["object"]
        if type_ == "ERROR":
            self.broken.append(f"watch from {self.revision} was told {obj}")
            return
        revision = int(obj["metadata"]["resourceVersion"])
        if type_ == "BOOKMARK":
            self.revision = max(self.revision, revision)
            return
        if revision <= self.revision:
            self.broken.append(f"{type_} {obj['metadata']['name']} at {revision} came after {self.revision}")
        self.revision = revision
        self._fold(type_, obj["metadata"]["name"], said(obj))
        self.seen.append((revision, type_, obj["metadata"]["name"], said(obj)))

    def _fold(self, type_: str, name: str, what: str) -> None:
        is_known = name in self.present
        if (type_ == "ADDED") == is_known:
            self.broken.append(f"{type_} {name} at {self.revision}, which was {'' if is_known else 'not '}there")
        if type_ == "DELETED":
            self.present.pop(name, None)
        else:
            self.present[name] = what


def said(obj: Any) -> str:
    """What tells one state of an object from another."""
    return str(obj.get("data", {}).get("v") or obj["metadata"]["uid"])


def check_watchers(stead: Stead, watchers: list[Watcher], writers: list[Writer]) -> list[str]:
    """Against each other, against what was acknowledged, and against what is there."""
    broken: list[str] = []
    told: dict[tuple[int, str], str] = {}
    for watcher in watchers:
        for revision, type_, name, what in watcher.seen:
            before = told.setdefault((revision, name), f"{type_} {what}")
            if before != f"{type_} {what}":
                broken.append(f"revision {revision} was {before} for one watcher and {type_} {what} for another")
        broken += _against_list(stead, watcher)
        if watcher._path.endswith("/configmaps"):
            broken += _against_writers(watcher, writers)
    return broken


def _against_list(stead: Stead, watcher: Watcher) -> list[str]:
    _, found = stead.client.ask("GET", watcher._path)
    there = {item["metadata"]["name"]: said(item) for item in found["items"]}
    return [] if there == watcher.present else [f"{watcher._path}: watched {watcher.present}, listed {there}"]


def _against_writers(watcher: Watcher, writers: list[Writer]) -> list[str]:
    seen = {revision: (name, what) for revision, _, name, what in watcher.seen}
    broken = []
    for writer in writers:
        for write in writer.acknowledged:
            if write.value is None or write.revision <= watcher.began:
                continue
            if seen.get(write.revision) != (write.name, str(write.value)):
                broken.append(f"{write} was acknowledged and not watched ({seen.get(write.revision)})")
    return broken
