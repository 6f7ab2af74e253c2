"""Writers that remember what was acknowledged: every such write must be there after any crash, and in its order."""

import random
from dataclasses import dataclass
from typing import Any

from tests.crashes.living import Down, Stead, Worker

PLACE = "/api/v1/namespaces/default/configmaps"
NAMES_A_WRITER = 4
MERGE = "application/merge-patch+json"


@dataclass(frozen=True)
class Acknowledged:
    """A write that was answered with success: value None is a deletion."""

    name: str
    value: int | None
    revision: int


class Writer(Worker):
    """Owns a few objects, numbers its writes, and asks after a crash what became of the one in flight."""

    def __init__(self, stead: Stead, number: int, seed: int) -> None:
        super().__init__(stead)
        self._chance = random.Random(seed)
        self._now: dict[str, int | None] = {f"w{number}-{i}": None for i in range(NAMES_A_WRITER)}
        self._doubt: tuple[str, int | None] | None = None
        self._count = 0
        self._newest = 0
        self.refused = 0
        self.acknowledged: list[Acknowledged] = []

    @property
    def present(self) -> dict[str, int]:
        """What must be there now."""
        return {name: value for name, value in self._now.items() if value is not None}

    def work(self) -> None:
        if self._doubt is not None:
            self._resolve(*self._doubt)
        name = self._chance.choice(list(self._now))
        self._count += 1
        is_going = self._now[name] is not None and self._chance.random() < 0.2
        self._write(name, None if is_going else self._count)
        self.stopping.wait(self._chance.random() * 0.01)

    def settle(self) -> None:
        """Once it runs again and nobody kills it: what became of the last write."""
        if self._doubt is not None:
            self._resolve(*self._doubt)

    def _write(self, name: str, value: int | None) -> None:
        self._doubt = (name, value)
        method, path, body, media = _request(name, self._now[name], value)
        code, answer = self.client.ask(method, path, body, media)
        if code == 503 and "full" in str(answer):
            self._doubt = None  # and nothing has happened: what is there is compared in the end
            self.refused += 1
            self.stopping.wait(0.02)
            return
        if code not in (200, 201):
            self.broken.append(f"{method} {path} answered {code}: {answer}")
            return
        self._now[name] = value
        self._doubt = None
        self._acknowledge(name, value, answer)

    def _acknowledge(self, name: str, value: int | None, answer: Any) -> None:
        if answer.get("kind") == "Status":
            return  # a deletion's Status has no revision
        revision = int(answer["metadata"]["resourceVersion"])
        if revision <= self._newest:
            self.broken.append(f"{name}={value} was acknowledged at {revision}, after {self._newest}")
        self._newest = revision
        self.acknowledged.append(Acknowledged(name, value, revision))

    def _resolve(self, name: str, value: int | None) -> None:
        """A write without an answer happened whole or not at all; nothing else may have happened."""
        code, answer = self.client.ask("GET", f"{PLACE}/{name}")
        found = None if code == 404 else int(answer["data"]["v"])
        if found not in (self._now[name], value):
            self.broken.append(f"{name} was {self._now[name]}, {value} was in flight, and {found} is there")
        self._now[name] = found
        self._doubt = None


def _request(name: str, old: int | None, value: int | None) -> tuple[str, str, Any, str]:
    body = {"metadata": {"name": name}, "data": {"v": str(value)}}
    if value is None:
        return "DELETE", f"{PLACE}/{name}", None, "application/json"
    if old is None:
        return "POST", PLACE, body, "application/json"
    return "PATCH", f"{PLACE}/{name}", body, MERGE


def check_present(stead: Stead, writers: list[Writer]) -> list[str]:
    """What is there against what must be; asked when nobody writes."""
    for writer in writers:
        try:
            writer.settle()
        except Down as error:
            return [f"a writer cannot ask: {error}"]
    _, found = stead.client.ask("GET", PLACE)
    there = {
        item["metadata"]["name"]: int(item["data"]["v"])
        for item in found["items"]
        if item["metadata"]["name"].startswith("w")
    }
    wanted = {name: value for writer in writers for name, value in writer.present.items()}
    return [] if there == wanted else [f"acknowledged {wanted}, found {there}"]
