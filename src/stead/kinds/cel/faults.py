"""What can go wrong with an expression: when it is read, and when it is run."""

from msgspec import Struct


class Fault(Struct, frozen=True):
    """One fault of an expression's text, at a character."""

    at: int
    text: str

    def shown(self, source: str) -> str:
        """As clients know it: line and column, the line, and a mark under the character."""
        before = source[: self.at]
        line = before.count("\n")
        column = self.at - (before.rfind("\n") + 1)
        shown = source.split("\n")[line]
        mark = "." * column + "^"
        return f"ERROR: <input>:{line + 1}:{column + 1}: {self.text}\n | {shown}\n | {mark}"


class Unreadable(Exception):
    """The text is no expression, or one whose types do not fit; `str()` tells every fault."""

    def __init__(self, source: str, faults: list[Fault]) -> None:
        self.faults = sorted(faults, key=lambda fault: fault.at)
        super().__init__("\n".join(fault.shown(source) for fault in self.faults))


class RunError(Exception):
    """The expression has no value: a missing key, an overflow, arguments that no function takes."""


class TooCostly(Exception):
    """The expression took more steps than it may; nothing in it can hide this."""


def no_overload() -> RunError:
    return RunError("no such overload")
