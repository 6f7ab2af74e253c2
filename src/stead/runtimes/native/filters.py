"""Programs of the kernel's packet filter language, as seccomp runs them for each system call. Pure.

Written with labels. The language jumps 255 instructions far at most, except without a condition: so a condition here
skips one unconditional jump, or does not.
"""

import struct
from typing import NamedTuple

NUMBER, ARCHITECTURE, FIRST_ARGUMENT = 0, 4, 16  # offsets in what the kernel shows the program
MOST = 4096  # instructions, says the kernel
_LOAD, _AND, _JUMP, _RETURN = 0x20, 0x54, 0x05, 0x06
_TESTS = {"==": 0x15, ">": 0x25, ">=": 0x35}
_HALF = 0xFFFFFFFF


class Comparison(NamedTuple):
    """Of argument `place` (0 to 5), after `mask`, with `value`; `sign` is one of == != > >= < <=."""

    place: int
    sign: str
    value: int
    mask: int = 0xFFFFFFFFFFFFFFFF


class Program:
    """Instructions and labels, in order; every label lies behind the jumps to it."""

    def __init__(self) -> None:
        self._lines: list[tuple[int, int, int, int | str]] = []
        self._places: dict[str, int] = {}
        self._fresh = 0

    def label(self) -> str:
        """A fresh one."""
        self._fresh += 1
        return f"#{self._fresh}"

    def place(self, label: str) -> None:
        self._places[label] = len(self._lines)

    def load(self, offset: int) -> None:
        self._lines.append((_LOAD, 0, 0, offset))

    def mask(self, bits: int) -> None:
        self._lines.append((_AND, 0, 0, bits))

    def go(self, label: str) -> None:
        self._lines.append((_JUMP, 0, 0, label))

    def answer(self, action: int) -> None:
        self._lines.append((_RETURN, 0, 0, action))

    def go_if(self, sign: str, value: int, label: str) -> None:
        """Jump where what was loaded compares so; go on where it does not."""
        self._lines.append((_TESTS[sign], 0, 1, value))
        self.go(label)

    def go_unless(self, sign: str, value: int, label: str) -> None:
        self._lines.append((_TESTS[sign], 1, 0, value))
        self.go(label)

    def compare(self, test: Comparison, no: str) -> None:
        """Go on where the argument, of 64 bits, compares so; jump where it does not."""
        if test.sign in ("!=", "<", "<="):
            yes = self.label()
            self.compare(test._replace(sign={"!=": "==", "<": ">=", "<=": ">"}[test.sign]), yes)
            self.go(no)
            self.place(yes)
            return
        low, high = test.value & test.mask & _HALF, (test.value & test.mask) >> 32
        self._half(test, high=True)
        if test.sign == "==":
            self.go_unless("==", high, no)
            self._half(test, high=False)
            self.go_unless("==", low, no)
            return
        yes = self.label()
        self.go_if(">", high, yes)
        self.go_unless("==", high, no)
        self._half(test, high=False)
        self.go_unless(test.sign, low, no)
        self.place(yes)

    def _half(self, test: Comparison, *, high: bool) -> None:
        bits = test.mask >> 32 if high else test.mask & _HALF
        self.load(FIRST_ARGUMENT + 8 * test.place + (4 if high else 0))
        if bits != _HALF:
            self.mask(bits)

    def assembled(self) -> bytes:
        """Raises ValueError where the kernel would refuse it for its length."""
        if len(self._lines) > MOST:
            raise ValueError(f"it makes {len(self._lines)} instructions, the kernel takes {MOST}")
        return b"".join(
            struct.pack("HBBI", code, yes, no, self._places[value] - at - 1 if isinstance(value, str) else value)
            for at, (code, yes, no, value) in enumerate(self._lines)
        )
