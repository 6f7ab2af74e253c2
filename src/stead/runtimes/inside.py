"""Paths inside a root that is not ours: links are followed as if the root were `/`. Standard library only."""

import os

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
    place = follow(root, path)
    if not os.path.exists(place):
        os.makedirs(place)
    return place
