"""A pod's own volumes on disk, and where each of a container's mounts really comes from."""

import contextlib
import os
import re
import shutil
import stat
import uuid

from stead.machinery.runtime import EmptyDir, Mount, RunSandbox, VolumeFiles
from stead.runtimes import inside, lending, trees

ALL_GROUPS = 1 << 32
_OWN = "volume:"
_DATA = "..data"
_FRESH = re.compile(r"\.\.[0-9a-f]{12}")
_TYPES = {
    "Directory": stat.S_ISDIR,
    "File": stat.S_ISREG,
    "Socket": stat.S_ISSOCK,
    "CharDevice": stat.S_ISCHR,
    "BlockDevice": stat.S_ISBLK,
}

_CALLED = {
    "Directory": "directory",
    "File": "file",
    "Socket": "socket file",
    "CharDevice": "character device",
    "BlockDevice": "block device",
}


class VolumeTrouble(Exception):
    """A mount that cannot be made; the message says why."""


class PartTrouble(Exception):
    """A part of a volume (`subPath`) that cannot be mounted; the message says which and why."""


def make(directory: str, volume: VolumeFiles | EmptyDir, group: int | None) -> None:
    """Have the volume under the pod's `directory`; files are replaced all at once, so a reader sees old or new."""
    place = os.path.join(directory, volume.name)
    os.makedirs(place, exist_ok=True)
    if isinstance(volume, VolumeFiles):
        _replace_files(place, volume)
    else:
        os.chmod(place, 0o777)
    if group is not None:
        trees.give_to_group(place, group)


def in_memory(directory: str, order: RunSandbox, groups: int) -> list[tuple[str, str]]:
    """(place, mount options) of the pod's volumes that live in memory, where there are so many `groups`."""
    found = [volume for volume in order.volumes if isinstance(volume, EmptyDir) and volume.is_memory]
    has_group = order.fs_group is not None and order.fs_group < groups
    group = f"mode=2777,gid={order.fs_group}" if has_group else "mode=1777"
    return [(os.path.join(directory, volume.name), group + _size(volume)) for volume in found]


def _size(volume: EmptyDir) -> str:
    return "" if volume.size_limit_bytes is None else f",size={volume.size_limit_bytes}"


def _replace_files(place: str, volume: VolumeFiles) -> None:
    fresh = f"..{uuid.uuid4().hex[:12]}"
    for file in volume.files:
        path = inside.follow(os.path.join(place, fresh), file.path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as target:
            target.write(file.data)
        os.chmod(path, file.mode)
    os.makedirs(os.path.join(place, fresh), exist_ok=True)
    old = _told_by_link(os.path.join(place, _DATA))
    os.symlink(fresh, os.path.join(place, "..new"))
    os.replace(os.path.join(place, "..new"), os.path.join(place, _DATA))
    _link_heads(place, {file.path.lstrip("/").partition("/")[0] for file in volume.files})
    if old:
        shutil.rmtree(os.path.join(place, old), ignore_errors=True)


def _told_by_link(link: str) -> str:
    """The directory of ours behind the link, "" where somebody in the pod has put something else in its place."""
    name = os.readlink(link) if os.path.islink(link) else ""
    return name if _FRESH.fullmatch(name) else ""


def _link_heads(place: str, heads: set[str]) -> None:
    """One link for each top name, through the one link that moves."""
    for name in sorted(set(os.listdir(place)) - heads):
        if os.path.islink(os.path.join(place, name)) and name != _DATA:  # directories are places for other mounts
            os.unlink(os.path.join(place, name))
    for name in sorted(heads):
        with contextlib.suppress(FileExistsError):
            os.symlink(f"{_DATA}/{name}", os.path.join(place, name))


def give_to_group_once(place: str, group: int) -> None:
    """fsGroup for a volume that outlives its pods: nothing is changed where its root belongs to the group already."""
    found = os.stat(place)
    if found.st_gid != lending.outer_group(group) or found.st_mode & 0o2070 != 0o2070:
        trees.give_to_group(place, group)


def make_places(mounts: list[tuple[str, str, bool]]) -> None:
    """Where one mount lies inside another that is read-only, make its place there first: inside it is too late."""
    for source, target, _ in mounts:
        outer = [mount for mount in mounts if _is_below(target, mount[1])][-1:]  # the innermost of them
        for root, path, is_read_only in outer:
            if is_read_only:
                with contextlib.suppress(OSError):  # what cannot be made is told by the mount that fails
                    _make_place(source, root, os.path.relpath(target, path))


def _is_below(path: str, other: str) -> bool:
    return path.rstrip("/").startswith(other.rstrip("/") + "/")


def _make_place(source: str, root: str, path: str) -> None:
    path = os.path.relpath(inside.follow(root, path), root)
    if os.path.isdir(source):
        os.close(inside.held(root, path, makes=True))
        return
    folder = inside.held(root, os.path.dirname(path), makes=True)
    try:
        os.close(os.open(os.path.basename(path), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644, dir_fd=folder))
    finally:
        os.close(folder)


def source_of(mount: Mount, directory: str) -> str:
    """The host path behind a mount, made or checked as its type asks. Raises VolumeTrouble, PartTrouble, OSError.

    Of a `subPath` no link is left in it: who mounts it holds it from its volume on (`volume_of`, `inside.held`).
    """
    volume = _checked(volume_of(mount, directory), mount)
    if not mount.within:
        return volume
    path = os.path.relpath(_absolute(mount.source, directory), volume)
    try:
        return _part(volume, path)
    except OSError as error:
        why = f"{path}: {(error.strerror or str(error)).lower()}"
        raise PartTrouble(f'failed to create subPath directory for volumeMount "{mount.name}": {why}') from error


def _part(volume: str, path: str) -> str:
    try:
        return inside.part(volume, path)
    except PermissionError:
        if not lending.lent():
            raise
        return str(lending.ask("part", volume, path))  # of a directory of theirs


def volume_of(mount: Mount, directory: str) -> str:
    """The host path of the volume that a mount is all of or, with a `subPath`, part of."""
    return _absolute(mount.within or mount.source, directory)


def _absolute(source: str, directory: str) -> str:
    if source.startswith(_OWN):
        return os.path.normpath(os.path.join(directory, source.removeprefix(_OWN)))
    if not source.startswith("/"):
        raise VolumeTrouble(f"mount source {source!r} is neither absolute nor a volume of the pod")
    return os.path.normpath(source)


def _checked(source: str, mount: Mount) -> str:
    kind = mount.host_type
    if kind in ("", "DirectoryOrCreate"):
        if not os.path.exists(source):
            _make_directory(source, 0o777 if not kind else 0o755)
    elif kind == "FileOrCreate":
        if not os.path.exists(source):
            with open(source, "a"):
                pass
    elif kind in _TYPES and not (os.path.exists(source) and _TYPES[kind](os.stat(source).st_mode)):
        told = f"hostPath type check failed: {source} is not a {_CALLED[kind]}"
        raise VolumeTrouble(f'MountVolume.SetUp failed for volume "{mount.name}" : {told}')
    return source


def _make_directory(source: str, mode: int) -> None:
    try:
        os.makedirs(source)
        os.chmod(source, mode)
    except OSError as error:
        raise VolumeTrouble(f"cannot make {source}: {error.strerror}") from error
