"""A container's root: layers or the host's own `/` under a private top layer, with volumes and pod files bound in.

Runs in the container's first process, in a mount namespace of its own: when that process ends, so do all these mounts.
Paths of the image are followed inside the new root only, so no link in an image leads a mount out of it.
"""

import os
from typing import Any

from stead.runtimes.inside import follow
from stead.runtimes.native import linux

_DEVICES = ("null", "zero", "full", "random", "urandom", "tty")
_LINKS = (("fd", "/proc/self/fd"), ("stdin", "fd/0"), ("stdout", "fd/1"), ("stderr", "fd/2"), ("ptmx", "pts/ptmx"))
_FRESH = ("proc", "sys", "dev", "tmp", "run")  # top directories that no host shows its pods
_HIDDEN = ("/proc/kcore", "/proc/keys", "/proc/timer_list", "/proc/sched_debug")
_WRITTEN = ["/var/log", "/var/lib", "/var/cache", "/var/tmp", "/var/spool"]
_MIRROR_DEPTH = 4

Spec = dict[str, Any]


def build(spec: Spec) -> str:
    """Mount everything; answers where. Raises OSError.

    `directory` is the attempt's own; `lowers` are image layers in `layers`, topmost first ([] is the host's root);
    `files` are (source, target) for /etc; `mounts` (source, target, is_read_only); `hidden` host paths to cover.
    """
    linux.mount(None, "/", None, linux.RECURSIVE | linux.PRIVATE)
    top = _Top(spec["directory"], spec["is_user"], [target for _, target, *_ in (*spec["files"], *spec["mounts"])])
    root = os.path.join(spec["directory"], "root")
    os.makedirs(root, exist_ok=True)
    if spec["lowers"]:
        os.chdir(spec["layers"])  # short names: all of them must fit one page of mount options
        top.cover(spec["lowers"], root, "image")
    else:
        _host_root(top, root)
        for path in spec["hidden"]:
            _hide(root, path)
    _kernel_places(root)
    _temporary_places(root, is_image=bool(spec["lowers"]))
    for source, target in spec["files"]:
        _bind_file(root, source, target)
    for source, target, is_read_only in spec["mounts"]:
        _bind(root, source, target, is_read_only)
    if spec["is_root_read_only"]:
        _make_read_only(root)
    return root


class _Top:
    """Makes the private, writable layers. `targets` are the paths at which something will be mounted."""

    def __init__(self, directory: str, is_user: bool, targets: list[str]):
        self._directory = directory
        self._options = ",userxattr" if is_user else ""
        self._opened = [os.path.dirname(follow("/", target)) for target in targets] if is_user else []
        self._opened += _WRITTEN if is_user else []

    def cover(self, lowers: list[str], target: str, name: str) -> None:
        """Mount `lowers` under a writable layer called `name`."""
        upper, work = (os.path.join(self._directory, kind, name) for kind in ("upper", "work"))
        os.makedirs(upper, exist_ok=True)
        os.makedirs(work, exist_ok=True)
        os.chmod(upper, os.stat(lowers[0]).st_mode & 0o7777)
        layers = f"lowerdir={':'.join(map(_escaped, lowers))},upperdir={_escaped(upper)},workdir={_escaped(work)}"
        linux.mount("overlay", target, "overlay", 0, layers + self._options)

    def cover_host(self, source: str, target: str) -> None:
        """A directory of the host. In a user namespace its directories are nobody's, so those we need become ours."""
        name = source.strip("/").replace("/", "-") or "host"
        for path in self._opened:
            if path.startswith(source.rstrip("/") + "/"):
                _open_up(os.path.join(self._directory, "upper", name), source, path)
        self.cover([source], target, name)


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


def _host_root(top: _Top, root: str) -> None:
    """The host's `/`: in one overlay where the kernel lets us, else directory by directory."""
    try:
        top.cover_host("/", root)
    except OSError:
        linux.mount("tmpfs", root, "tmpfs", 0, "mode=755,size=16m")
        _mirror(top, "/", root, _MIRROR_DEPTH)


def _mirror(top: _Top, source: str, target: str, depth: int) -> None:
    """Show `source` at `target`; directories with mounts below them cannot be a lower layer and are opened up."""
    for entry in sorted(os.scandir(source), key=lambda entry: entry.name):
        place = os.path.join(target, entry.name)
        if source == "/" and entry.name in _FRESH:
            os.mkdir(place)
        elif entry.is_symlink():
            os.symlink(os.readlink(entry.path), place)
        elif entry.is_dir(follow_symlinks=False):
            os.mkdir(place)
            _mirror_directory(top, entry.path, place, depth)
        elif entry.is_file(follow_symlinks=False):
            _bind_node(entry.path, place)


def _mirror_directory(top: _Top, source: str, place: str, depth: int) -> None:
    try:
        top.cover_host(source, place)
    except OSError:
        if depth and os.access(source, os.R_OK | os.X_OK):
            _mirror(top, source, place, depth - 1)


def _bind_node(source: str, place: str) -> None:
    with open(place, "w"):
        pass
    linux.mount(source, place, None, linux.BIND)


def _hide(root: str, path: str) -> None:
    place = follow(root, path)
    if os.path.isdir(place):
        linux.mount("tmpfs", place, "tmpfs", linux.READ_ONLY | linux.NO_SUID, "size=4k,mode=755")


def _kernel_places(root: str) -> None:
    for name in ("proc", "sys", "dev"):
        os.makedirs(os.path.join(root, name), exist_ok=True)
    safe = linux.NO_SUID | linux.NO_DEVICES | linux.NO_EXEC
    _mount_or_bind("proc", os.path.join(root, "proc"), safe)
    _mount_or_bind("sysfs", os.path.join(root, "sys"), safe | linux.READ_ONLY)
    for path in _HIDDEN:
        if os.path.exists(root + path):
            linux.mount("/dev/null", root + path, None, linux.BIND)
    _devices(os.path.join(root, "dev"))


def _mount_or_bind(kind: str, place: str, flags: int) -> None:
    """A fresh kernel file system; where the machine covers its own (as in engines' containers), the one it has."""
    try:
        linux.mount(kind, place, kind, flags)
    except PermissionError:
        linux.mount("/proc" if kind == "proc" else "/sys", place, None, linux.BIND | linux.RECURSIVE)


def _devices(place: str) -> None:
    linux.mount("tmpfs", place, "tmpfs", linux.NO_SUID, "mode=755,size=64k")
    for name in _DEVICES:
        _bind_node(f"/dev/{name}", f"{place}/{name}")
    for name, target in _LINKS:
        os.symlink(target, f"{place}/{name}")
    for name in ("pts", "shm"):
        os.mkdir(f"{place}/{name}")
    linux.mount(
        "devpts", f"{place}/pts", "devpts", linux.NO_SUID | linux.NO_EXEC, "newinstance,ptmxmode=0666,mode=0620"
    )
    linux.mount("tmpfs", f"{place}/shm", "tmpfs", linux.NO_SUID | linux.NO_DEVICES, "mode=1777,size=64m")


def _temporary_places(root: str, is_image: bool) -> None:
    if is_image:
        os.makedirs(os.path.join(root, "tmp"), mode=0o1777, exist_ok=True)
        return
    for name, mode in (("run", "755"), ("tmp", "1777")):
        os.makedirs(os.path.join(root, name), exist_ok=True)
        linux.mount("tmpfs", os.path.join(root, name), "tmpfs", linux.NO_SUID | linux.NO_DEVICES, f"mode={mode}")
    os.mkdir(os.path.join(root, "run", "lock"), 0o1777)


def _bind(root: str, source: str, target: str, is_read_only: bool) -> None:
    place = follow(root, target)
    if os.path.isdir(source):
        os.makedirs(place, exist_ok=True)
    elif not os.path.exists(place):
        os.makedirs(os.path.dirname(place), exist_ok=True)
        with open(place, "w"):
            pass
    linux.mount(source, place, None, linux.BIND | linux.RECURSIVE)
    if is_read_only:
        _make_read_only(place)


def _bind_file(root: str, source: str, target: str) -> None:
    """Bind a pod's own file in place of what the image has there, a link too."""
    place = os.path.join(follow(root, os.path.dirname(target)), os.path.basename(target))
    if os.path.islink(place):
        os.unlink(place)
    _bind(root, source, target, is_read_only=False)


def _make_read_only(place: str) -> None:
    """Remount read-only, with the flags that a user namespace may not take away."""
    flags = os.statvfs(place).f_flag & (linux.NO_SUID | linux.NO_DEVICES | linux.NO_EXEC)
    linux.mount(None, place, None, linux.REMOUNT | linux.BIND | linux.READ_ONLY | flags)
