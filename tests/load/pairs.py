"""Is it fair? A patient client alone and beside the others, in turn, so that whatever else the machine does weighs on
both; what counts is the median of the ratios.
"""

import http.client
import json
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import IO, Any

from tests.load.asking import Way

PLACE = "/api/v1/namespaces/default/configmaps"
PERIOD_SECONDS = 0.004
MERGE = "application/merge-patch+json"
READ, WRITE = "read", "write"


@dataclass
class Pair:
    """One phase alone and one beside the others: milliseconds waited, sorted, and the others' deeds a second."""

    alone: dict[str, list[float]]
    beside: dict[str, list[float]]
    done: float

    def ratio(self, deed: str, share: float) -> float:
        return at(self.beside[deed], share) / at(self.alone[deed], share)


@dataclass
class Told:
    name: str
    pairs: list[Pair] = field(default_factory=list)
    memory: float = 0.0

    def ratio(self, deed: str, share: float) -> float:
        return middle([pair.ratio(deed, share) for pair in self.pairs])

    def __str__(self) -> str:
        parts = [f"{self.name:<34}"]
        for deed in (READ, WRITE):
            for share, word in ((0.5, "median"), (0.99, "p99")):
                alone = middle([at(pair.alone[deed], share) for pair in self.pairs])
                beside = middle([at(pair.beside[deed], share) for pair in self.pairs])
                parts.append(f"{deed} {word} {alone:6.2f} -> {beside:6.2f} ms x{self.ratio(deed, share):4.2f}")
        done = middle([pair.done for pair in self.pairs])
        return "  ".join([*parts, f"{done:.0f} deeds of others a second, {self.memory:.0f} MB"])


def at(waits: list[float], share: float) -> float:
    return waits[min(int(len(waits) * share), len(waits) - 1)]


def middle(values: list[float]) -> float:
    return sorted(values)[len(values) // 2]


def measure(way: Way, others: Way, name: str, options: list[str], *, pairs: int, seconds: float) -> Told:
    """Alone and beside, `pairs` times: one who asks `way`, and those who ask `others`."""
    told, patient = Told(name), Patient(way)
    with _others(others, options) as (say, heard):
        for _ in range(pairs):
            alone = patient.waits(seconds)
            before = _said(say, heard, "go")
            time.sleep(0.3)
            began = time.monotonic()
            beside = patient.waits(seconds)
            took = time.monotonic() - began
            told.memory = max(told.memory, way.resident_bytes() / 1e6)
            done = _said(say, heard, "rest") - before
            time.sleep(0.3)
            told.pairs.append(Pair(alone, beside, done / took))
    patient.close()
    return told


class Patient:
    """Reads one small object again and again, and changes it every fourth time. It blocks: nothing else is its own."""

    def __init__(self, way: Way) -> None:
        context = ssl.create_default_context(cafile=str(way.data / "pki" / "ca.crt"))
        self._connection = http.client.HTTPSConnection("127.0.0.1", way.port, timeout=60, context=context)
        self._headers = {"Authorization": f"Bearer {way.token}"}
        self._count = 0
        self._ask("POST", PLACE, {"metadata": {"name": "patient"}, "data": {"v": "0"}}, "application/json")

    def close(self) -> None:
        self._connection.close()

    def waits(self, seconds: float) -> dict[str, list[float]]:
        found: dict[str, list[float]] = {READ: [], WRITE: []}
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline or not found[WRITE]:
            self._count += 1
            began = time.perf_counter()
            if self._count % 4:
                code, deed = self._ask("GET", f"{PLACE}/patient"), READ
            else:
                body = {"data": {"v": str(self._count)}}
                code, deed = self._ask("PATCH", f"{PLACE}/patient", body, MERGE), WRITE
            found[deed].append(1000 * (time.perf_counter() - began))
            assert code == 200, code
            time.sleep(PERIOD_SECONDS)
        return {deed: sorted(waits) for deed, waits in found.items()}

    def _ask(self, method: str, path: str, body: Any = None, media: str = "") -> int:
        headers = {**self._headers, "Content-Type": media} if media else self._headers
        self._connection.request(method, path, json.dumps(body) if body else None, headers)
        answer = self._connection.getresponse()
        answer.read()
        return answer.status


@contextmanager
def _others(way: Way, options: list[str]) -> Iterator[tuple[IO[bytes], IO[bytes]]]:
    command = ["chrt", "--idle", "0", sys.executable, "-m", "tests.load.others", str(way.data), *options]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin
        assert process.stdout
        assert process.stdout.readline() == b"ready\n"
        yield process.stdin, process.stdout
        process.stdin.close()


def _said(say: IO[bytes], heard: IO[bytes], word: str) -> int:
    say.write(f"{word}\n".encode())
    say.flush()
    return int(heard.readline())
