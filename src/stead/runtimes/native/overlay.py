"""The writable layer of a container over what it must not change: image layers, or this host's own directories.

Standard library only: it runs in a container's first process.
"""

import contextlib
import os

from stead.runtimes.inside import follow
from stead.runtimes.native import linux

_FRESH = ("proc", "sys", "dev", "tmp", "run")  # top directories that no host shows its pods
_WRITTEN = ("/var/log", "/var/lib", "/var/cache", "/var/tmp", "/var/spool")
_MIRROR_DEPTH = 4


class OwnLayers:
    """Makes a container's private, writable layers. `targets` are the paths at which something will be mounted.

    They lie on disk below `directory`, or in memory where the disk cannot hold them (an overlay file system itself).
    """

    def __init__(self, directory: str, is_user: bool, targets: list[str]):
        self._directory = directory
        self._place = directory
        self._options = ",userxattr" if is_user else ""
        self._opened: list[str] = []
        if is_user:
            self._opened = [*(os.path.dirname(follow("/", target)) for target in targets), *_WRITTEN]

    def cover(self, lowers: list[str], target: str, name: str) -> None:
        """Mount `lowers`, topmost first, under a writable layer called `name`. Raises OSError."""
        try:
            self._mount(lowers, target, name)
        except OSError:
            if not self._has_unfit_disk():
                raise
            self._move_to_memory()
            self._mount(lowers, target, name)

    def cover_host(self, source: str, target: str) -> None:
        """A directory of the host. In a user namespace its directories are nobody's, so those we need become ours."""
        name = source.strip("/").replace("/", "-") or "host"
        for path in self._opened:
            if path.startswith(source.rstrip("/") + "/"):
                _open_up(os.path.join(self._place, "upper", name), source, path)
        self.cover([source], target, name)

    def _mount(self, lowers: list[str], target: str, name: str) -> None:
        upper, work = (os.path.join(self._place, kind, name) for kind in ("upper", "work"))
        os.makedirs(upper, exist_ok=True)
        os.makedirs(work, exist_ok=True)
        os.chmod(upper, os.stat(lowers[0]).st_mode & 0o7777)
        layers = f"lowerdir={':'.join(map(_escaped, lowers))},upperdir={_escaped(upper)},workdir={_escaped(work)}"
        linux.mount("overlay", target, "overlay", 0, options=layers + self._options)

    def _has_unfit_disk(self) -> bool:
        """Whether even an empty directory cannot be covered."""
        if self._place != self._directory:
            return False
        empty, target = (os.path.join(self._directory, "trial", name) for name in ("empty", "target"))
        os.makedirs(empty, exist_ok=True)
        os.makedirs(target, exist_ok=True)
        try:
            self._mount([empty], target, "trial")
        except OSError:
            return True
        linux.unmount(target)
        return False

    def _move_to_memory(self) -> None:
        self._place = os.path.join(self._directory, "memory")
        os.makedirs(self._place, exist_ok=True)
        linux.mount("tmpfs", self._place, "tmpfs", linux.NO_DEVICES, options="mode=755")


def _open_up(upper: str, source: str, path: str) -> None:
    """Directories in the upper layer, down to `path`, that merge with the host's and keep their modes."""
    place = source.rstrip("/")
    os.makedirs(upper, exist_ok=True)
    for part in path[len(place) :].strip("/").split("/"):
        place, upper = f"{place}/{part}", f"{upper}/{part}"
        os.makedirs(upper, exist_ok=True)
        if os.path.isdir(place):
            os.chmod(upper, os.stat(place).st_mode & 0o7777)


def _escaped(path: str) -> str:
    return path.replace("\\", "\\\\").replace(":", "\\:").replace(",", "\\,")


# the host's own root


def mount_host_root(own: OwnLayers, root: str) -> None:
    """The host's `/`: in one overlay where the kernel lets us, else directory by directory."""
    try:
        own.cover_host("/", root)
    except OSError:
        linux.mount("tmpfs", root, "tmpfs", 0, options="mode=755,size=16m")
        _mirror(own, "/", root, _MIRROR_DEPTH)
        return
    for path in _mounted_directories():
        place = follow(root, path)
        if os.path.isdir(place):
            _cover_or_bind(own, path, place)


def _mounted_directories() -> list[str]:
    """Where else the host has mounted something that programs may need (/usr, /home, ...), outermost first."""
    points = set(linux.mount_points())
    return sorted(path for path in points if path.split("/")[1] not in ("", *_FRESH) and os.path.isdir(path))


def _mirror(own: OwnLayers, source: str, target: str, depth: int) -> None:
    """Show `source` at `target`; directories with mounts below them cannot be a lower layer and are opened up."""
    for entry in sorted(os.scandir(source), key=lambda entry: entry.name):
        place = os.path.join(target, entry.name)
        if source == "/" and entry.name in _FRESH:
            os.mkdir(place)
        elif entry.is_symlink():
            os.symlink(os.readlink(entry.path), place)
        elif entry.is_dir(follow_symlinks=False):
            os.mkdir(place)
            _mirror_directory(own, entry.path, place, depth)
        elif entry.is_file(follow_symlinks=False):
            bind_node(entry.path, place)


def _mirror_directory(own: OwnLayers, source: str, place: str, depth: int) -> None:
    try:
        own.cover_host(source, place)
    except OSError:
        if depth and os.access(source, os.R_OK | os.X_OK):
            _mirror(own, source, place, depth - 1)
        else:
            _cover_or_bind(own, source, place)


def _cover_or_bind(own: OwnLayers, source: str, place: str) -> None:
    """Writable in private, else read-only, else not at all."""
    with contextlib.suppress(OSError):
        own.cover_host(source, place)
        return
    with contextlib.suppress(OSError):
        linux.mount(source, place, None, linux.BIND | linux.RECURSIVE)
        make_read_only(place)


def make_read_only(place: str) -> None:
    """Remount read-only, with the flags that a user namespace may not take away. Raises OSError."""
    flags = os.statvfs(place).f_flag & (linux.NO_SUID | linux.NO_DEVICES | linux.NO_EXEC)
    linux.mount(None, place, None, linux.REMOUNT | linux.BIND | linux.READ_ONLY | flags)


def bind_node(source: str, place: str) -> None:
    """Bind a file or a device node where nothing is yet."""
    with open(place, "w"):
        pass
    linux.mount(source, place, None, linux.BIND)
