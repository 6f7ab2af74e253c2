"""Where a program keeps its variables while it runs, and how many steps it has left."""

from collections.abc import Callable
from typing import Any

from stead.kinds.cel.faults import TooCostly


class Frame:
    """The slots of one run. `left` goes down with every step; below zero the run ends."""

    __slots__ = ("left", "slots")

    def __init__(self, slots: list[Any], left: int) -> None:
        self.slots = slots
        self.left = left

    def spend(self, steps: int) -> None:
        """Pay for work in proportion to its size."""
        self.left -= steps
        if self.left < 0:
            raise TooCostly


Run = Callable[[Frame], Any]
