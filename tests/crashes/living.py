"""One stead that is killed and started again on the same data, and a plain client that bears its absence."""

import contextlib
import http.client
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

START_SECONDS = 300.0  # on a machine where twenty others want the same core
ASK_SECONDS = 20.0


class Down(Exception):
    """No answer: whether the request was carried out is not known."""


class Client:
    """One connection, made anew when it breaks."""

    def __init__(self, data: Path, port: int) -> None:
        self._data = data
        self._port = port
        self._connection: http.client.HTTPSConnection | None = None

    def ask(self, method: str, path: str, body: Any = None, media: str = "application/json") -> tuple[int, Any]:
        """Code and JSON of the answer; raises Down."""
        try:
            answer = self.open(method, path, body, media)
            content = answer.read()
        except (OSError, http.client.HTTPException, ValueError) as error:
            self.close()
            raise Down(str(error)) from error
        return answer.status, json.loads(content) if content[:1] in (b"{", b"[") else content.decode()

    def open(self, method: str, path: str, body: Any = None, media: str = "application/json") -> Any:
        """The answer with its body still to come."""
        if self._connection is None:
            self._connection = self._connected()
        headers = {"Authorization": f"Bearer {self._token()}", "Content-Type": media}
        self._connection.request(method, path, json.dumps(body) if body is not None else None, headers)
        return self._connection.getresponse()

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _connected(self) -> http.client.HTTPSConnection:
        context = ssl.create_default_context(cafile=str(self._data / "pki" / "ca.crt"))
        return http.client.HTTPSConnection("127.0.0.1", self._port, timeout=ASK_SECONDS, context=context)

    def _token(self) -> str:
        return (self._data / "token").read_text().strip()


@dataclass
class Stead:
    """`start`, `kill`, `stop`, as often as one likes. `mark` is found in the environment of every container."""

    folder: Path
    runtime: str
    port: int = 0
    mark: str = ""
    process: subprocess.Popen[bytes] | None = None
    kills: int = 0
    may_be_full: bool = False  # its disk: writes may be refused
    starts_seconds: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.port = self.port or _free_port()
        self.mark = self.mark or f"stead-crash-{os.getpid()}-{self.port}"
        self.client = self.new_client()

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def inside(self) -> Path:
        """The data directory as stead itself calls it."""
        return self.data

    def new_client(self) -> Client:
        return Client(self.data, self.port)

    def start(self) -> None:
        """Start; does not wait."""
        words = ["up", "--data", str(self.data), "--port", str(self.port), "--runtime", self.runtime]
        self.begin([sys.executable, *self.program, *words])

    @property
    def program(self) -> list[str]:
        """stead, with a clock that can be moved."""
        return [str(Path(__file__).with_name("clock.py")), str(self._clock)]

    @property
    def _clock(self) -> Path:
        return self.folder / "clock"

    def move_clock(self, seconds: float) -> None:
        """From now on it is so wrong."""
        self._clock.with_name("clock.new").write_text(str(seconds))
        self._clock.with_name("clock.new").replace(self._clock)

    def begin(self, command: list[str]) -> None:
        with (self.folder / "stead.out").open("ab") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self._began = time.monotonic()

    def await_up(self) -> None:
        """Until the API answers; raises AssertionError when it does not, or ended by itself."""
        deadline = time.monotonic() + START_SECONDS
        while not self._answers():
            assert self.process is not None
            assert self.process.poll() is None, f"stead ended by itself: {self.output()[-3000:]}"
            assert time.monotonic() < deadline, f"stead did not start: {self.output()[-3000:]}"
            time.sleep(0.01)
        self.starts_seconds.append(time.monotonic() - self._began)

    def kill(self) -> None:
        assert self.process is not None
        assert self.process.poll() is None, f"stead ended by itself: {self.output()[-3000:]}"
        self.process.kill()
        self.process.wait()
        self.kills += 1
        self.client.close()

    def stop(self) -> None:
        """As a person stops it."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(timeout=120)

    def end(self) -> None:
        """Leave nothing of ours behind, whatever happened."""
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        for pid in (*self.containers(), *(pid for pids in self.servants().values() for pid in pids)):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def output(self) -> str:
        return (self.folder / "stead.out").read_text(errors="replace")

    def _answers(self) -> bool:
        try:
            return self.client.ask("GET", "/readyz")[0] == 200
        except Down:
            return False

    # --- what lives because of it

    def containers(self) -> list[int]:
        """Processes that carry our mark in their environment."""
        return [pid for pid in _pids() if self.mark.encode() in _bytes(pid, "environ")]

    def servants(self) -> dict[str, list[int]]:
        """Keeper and shims of this data directory, by the name they go by."""
        found: dict[str, list[int]] = {}
        node = f'"{self.inside}/node'.encode()
        for pid in _pids():
            if node in _bytes(pid, "cmdline"):
                found.setdefault(_bytes(pid, "comm").decode().strip(), []).append(pid)
        return found


class Worker(threading.Thread):
    """Works until told to stop; what it finds broken it says in `broken`."""

    def __init__(self, stead: Stead) -> None:
        super().__init__(daemon=True)
        self.client = stead.new_client()
        self.broken: list[str] = []
        self.stopping = threading.Event()

    def run(self) -> None:
        while not self.stopping.is_set():
            try:
                self.work()
            except Down:
                self.client.close()
                self.stopping.wait(0.02)
            except Exception as error:
                self.broken.append(f"{type(self).__name__} fell: {error!r}")
                return

    def work(self) -> None:
        raise NotImplementedError

    def finish(self) -> None:
        self.stopping.set()
        self.join(2 * ASK_SECONDS)
        if self.is_alive():
            self.broken.append(f"{type(self).__name__} does not end")


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])


def _pids() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def command_line(pid: int) -> bytes:
    """Of a process, b"" where it has gone."""
    return _bytes(pid, "cmdline")


def parent(pid: int) -> int:
    """Of a process, 0 where it has gone."""
    fields = _bytes(pid, "stat").rpartition(b") ")[2].split()
    return int(fields[1]) if fields else 0


def _bytes(pid: int, what: str) -> bytes:
    try:
        return Path(f"/proc/{pid}/{what}").read_bytes()
    except OSError:
        return b""
