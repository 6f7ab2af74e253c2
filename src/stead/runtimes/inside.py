"""Paths inside a root that is not ours: links are followed as if the root were `/`. Standard library only."""

import os
import stat

_LINK_LIMIT = 40


def follow(root: str, path: str) -> str:
    """Where `path` leads when `root` is `/`; the parts that do not exist are kept. Raises OSError for endless links."""
    done: list[str] = []
    todo = [part for part in reversed(path.split("/")) if part]
    links = 0
    while todo:
        part = todo.pop()
        if part == ".":
            continue
        if part == "..":
            done[-1:] = []
            continue
        place = os.path.join(root, *done, part)
        if not os.path.islink(place):
            done.append(part)
            continue
        links += 1
        if links > _LINK_LIMIT:
            raise OSError(f"too many links in {path}")
        target = os.readlink(place)
        done = [] if target.startswith("/") else done
        todo += [step for step in reversed(target.split("/")) if step]
    return os.path.join(root, *done)


def part(root: str, path: str) -> str:
    """The place of `path`, a directory made where nothing is yet. Raises OSError."""
    rest = os.path.relpath(follow(root, path), root)
    os.close(held(root, rest, makes=True))
    return os.path.normpath(os.path.join(root, rest))


def held(root: str, path: str, *, makes: bool = False) -> int:
    """A descriptor (O_PATH) of `path` below `root`, a path in which `follow` has followed every link. With `makes`, the
    directories that are missing are made.

    Who lives in `root` may put a link where there was none; each step is taken from the directory held open by the one
    before, and no link is followed any more. Raises OSError.
    """
    place = os.open(root, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    for part in path.split("/"):
        if part in ("", "."):
            continue
        try:
            step = _step(place, part, makes)
        finally:
            os.close(place)
        place = step
    return place


def _step(place: int, part: str, makes: bool) -> int:
    try:
        step = os.open(part, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=place)
    except FileNotFoundError:
        if not makes:
            raise
        os.mkdir(part, dir_fd=place)
        step = os.open(part, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=place)
    if part == ".." or stat.S_ISLNK(os.fstat(step).st_mode):
        os.close(step)
        raise OSError(f"{part} has become a link meanwhile")
    return step
