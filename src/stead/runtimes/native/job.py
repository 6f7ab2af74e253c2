"""One attempt of one container as its shim sees it: process, pipes, log, limits; and the programs run beside it."""

import contextlib
import os
import signal
import socket
import time
from collections.abc import Callable
from typing import Any

from stead.runtimes.logs import LogWriter, last_words, read_message
from stead.runtimes.native import cgroups, container, linux, plain, terminals
from stead.runtimes.native.loop import Loop
from stead.runtimes.native.wire import Message

_CHUNK = 1 << 16
_START_FAILED = 128


def _nothing() -> None:
    return None


class Job:
    """`message` is the order to start: container, attempt, identifiers, and `spec` for the first process."""

    def __init__(self, message: Message):
        self._order = message
        self.spec: dict[str, Any] = message["spec"]
        self.name: str = message["container"]
        self.attempt: int = message["attempt"]
        self.pid = 0
        self.is_running = True
        self.has_exited = False
        self._is_stopping = False
        self.terminal: int | None = None
        self.on_drained: Callable[[], None] = _nothing
        self._stdin: int | None = None
        self._sources: dict[int, bytes] = {}
        self._sinks: dict[bytes, list[int]] = {b"stdout": [], b"stderr": []}
        self._log = LogWriter(message["log"])
        self._groups: list[str] = []
        self._outcome: Message = {}
        self._started = time.time()

    def told(self) -> Message:
        """What others may know of this attempt."""
        known = {name: self._order[name] for name in ("container", "attempt", "container_id", "image_id")}
        return {**known, "is_running": self.is_running, "started": self._started, "pid": self.pid, **self._outcome}

    @property
    def is_drained(self) -> bool:
        return not self._sources

    # beginning

    def start(self, loop: Loop, beside: int = 0) -> None:
        """Fork the first process, among those of `beside` where that is a pid; a failure before its exec is an exit
        with reason StartError.
        """
        spec = self.spec
        self._groups = cgroups.make(spec["cgroup"], spec["memory_bytes"], spec["cpu_millis"], pod=spec["pod_limits"])
        spec["cgroups"] = self._groups
        spec["most_processes"] = cgroups.most_processes(self._groups)
        spec["most_in_namespace"] = 0
        has_namespace = spec["tier"] == "user" and spec["processes"] == "own"
        if spec["most_processes"] and has_namespace and linux.bounds_namespaces():
            spec["most_processes"], spec["most_in_namespace"] = 0, cgroups.MOST_PROCESSES
        try:
            words = self._fork(loop, beside)
        except OSError as error:  # no more processes or descriptors
            words = f"{_START_FAILED} {error}"
        if words:
            self._not_started(words, loop)

    def give_up(self) -> None:
        """It is not to be started after all: nothing of it stays open."""
        self._log.close()

    def _fork(self, loop: Loop, beside: int) -> str:
        """Answers "" or, where the child did not come to its exec, `<exit code> <why>`."""
        way, far = socket.socketpair() if self.spec["has_tty"] else (None, None)
        if far is None:
            theirs, ours = self._pipes()
            for fd, stream in ours:
                self._listen(fd, stream, loop)
        else:
            theirs = (far.detach(),) * 3
        trouble, trouble_end = os.pipe()
        shim = os.pidfd_open(os.getpid())
        try:
            if beside:
                self.pid = self._companion(beside, theirs, trouble_end, shim)
            else:
                own = linux.NEW_PIDS if self.spec["processes"] == "own" else 0
                self.pid = linux.fork_into(linux.NEW_MOUNTS | own if self.spec["has_mounts"] else 0)
                if not self.pid:
                    container.first_process(self.spec, theirs, trouble_end, shim)
        finally:
            for fd in {*theirs, trouble_end, shim}:
                os.close(fd)
        words = _read_all(trouble).decode(errors="replace")
        if way is not None:
            self._hold_terminal(way, loop)
        return words

    def _companion(self, beside: int, stdio: tuple[int, int, int], trouble: int, shim: int) -> int:
        """Its pid, 0 where it came to nothing."""
        there, (birth, birth_end) = os.pidfd_open(beside), os.pipe()
        child = os.fork()
        if not child:
            container.companion_process(self.spec, stdio, trouble, shim=shim, beside=there, birth=birth_end)
        for fd in (there, birth_end):
            os.close(fd)
        born = _read_all(birth)
        os.waitpid(child, 0)
        return int(born or 0)

    def _pipes(self) -> tuple[tuple[int, int, int], list[tuple[int, bytes]]]:
        out, out_end = os.pipe()
        err, err_end = os.pipe()
        if self.spec["has_stdin"]:
            stdin_end, self._stdin = os.pipe()
            os.set_blocking(self._stdin, False)
        else:
            stdin_end = os.open("/dev/null", os.O_RDONLY | os.O_CLOEXEC)
        return (stdin_end, out_end, err_end), [(out, b"stdout"), (err, b"stderr")]

    def _hold_terminal(self, way: socket.socket, loop: Loop) -> None:
        with way:
            self.terminal = self._stdin = terminals.taken(way)
        if self.terminal is not None:
            os.set_blocking(self.terminal, False)
            self._listen(self.terminal, b"stdout", loop)

    def _not_started(self, words: str, loop: Loop) -> None:
        if self.pid:
            os.waitpid(self.pid, 0)
        code, _, text = words.partition(" ")
        self.has_exited = True
        self._outcome = {"exit_code": int(code), "signal": 0, "reason": "StartError", "message": text}
        self.finish(loop)

    # pumping

    def _listen(self, fd: int, stream: bytes, loop: Loop) -> None:
        self._sources[fd] = stream
        loop.watch(fd, lambda: self._pump(fd, loop))

    def _pump(self, fd: int, loop: Loop) -> None:
        try:
            data = os.read(fd, _CHUNK)
        except BlockingIOError:
            return
        except OSError:  # a terminal whose last process has gone
            data = b""
        if data:
            self._log.write(self._sources[fd], data)
            self._copy(self._sources[fd], data)
            return
        self._let_go(fd, loop)
        if self.is_drained:
            self.on_drained()

    def _let_go(self, fd: int, loop: Loop) -> None:
        self._sources.pop(fd)
        loop.forget(fd)
        if fd != self.terminal:
            os.close(fd)

    def _copy(self, stream: bytes, data: bytes) -> None:
        """To whoever is attached; who reads too slowly misses some, the container never waits."""
        for sink in list(self._sinks[stream]):
            try:
                os.write(sink, data)
            except BlockingIOError:
                continue
            except OSError:
                self._sinks[stream].remove(sink)
                os.close(sink)

    def attach(self, files: list[int], has_stdin: bool, loop: Loop) -> None:
        """`files` are (stdin, stdout, stderr) ends: output from now on, input for a container that reads any."""
        stdin, out, err = files
        for fd, stream in ((out, b"stdout"), (err, b"stderr")):
            os.set_blocking(fd, False)
            self._sinks[stream].append(fd)
        if has_stdin and self._stdin is not None:
            is_last = self.spec["is_stdin_once"] and self.terminal is None
            Feed(stdin, self._stdin, loop, self._end_input if is_last else _nothing)
        else:
            os.close(stdin)

    def _end_input(self) -> None:
        if self._stdin is not None:
            os.close(self._stdin)
            self._stdin = None

    def limit(self, memory_bytes: int | None, cpu_millis: int | None) -> None:
        """Other limits from now on. Raises OSError where they cannot be."""
        if not self._groups:
            raise NotImplementedError("limits are not enforced on this machine: control groups cannot be written")
        cgroups.limit(self._groups, memory_bytes, cpu_millis)

    def limit_pod(self, memory_bytes: int | None, cpu_millis: int | None) -> None:
        """Other limits for all the pod's containers together. Raises as `limit` does."""
        if not self._groups:
            raise NotImplementedError("limits are not enforced on this machine: control groups cannot be written")
        cgroups.limit_pod(self._groups, memory_bytes, cpu_millis)

    # ending

    def stop(self, grace_seconds: float, loop: Loop) -> None:
        """The stop signal now, SIGKILL to everything when the grace is over."""
        if grace_seconds > 0 and not self._is_stopping:  # some programs take a second signal for impatience
            self._is_stopping = True
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, self._order["stop_signal"])
        loop.after(grace_seconds, self._kill)

    def _kill(self) -> None:
        if not self.has_exited:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)

    def exited(self, status: int) -> None:
        """The first process is reaped; without a process namespace, what it left behind is killed too."""
        self.has_exited = True
        code = os.waitstatus_to_exitcode(status)
        reason = "Completed" if code == 0 else "Error"
        if cgroups.was_out_of_memory(self._groups):
            reason = "OOMKilled"
        number = -code if code < 0 else 0
        self._outcome = {
            "exit_code": 128 - code if code < 0 else code,
            "signal": number,
            "reason": reason,
            "message": "",
        }
        if not self.spec["has_mounts"] or self.spec["processes"] != "own":
            plain.kill(self.pid)
            cgroups.kill(self._groups)

    def _last_words(self) -> str:
        """What it left to be told, or the end of its log."""
        told = read_message(self._order["message"]) if self._order["message"] else ""
        is_log_asked = self._order["falls_back_to_log"] and self._outcome["exit_code"] and not told
        return last_words(self._order["log"]) if is_log_asked else told

    def finish(self, loop: Loop) -> None:
        """Close everything; from now on the attempt is only remembered."""
        self.is_running = False
        self._outcome["finished"] = time.time()
        for fd in list(self._sources):
            self._let_go(fd, loop)
        self._log.close()
        self._outcome["message"] = self._outcome["message"] or self._last_words()
        ends = {fd for sinks in self._sinks.values() for fd in sinks}
        ends |= {fd for fd in (self._stdin, self.terminal) if fd is not None}
        for end in sorted(ends):
            loop.forget(end)
            os.close(end)
        self._sinks, self._stdin, self.terminal = {b"stdout": [], b"stderr": []}, None, None
        cgroups.remove(self._groups)


class Feed:
    """Carries an attached client's input to a container, and waits for the slower of the two without blocking."""

    def __init__(self, source: int, target: int, loop: Loop, on_end: Callable[[], None]):
        self._source, self._target, self._loop, self._on_end = source, target, loop, on_end
        self._pending = b""
        os.set_blocking(source, False)
        loop.watch(source, self._read)

    def _read(self) -> None:
        try:
            self._pending = os.read(self._source, _CHUNK)
        except BlockingIOError:
            return
        self._loop.forget(self._source)
        if not self._pending:
            os.close(self._source)
            self._on_end()
            return
        self._write()

    def _write(self) -> None:
        try:
            self._pending = self._pending[os.write(self._target, self._pending) :]
        except BlockingIOError:
            pass
        except OSError:
            os.close(self._source)
            return
        if self._pending:
            self._loop.after(0.01, self._write)
        else:
            self._loop.watch(self._source, self._read)


class Program:
    """One program run beside a container's first process: `identity` is the order's number on `channel`."""

    def __init__(self, identity: int, channel: int):
        self.identity = identity
        self.channel = channel

    def start(self, job: Job, message: Message, files: list[int]) -> tuple[int, str]:
        """Fork it; answers its pid and, where it did not come to its exec, `<exit code> <why>`."""
        has_tty = message["spec"]["has_tty"]
        stdio = (files[0], files[0], files[0]) if has_tty else (files[0], files[1], files[2])
        spec = {**job.spec, **message["spec"]}
        if has_tty:
            spec["environment"] = {"TERM": "xterm", **spec["environment"]}
        if spec["tier"] == "plain":
            spec["arguments"] = [plain.rewritten(text, spec["mounts"]) for text in spec["arguments"]]
        init = None if spec["tier"] == "plain" else os.pidfd_open(job.pid)
        (trouble, trouble_end), (birth, birth_end) = os.pipe(), os.pipe()
        pid = os.fork()
        if not pid:
            if init is None:
                container.beside(spec, stdio, trouble_end)
            container.joining_process(spec, init, stdio, trouble_end, birth=birth_end)
        for fd in (trouble_end, birth_end):
            os.close(fd)
        words, born = (_read_all(fd).decode(errors="replace") for fd in (trouble, birth))
        if init is None:
            return pid, words
        os.close(init)
        os.waitpid(pid, 0)
        return int(born or 0), words


def _read_all(fd: int) -> bytes:
    """Everything up to the end, and close."""
    with open(fd, "rb") as file:
        return file.read()
