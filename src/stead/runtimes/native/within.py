"""Deeds on files that belong to lent users, done by root of a user namespace that has these users.

Runs as `python3 -I -S` for as long as one deed takes, started by `lending`; standard library only.
"""

import json
from collections.abc import Callable
from typing import Any

from stead.runtimes import inside, layers, trees
from stead.runtimes.native import subordinates


def main(text: str) -> None:
    """`text` is JSON: a deed and its arguments. Prints what came of it: `{"result"}`, or `{"error", "kind", ...}`."""
    name, *arguments = json.loads(text)
    try:
        subordinates.become_root(0)
        told: dict[str, Any] = {"result": _DEEDS[name](*arguments)}
    except layers.BadLayer as error:
        told = {"error": str(error), "kind": "layer"}
    except OSError as error:
        told = {"error": error.strerror or str(error), "kind": "system", "number": error.errno, "path": error.filename}
    print(json.dumps(told))


def _nothing() -> None:
    return None


_DEEDS: dict[str, Callable[..., Any]] = {
    "nothing": _nothing,
    "remove": trees.remove_tree,
    "usage": trees.disk_usage,
    "group": trees.give_to_group,
    "unpack": layers.unpack,
    "part": inside.part,
}
