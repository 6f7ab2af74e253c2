"""Programs run in a container of an engine, as the same sessions that native pods have.

A program is run by runc itself, beside the engine: CRI's own streams cannot tell a program that its input has ended.
"""

import asyncio
import contextlib
import json
import os
import signal
import tempfile
from pathlib import Path
from typing import NamedTuple

from stead.runtimes.cri import mapping
from stead.runtimes.cri.node import Node
from stead.runtimes.native import sessions, terminals
from stead.runtimes.native.channel import Refusal
from stead.runtimes.native.sessions import ExecSession, Size

_RUNC_STATE = "/run/containerd/runc"
_SPACE = "k8s.io"  # where a containerd keeps what CRI asked of it
_RUNC_FAILED = 255


class Runc(NamedTuple):
    """The program that made a container, and where it keeps its state."""

    program: str
    root: str


async def _runc(node: Node, container_id: str) -> Runc:
    """Raises Refusal where the engine does not work with runc, or does not say so."""
    answer = await node.engine.ask("ContainerStatus", {"container_id": container_id, "verbose": True})
    info = mapping.info(answer)
    if "runc" not in str(info.get("runtimeType", "")):
        raise Refusal("programs can be run in containers of a containerd with runc only")
    options = info.get("runtimeOptions") or {}
    return Runc(options.get("binary_name") or "runc", os.path.join(options.get("root") or _RUNC_STATE, _SPACE))


async def run(
    node: Node,
    uid: str,
    container: str,
    argv: list[str],
    *,
    size: Size | None = None,
    has_tty: bool = False,
    has_stdin: bool = False,
) -> ExecSession:
    """Run a program in a container, with the container's environment. Raises Refusal where it does not run."""
    held = node.running(uid, container)
    runc = await _runc(node, held.id)
    sized = await _process(runc, held.id, argv, size) if has_tty and size is not None else None
    ours, theirs = sessions.ends(has_tty=has_tty, has_stdin=has_stdin)
    trouble, trouble_path = tempfile.mkstemp(prefix="exec-", dir=node.pod_directory(uid))
    os.close(trouble)
    command = [runc.program, "--root", runc.root, "--log", trouble_path, "--log-format", "json", "exec"]
    if sized is not None and size is not None:
        terminals.set_size(ours["stdout"], *size)
        Path(trouble_path + ".process").write_bytes(sized)
        command += ["--process", trouble_path + ".process", held.id]
    else:
        command += [*(["--tty"] if has_tty else []), held.id, *argv]
    stdin, stdout, stderr = (theirs * 3)[:3]
    try:
        process = await asyncio.create_subprocess_exec(
            *command, stdin=stdin, stdout=stdout, stderr=stderr, start_new_session=True
        )
    except OSError as error:
        raise Refusal(f"{runc.program}: {error.strerror}") from error
    finally:
        for fd in theirs:
            os.close(fd)

    async def exit_code() -> int:
        code = await process.wait()
        message = _trouble(trouble_path) if code == _RUNC_FAILED else ""
        for path in (trouble_path, trouble_path + ".process"):
            with contextlib.suppress(OSError):
                os.unlink(path)
        if message:
            raise Refusal(f"error executing command in container: {message}")
        return code if code >= 0 else 128 - code

    async def resize(width: int, height: int) -> None:
        terminals.set_size(ours["stdout"], width, height)
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGWINCH)

    def kill() -> None:
        with contextlib.suppress(ProcessLookupError):
            process.kill()

    return ExecSession(ours, exit_code(), resize if has_tty else None, kill)


async def _process(runc: Runc, container_id: str, argv: list[str], size: Size) -> bytes:
    """A process like the container's own, but for its program and its terminal, which has its size from the start.
    runc by itself tells the size a moment after the program began. Raises Refusal.
    """
    asking = await asyncio.create_subprocess_exec(
        runc.program, "--root", runc.root, "state", container_id, stdout=asyncio.subprocess.PIPE
    )
    told, _ = await asking.communicate()
    try:
        with open(os.path.join(json.loads(told)["bundle"], "config.json")) as file:
            process = json.load(file)["process"]
        console = {"width": size[0], "height": size[1]}
        return json.dumps({**process, "args": argv, "terminal": True, "consoleSize": console}).encode()
    except (OSError, ValueError, KeyError) as error:
        raise Refusal(f"{runc.program} does not tell how {container_id} was made: {error}") from error


def _trouble(path: str) -> str:
    """Why runc itself failed, "" where it was the program's own exit code."""
    with contextlib.suppress(OSError, ValueError, KeyError), open(path) as file:
        lines = [json.loads(line) for line in file]
        return str(next(line["msg"] for line in reversed(lines) if line["level"] == "error"))
    return ""
