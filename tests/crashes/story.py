"""The story of many deaths: a load, a killer, and the promises that are checked while and after."""

import os
import random
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stead.kinds.explanation import EXPLANATION
from stead.kinds.paths import path_of
from tests.crashes import disks, rolling
from tests.crashes.disks import SteadOnDisk
from tests.crashes.living import Down, Stead, Worker
from tests.crashes.rolling import CLAIMS, PODS, SETS, VOLUMES, Roller
from tests.crashes.watching import Watcher, check_watchers
from tests.crashes.writing import PLACE, Writer, check_present

SETTLE_SECONDS = 240.0
LOOK_EVERY = 50


@dataclass
class Report:
    """What was done, and what was found broken (nothing, one hopes)."""

    kills: int = 0
    servants_killed: int = 0
    acknowledged: int = 0
    watched: int = 0
    resumed: int = 0
    filled: int = 0
    refused: int = 0
    jumps: int = 0
    deeds: int = 0
    seconds: float = 0.0
    start_median: float = 0.0
    broken: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        told = (
            f"{self.kills} kills of stead, {self.servants_killed} of keepers and shims in {self.seconds:.0f} s; "
            f"the disk full {self.filled} times ({self.refused} writes refused), the clock moved {self.jumps} times; "
            f"{self.acknowledged} acknowledged writes, {self.deeds} roll-outs, scalings and deletions, "
            f"{self.watched} events watched over {self.resumed} resumptions; start {self.start_median:.2f} s (median)"
        )
        return "\n  BROKEN ".join([told, *self.broken])


def run(
    folder: Path,
    runtime: str,
    *,
    kills: int,
    seed: int,
    seconds: float = float("inf"),
    tell: Callable[[str], None] = print,
) -> Report:
    """Kill stead `kills` times under load, or for `seconds`; answers what was found."""
    with disks.a_disk(folder) as disk:
        return _lived(SteadOnDisk(folder, runtime, disk), random.Random(seed), kills, seconds=seconds, tell=tell)


def _lived(
    stead: SteadOnDisk, chance: random.Random, kills: int, *, seconds: float, tell: Callable[[str], None]
) -> Report:
    report, began = Report(), time.monotonic()
    stead.start()
    try:
        stead.await_up()
        _set_up(stead)
        load = _Load(stead, chance)
        for number in range(1, kills + 1):
            _trouble(stead, chance, number, report)
            _die(stead, chance, report)
            _note(report, load.broken(), tell)
            if number % LOOK_EVERY == 0:
                _note(report, _look(stead), tell)
                tell(f"{number} kills after {time.monotonic() - began:.0f} s, {len(report.broken)} broken")
            if len(report.broken) > 10 or time.monotonic() - began > seconds:
                break
        stead.make_room()
        load.finish(report)
        report.broken += take_down(stead)
    finally:
        stead.end()
    report.kills, report.seconds = stead.kills, time.monotonic() - began
    report.start_median = sorted(stead.starts_seconds)[len(stead.starts_seconds) // 2]
    return report


def _note(report: Report, broken: list[str], tell: Callable[[str], None]) -> None:
    for what in broken:
        tell(f"BROKEN: {what}")
    report.broken += broken


class _Load:
    def __init__(self, stead: Stead, chance: random.Random) -> None:
        self.stead = stead
        self.writers = [Writer(stead, number, chance.randrange(2**32)) for number in range(2)]
        self.watchers = [Watcher(stead, PLACE), Watcher(stead, PLACE), Watcher(stead, PODS)]
        self.roller = Roller(stead, chance.randrange(2**32), 1.0 if stead.runtime == "native" else 0.3)
        self.workers: list[Worker] = [*self.writers, *self.watchers, self.roller]
        for worker in self.workers:
            worker.start()

    def broken(self) -> list[str]:
        found = [what for worker in self.workers for what in worker.broken]
        for worker in self.workers:
            worker.broken.clear()
        return found

    def finish(self, report: Report) -> None:
        """Stop the writing, let all settle, then compare everything with everything."""
        for worker in (*self.writers, self.roller):
            worker.finish()
        if not _settles(self.stead):
            report.broken.append(f"not settled: {_told(self.stead)}")
        report.broken += check_present(self.stead, self.writers)
        _catch_up(self.stead, self.watchers)
        report.broken += check_watchers(self.stead, self.watchers, self.writers)
        report.broken += rolling.check_processes(self.stead)
        for watcher in self.watchers:
            watcher.stopping.set()
        report.broken += self.broken()
        report.acknowledged = sum(len(writer.acknowledged) for writer in self.writers)
        report.refused = sum(writer.refused for writer in self.writers)
        report.watched = sum(len(watcher.seen) for watcher in self.watchers)
        report.resumed = sum(watcher.resumed for watcher in self.watchers)
        report.deeds = self.roller.deeds


def _set_up(stead: Stead) -> None:
    code, answer = stead.client.ask("POST", SETS, rolling.stateful_set(stead))
    assert code == 201, answer


def _trouble(stead: SteadOnDisk, chance: random.Random, number: int, report: Report) -> None:
    """Beside the kills: every fourth time the disk is full, until a later kill or two; every fourth the clock moves."""
    if stead.may_be_full and chance.random() < 0.7:
        stead.make_room()
    if number % 4 == 1:
        stead.await_up()
        stead.fill()
        report.filled += 1
    elif number % 4 == 3:
        stead.move_clock(chance.choice((-86_400, -3600, -30, 30, 3600, 86_400)))
        report.jumps += 1


def _die(stead: SteadOnDisk, chance: random.Random, report: Report) -> None:
    """Kill at a random moment: mostly under load, sometimes while it starts; then start it again."""
    if chance.random() < 0.8:
        stead.await_up()
        time.sleep(chance.random() * 0.6)
    else:
        time.sleep(chance.random() * 0.6)
    if stead.runtime == "native" and chance.random() < 0.25:
        report.servants_killed += _kill_servant(stead, chance)
    stead.kill()
    stead.start()


def _kill_servant(stead: Stead, chance: random.Random) -> int:
    """The keeper or one shim, while stead looks on."""
    found = stead.servants()
    name = chance.choice(sorted(found)) if found else ""
    if not name:
        return 0
    try:
        os.kill(chance.choice(found[name]), signal.SIGKILL)
    except ProcessLookupError:
        return 0
    time.sleep(chance.random() * 0.2)
    return 1


def _look(stead: Stead) -> list[str]:
    """What must hold in the middle, too."""
    stead.await_up()
    return [f"{path}: {path.read_text()}" for path in rolling.volumes(stead).glob("*/twice")]


def _settles(stead: Stead) -> bool:
    stead.await_up()
    return _until(lambda: rolling.is_settled(stead), SETTLE_SECONDS)


def _catch_up(stead: Stead, watchers: list[Watcher]) -> None:
    """A last write that both watchers of ConfigMaps must see; pods are quiet by now."""
    code, answer = stead.client.ask("POST", PLACE, {"metadata": {"name": "last"}, "data": {"v": "0"}})
    assert code == 201, answer
    for watcher in watchers[:2]:
        _until(lambda watcher=watcher: "last" in watcher.present, 10)  # type: ignore[misc]
    _, pods = stead.client.ask("GET", PODS)
    uids = {pod["metadata"]["name"]: pod["metadata"]["uid"] for pod in pods["items"]}
    _until(lambda: watchers[2].present == uids, 10)


def take_down(stead: Stead) -> list[str]:
    """Delete the set and its claims: nothing may be left over."""
    stead.client.ask("DELETE", f"{SETS}/c")
    broken: list[str] = []
    if not _until(lambda: not _items(stead, PODS), SETTLE_SECONDS):
        broken.append(f"pods stay: {_told(stead)}")
    for claim in _items(stead, CLAIMS):
        stead.client.ask("DELETE", f"{CLAIMS}/{claim['metadata']['name']}")
    for path in (CLAIMS, VOLUMES):
        if not _until(lambda path=path: not _items(stead, path), SETTLE_SECONDS):  # type: ignore[misc]
            broken.append(f"{path}: {[item['metadata']['name'] for item in _items(stead, path)]} stay")
    if not _until(lambda: not _directories(stead), 10):
        broken.append(f"volumes on disk stay: {_directories(stead)}")
    stead.stop()
    if not _until(lambda: not stead.containers() and not stead.servants(), 10):
        broken.append(f"processes stay: {stead.containers()} {stead.servants()}")
    return broken


def _items(stead: Stead, path: str) -> list[Any]:
    try:
        return list(stead.client.ask("GET", path)[1]["items"])
    except Down:
        return ["not known"]


def _directories(stead: Stead) -> list[str]:
    place = rolling.volumes(stead)
    return sorted(entry.name for entry in place.iterdir()) if place.is_dir() else []


def _told(stead: Stead) -> str:
    waits = _items(stead, path_of(EXPLANATION))
    return f"{waits} {[(pod['metadata']['name'], pod.get('status')) for pod in _items(stead, PODS)]}"


def _until(is_true: Callable[[], Any], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not is_true():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True
