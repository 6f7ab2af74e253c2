"""A pod's shim: one small process that holds the pod's namespaces, starts and reaps its containers, writes their logs.

It is the pod's pause, and it outlives stead and the keeper. Whoever connects to its socket learns all it knows
(`hello`) and every later exit. What it is about to do is in `state.json` before it is done, so nothing is ever
started twice.
"""

import contextlib
import json
import os
import signal
import socket
from collections.abc import Callable

from stead.runtimes.native import container, linux, terminals, wire
from stead.runtimes.native.job import Job, Program
from stead.runtimes.native.loop import Loop
from stead.runtimes.native.wire import Message

_DRAIN_SECONDS = 1.0
_REMOVED_GRACE = 0.0


class Shim:
    """`surroundings` is what the keeper's order said of the pod; `node_network` is kept open for later keepers."""

    def __init__(self, surroundings: Message, node_network: int | None):
        self._pod = surroundings
        self._directory: str = surroundings["directory"]
        self._node_network = node_network
        self._loop = Loop()
        self._jobs: dict[str, Job] = {}
        self._programs: dict[int, Program] = {}
        self._channels: dict[int, socket.socket] = {}
        self._pause = 0  # the pid of the process that holds the pod's processes together, where they are shared

    def run(self, first: socket.socket) -> None:
        """Serve until the pod is removed. `first` is the connection of whoever ordered this pod."""
        listener = wire.listen(f"{self._directory}/shim.sock")
        self._loop.on_child(self._reap)
        self._record()
        self._loop.watch(listener.fileno(), lambda: self._greet(listener.accept()[0]))
        self._greet(first)
        self._loop.run()

    # connections

    def _greet(self, channel: socket.socket) -> None:
        fd = channel.fileno()
        self._channels[fd] = channel
        self._loop.watch(fd, lambda: self._hear(channel))
        self._tell(channel, self._hello())

    def _hello(self) -> Message:
        containers = [job.told() for job in self._jobs.values()]
        return {"event": "hello", "shim": os.getpid(), "containers": containers}

    def _hear(self, channel: socket.socket) -> None:
        try:
            message, files = wire.receive(channel)
        except OSError:
            message, files = None, []
        if message is None:
            self._hang_up(channel)
            return
        try:
            answer = _ORDERS[message["op"]](self, message, files, channel)
        except (OSError, KeyError, ValueError) as error:
            answer = {"error": str(error)}
        finally:
            for fd in files:
                os.close(fd)
        if answer is not None:
            self._tell(channel, {**answer, "id": message["id"]})

    def _hang_up(self, channel: socket.socket) -> None:
        if self._channels.pop(channel.fileno(), None):
            self._loop.forget(channel.fileno())
            channel.close()

    def _tell(self, channel: socket.socket, message: Message, files: tuple[int, ...] = ()) -> None:
        """Never waits: who does not listen is hung up on, and learns everything on its next hello."""
        try:
            wire.send(channel, message, files, socket.MSG_DONTWAIT)
        except OSError:
            self._hang_up(channel)

    def _tell_all(self, message: Message) -> None:
        for channel in list(self._channels.values()):
            self._tell(channel, message)

    def _try_record(self) -> None:
        """A full disk costs the record, never the pod."""
        with contextlib.suppress(OSError):
            self._record()

    def _record(self, *coming: Job) -> None:
        jobs = {job.name: job for job in (*self._jobs.values(), *coming)}
        state = {
            "shim": os.getpid(),
            "shim_start": linux.start_time(os.getpid()),
            "node_network": self._node_network,
            "containers": [job.told() for job in jobs.values()],
        }
        path = f"{self._directory}/state.json"
        with open(path + ".new", "w") as file:
            json.dump(state, file)
        os.replace(path + ".new", path)

    # orders

    def _start(self, message: Message, files: list[int], channel: socket.socket) -> Message:
        name, attempt = message["container"], message["attempt"]
        known = self._jobs.get(name)
        if known is not None and (known.is_running or known.attempt >= attempt):
            return known.told()
        message["spec"] |= {name: self._pod[name] for name in ("processes", "is_host_ipc", "pod_limits")}
        beside = self._companion(message)
        job = Job(message)
        try:
            self._record(job)  # where this cannot be written, nothing is started
        except OSError:
            job.give_up()
            raise
        self._jobs[name] = job
        job.on_drained = lambda: self._finish(job)
        job.start(self._loop, beside)
        self._try_record()
        return job.told()

    def _companion(self, message: Message) -> int:
        """The pid among whose processes a container is to live, 0 where it has its own. Raises OSError."""
        if not message["spec"]["has_mounts"]:
            return 0
        if message["target"]:
            message["spec"]["processes"] = "shared"
            return self._running(message["target"]).pid
        if self._pod["processes"] == "shared" and not self._pause:
            shim = os.pidfd_open(os.getpid())
            self._pause = linux.fork_into(linux.NEW_PIDS)
            if not self._pause:
                container.pause(shim)
            os.close(shim)
        return self._pause

    def _stop(self, message: Message, files: list[int], channel: socket.socket) -> Message:
        job = self._jobs.get(message["container"])
        if job is not None and job.is_running:
            job.stop(message["grace_seconds"], self._loop)
        return {}

    def _exec(self, message: Message, files: list[int], channel: socket.socket) -> Message | None:
        job = self._running(message["container"])
        program = Program(message["id"], channel.fileno())
        pid, trouble = program.start(job, message, files)
        if trouble:
            code, _, text = trouble.partition(" ")
            return {"exit_code": int(code), "error": text}
        self._programs[pid] = program
        self._tell(channel, {"event": "began", "id": message["id"]})
        return None

    def _kill(self, message: Message, files: list[int], channel: socket.socket) -> Message:
        for pid, program in self._programs.items():
            if (program.identity, program.channel) == (message["program"], channel.fileno()):
                os.kill(pid, signal.SIGKILL)
        return {}

    def _socket(self, message: Message, files: list[int], channel: socket.socket) -> None:
        """An unconnected socket of the pod's network: its taker connects it, and nobody here waits."""
        made = socket.socket(message["family"], socket.SOCK_STREAM)
        self._tell(channel, {"id": message["id"]}, (made.fileno(),))
        made.close()

    def _attach(self, message: Message, files: list[int], channel: socket.socket) -> Message:
        job = self._running(message["container"])
        job.attach([os.dup(fd) for fd in files], message["has_stdin"], self._loop)
        return {}

    def _resize(self, message: Message, files: list[int], channel: socket.socket) -> Message:
        job = self._running(message["container"])
        if job.terminal is not None:
            terminals.set_size(job.terminal, message["width"], message["height"])
        return {}

    def _limit(self, message: Message, files: list[int], channel: socket.socket) -> Message:
        """Of one container, or ("") of all together, now and as they are started. Answers why not, where not."""
        limits = (message["memory_bytes"], message["cpu_millis"])
        try:
            if message["container"]:
                self._running(message["container"]).limit(*limits)
            else:
                self._limit_pod(*limits)
        except NotImplementedError as error:
            return {"trouble": "Infeasible", "why": str(error)}
        except OSError as error:
            return {"trouble": "Error", "why": str(error)}
        return {"trouble": ""}

    def _limit_pod(self, memory_bytes: int | None, cpu_millis: int | None) -> None:
        job = next((job for job in self._jobs.values() if job.is_running), None)
        if job is not None:
            job.limit_pod(memory_bytes, cpu_millis)
        self._pod["pod_limits"] = (memory_bytes, cpu_millis)

    def _remove(self, message: Message, files: list[int], channel: socket.socket) -> Message:
        """Kill what runs; the shim ends when the last container has."""
        for job in self._jobs.values():
            if job.is_running:
                job.stop(_REMOVED_GRACE, self._loop)
        self._loop.is_ending = lambda: not any(job.is_running for job in self._jobs.values())
        return {}

    def _running(self, container: str) -> Job:
        job = self._jobs.get(container)
        if job is None or not job.is_running:
            raise OSError(f"container {container} is not running")
        return job

    # endings

    def _reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if not pid:
                return
            self._bury(pid, status)

    def _bury(self, pid: int, status: int) -> None:
        program = self._programs.pop(pid, None)
        if program is not None:
            channel = self._channels.get(program.channel)
            if channel is not None:
                code = os.waitstatus_to_exitcode(status)
                self._tell(channel, {"id": program.identity, "exit_code": code if code >= 0 else 128 - code})
            return
        for job in self._jobs.values():
            if job.pid == pid and job.is_running:
                job.exited(status)
                self._drain(job)

    def _drain(self, job: Job) -> None:
        """The end is told when the log is whole; a stray process that keeps a pipe open may delay it a second only."""
        if job.is_drained:
            self._finish(job)
        else:
            self._loop.after(_DRAIN_SECONDS, lambda: self._finish(job))

    def _finish(self, job: Job) -> None:
        if job.has_exited and job.is_running:
            job.finish(self._loop)
            self._try_record()
            self._tell_all({"event": "exited", **job.told()})


Order = Callable[[Shim, Message, list[int], socket.socket], Message | None]

_ORDERS: dict[str, Order] = {
    "start": Shim._start,
    "stop": Shim._stop,
    "exec": Shim._exec,
    "kill": Shim._kill,
    "socket": Shim._socket,
    "attach": Shim._attach,
    "resize": Shim._resize,
    "limit": Shim._limit,
    "remove": Shim._remove,
}
