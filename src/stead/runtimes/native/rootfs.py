"""A container's root: layers or the host's own `/` under a private top layer, with volumes and pod files bound in.

Runs in the container's first process, in a mount namespace of its own: when that process ends, so do all these mounts.
Paths of the image are followed inside the new root only, so no link in an image leads a mount out of it.
"""

import os
from typing import Any

from stead.runtimes.inside import follow, held
from stead.runtimes.native import linux, overlay

_DEVICES = ("null", "zero", "full", "random", "urandom", "tty")
_LINKS = (("fd", "/proc/self/fd"), ("stdin", "fd/0"), ("stdout", "fd/1"), ("stderr", "fd/2"), ("ptmx", "pts/ptmx"))
_HIDDEN = ("/proc/kcore", "/proc/keys", "/proc/timer_list", "/proc/sched_debug")

Spec = dict[str, Any]


def build(spec: Spec) -> str:
    """Mount everything; answers where. Raises OSError.

    `directory` is the attempt's own; `lowers` are image layers in `layers`, topmost first ([] is the host's root);
    `files` are (source, target) for /etc; `mounts` (source, target, is_read_only); `roots` the volumes of those
    mounts that are part of one, by target; `hidden` host paths to cover.
    """
    linux.mount(None, "/", None, linux.RECURSIVE | linux.PRIVATE)
    targets = [target for _, target, *_ in (*spec["files"], *spec["mounts"])]
    own = overlay.OwnLayers(spec["directory"], spec["is_user"], targets)
    root = os.path.join(spec["directory"], "root")
    os.makedirs(root, exist_ok=True)
    if spec["lowers"]:
        os.chdir(spec["layers"])  # short names: all of them must fit one page of mount options
        own.cover(spec["lowers"], root, "image")
    else:
        overlay.mount_host_root(own, root)
        for path in spec["hidden"]:
            _hide(root, path)
    _kernel_places(root, spec["is_host_ipc"], spec["most_in_namespace"])
    _temporary_places(root, is_image=bool(spec["lowers"]))
    for source, target in spec["files"]:
        _bind_file(root, source, target)
    for source, target, is_read_only in spec["mounts"]:
        _bind_held(root, spec["roots"].get(target, ""), source, target=target, is_read_only=is_read_only)
    if spec["is_root_read_only"]:
        overlay.make_read_only(root)
    return root


def _hide(root: str, path: str) -> None:
    place = follow(root, path)
    if os.path.isdir(place):
        linux.mount("tmpfs", place, "tmpfs", linux.READ_ONLY | linux.NO_SUID, options="size=4k,mode=755")


def _kernel_places(root: str, is_host_ipc: bool, most: int) -> None:
    """`most` processes may be in our namespace, 0 any number."""
    for name in ("proc", "sys", "dev"):
        os.makedirs(os.path.join(root, name), exist_ok=True)
    safe = linux.NO_SUID | linux.NO_DEVICES | linux.NO_EXEC
    _mount_or_bind("proc", os.path.join(root, "proc"), safe)
    _mount_or_bind("sysfs", os.path.join(root, "sys"), safe | linux.READ_ONLY)
    if most:
        with open(os.path.join(root, "proc/sys/kernel/pid_max"), "w") as file:
            file.write(str(most))
    for path in _HIDDEN:
        if os.path.exists(root + path):
            linux.mount("/dev/null", root + path, None, linux.BIND)
    _devices(os.path.join(root, "dev"), is_host_ipc)


def _mount_or_bind(kind: str, place: str, flags: int) -> None:
    """A fresh kernel file system; where the machine covers its own (as in engines' containers), the one it has."""
    try:
        linux.mount(kind, place, kind, flags)
    except PermissionError:
        linux.mount("/proc" if kind == "proc" else "/sys", place, None, linux.BIND | linux.RECURSIVE)


def _devices(place: str, is_host_ipc: bool) -> None:
    linux.mount("tmpfs", place, "tmpfs", linux.NO_SUID, options="mode=755,size=64k")
    for name in _DEVICES:
        overlay.bind_node(f"/dev/{name}", f"{place}/{name}")
    for name, target in _LINKS:
        os.symlink(target, f"{place}/{name}")
    for name in ("pts", "shm"):
        os.mkdir(f"{place}/{name}")
    linux.mount(
        "devpts", f"{place}/pts", "devpts", linux.NO_SUID | linux.NO_EXEC, options="newinstance,ptmxmode=0666,mode=0620"
    )
    if is_host_ipc:
        linux.mount("/dev/shm", f"{place}/shm", None, linux.BIND)
        return
    linux.mount("tmpfs", f"{place}/shm", "tmpfs", linux.NO_SUID | linux.NO_DEVICES, options="mode=1777,size=64m")


def _temporary_places(root: str, is_image: bool) -> None:
    if is_image:
        os.makedirs(os.path.join(root, "tmp"), mode=0o1777, exist_ok=True)
        return
    for name, mode in (("run", "755"), ("tmp", "1777")):
        os.makedirs(os.path.join(root, name), exist_ok=True)
        linux.mount(
            "tmpfs", os.path.join(root, name), "tmpfs", linux.NO_SUID | linux.NO_DEVICES, options=f"mode={mode}"
        )
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
        overlay.make_read_only(place)


def _bind_held(root: str, volume: str, source: str, *, target: str, is_read_only: bool) -> None:
    """Bind a part of a `volume` ("": a whole one) that other containers may be changing: a link that has come into the
    way since it was looked at is not followed.
    """
    if not volume:
        _bind(root, source, target, is_read_only)
        return
    part = held(volume, os.path.relpath(source, volume))
    try:
        _bind(root, f"/proc/self/fd/{part}", target, is_read_only)
    finally:
        os.close(part)


def _bind_file(root: str, source: str, target: str) -> None:
    """Bind a pod's own file in place of what the image has there, a link too."""
    place = os.path.join(follow(root, os.path.dirname(target)), os.path.basename(target))
    if os.path.islink(place):
        os.unlink(place)
    _bind(root, source, target, is_read_only=False)
