"""A small disk of a stead's own: a file system in a mount namespace, which is gone when its last process is."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.crashes.living import Stead

# An ordinary user mounts as root of a user namespace, and is an ordinary user of another within.
_AS_USER = "unshare --user --map-user=1000 --map-group=1000 --mount "
_WAIT = "sh -c 'echo mounted; exec cat'"
_MOUNTS = {
    "tmpfs": "mount -t tmpfs -o size={size}m none {place}",
    "ext4": "truncate -s {size}m {place}.img && mkfs.ext4 -q -F {place}.img && mount -o loop {place}.img {place}",
}


class SmallDisk:
    """`place` is where those inside find it, `seen` where we do."""

    def __init__(self, folder: Path, kind: str, megabytes: int) -> None:
        self._megabytes = megabytes
        self.place = folder / "disk"
        self.place.mkdir()
        is_root = os.geteuid() == 0
        mount = _MOUNTS[kind].format(size=megabytes, place=self.place)
        script = f"set -e; {mount}; chmod 777 {self.place}; exec {'' if is_root else _AS_USER}{_WAIT}"
        self._holder = subprocess.Popen(
            ["unshare", "-m" if is_root else "-rm", "sh", "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert self._holder.stdout is not None
        told = self._holder.stdout.readline()
        assert told == b"mounted\n", f"a {kind} cannot be mounted here"
        self.seen = Path(f"/proc/{self._holder.pid}/root{self.place}")
        self._way = ["nsenter", "-t", str(self._holder.pid), "-m"]
        self._way += [] if is_root else ["-U", "--preserve-credentials"]

    def words(self, *words: str) -> list[str]:
        """A command that runs inside."""
        return [*self._way, *words]

    def run(self, *words: str) -> str:
        done = subprocess.run(self.words(*words), capture_output=True, text=True, timeout=60, check=False)
        return done.stdout + done.stderr

    @property
    def room(self) -> int:
        """Bytes left for those inside."""
        found = os.statvfs(self.seen)
        return found.f_bavail * found.f_frsize

    def take(self, megabytes: int) -> None:
        """So much less room, until `empty`."""
        self.run("sh", "-c", f"head -c {megabytes}M /dev/zero >> {self.place}/ballast")

    def fill(self) -> None:
        """To the last block."""
        self.run("sh", "-c", f"cat /dev/zero >> {self.place}/ballast")

    def empty(self) -> None:
        self.run("rm", "-f", f"{self.place}/ballast")

    def be_full(self, is_full: bool) -> None:
        """At once, and however large it is: root makes it as small as what is on it, others fill it."""
        if os.geteuid() != 0:
            (self.fill if is_full else self.empty)()
            return
        found = os.statvfs(self.seen)
        used = (found.f_blocks - found.f_bfree) * found.f_frsize
        size = f"{max(used, 4096) // 1024}k" if is_full else f"{self._megabytes}m"
        self.run("mount", "-o", f"remount,size={size}", str(self.place))

    def leave(self) -> None:
        assert self._holder.stdin is not None
        self._holder.stdin.close()
        self._holder.wait()


class SteadOnDisk(Stead):
    """A stead whose data directory is on a small disk."""

    def __init__(self, folder: Path, runtime: str, disk: SmallDisk) -> None:
        self.disk = disk
        super().__init__(folder, runtime)

    @property
    def data(self) -> Path:
        return self.disk.seen / "data"

    @property
    def inside(self) -> Path:
        return self.disk.place / "data"

    def start(self) -> None:
        self.begin(self.disk.words(*up(self.inside, self.port, self.runtime, self.program)))

    def fill(self) -> None:
        self.may_be_full = True
        self.disk.be_full(True)

    def make_room(self) -> None:
        self.disk.be_full(False)
        self.may_be_full = False

    def command(self, *words: str) -> str:
        """What another command says."""
        return self.disk.run(sys.executable, "-m", "stead", *words, "--data", str(self.inside))


def up(data: Path, port: int, runtime: str, program: Sequence[str] = ("-m", "stead")) -> list[str]:
    return [sys.executable, *program, "up", "--data", str(data), "--port", str(port), "--runtime", runtime]


@contextmanager
def a_disk(folder: Path, kind: str = "tmpfs", megabytes: int = 0) -> Iterator[SmallDisk]:
    """One of this size (0: as much as a long story may want, and an ordinary user can fill)."""
    disk = SmallDisk(folder, kind, megabytes or (2048 if os.geteuid() == 0 else 64))
    try:
        yield disk
    finally:
        disk.leave()


@contextmanager
def a_stead_on(kind: str, runtime: str, megabytes: int) -> Iterator[SteadOnDisk]:
    """Started and answering; stopped and gone when the block ends, whatever happened in it."""
    with (
        tempfile.TemporaryDirectory(prefix="stead-", ignore_cleanup_errors=True) as name,
        a_disk(Path(name), kind, megabytes) as disk,
    ):
        stead = SteadOnDisk(Path(name), runtime, disk)
        stead.start()
        try:
            stead.await_up()
            yield stead
        finally:
            stead.end()
