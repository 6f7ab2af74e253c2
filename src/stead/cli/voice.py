"""What a command that stays says, said by a thread of its own.

Who reads our lines may stop reading: a stopped terminal, a pager, a full pipe. Then the thread waits, and the server's
loop does not.
"""

import contextlib
import io
import os
import queue
import sys
import threading
from collections.abc import Iterator

KEPT_LINES = 10_000  # for a reader who is late; what comes after them is counted and lost
PATIENCE_SECONDS = 1.0  # for a reader, when we leave


@contextlib.contextmanager
def never_waiting() -> Iterator[None]:
    """Within, nothing that is printed or logged waits for its reader."""
    said, complained = Voice(sys.stdout.fileno()), Voice(sys.stderr.fileno())
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(complained):
        try:
            yield
        finally:
            said.flush()
            complained.flush()


class Voice(io.TextIOBase):
    """Writes whole lines to the file descriptor `out`, in their order, without waiting; `flush` waits a moment."""

    def __init__(self, out: int) -> None:
        self._out = out
        self._begun = ""
        self._lines: queue.Queue[str | threading.Event] = queue.Queue(KEPT_LINES)
        self._lost = 0
        threading.Thread(target=self._speak, name="voice", daemon=True).start()

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        whole, newline, self._begun = f"{self._begun}{text}".rpartition("\n")
        if newline:
            self._put(f"{whole}\n")
        return len(text)

    def flush(self) -> None:
        """Wait until all is said, but no longer than PATIENCE_SECONDS."""
        said = threading.Event()
        with contextlib.suppress(queue.Full):
            self._lines.put_nowait(said)
            said.wait(PATIENCE_SECONDS)

    def _put(self, line: str) -> None:
        try:
            self._lines.put_nowait(f"... {self._lost} lines nobody read\n{line}" if self._lost else line)
            self._lost = 0
        except queue.Full:
            self._lost += 1

    def _speak(self) -> None:
        while True:
            line = self._lines.get()
            if isinstance(line, threading.Event):
                line.set()
            else:
                with contextlib.suppress(OSError):  # who read has left; we go on
                    self._write(line.encode(errors="replace"))

    def _write(self, rest: bytes) -> None:
        while rest:
            rest = rest[os.write(self._out, rest) :]
