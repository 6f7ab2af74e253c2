"""Shares round both ways; numbers are themselves."""

import pytest

from stead.machinery import intstr


@pytest.mark.parametrize(
    "written, total, up, down",
    [(3, 10, 3, 3), ("25%", 10, 3, 2), ("0%", 10, 0, 0), ("100%", 7, 7, 7), ("1%", 1, 1, 0), ("150%", 3, 5, 4)],
)
def test_rounding(written: int | str, total: int, up: int, down: int) -> None:
    assert intstr.scaled(written, total, rounds_up=True) == up
    assert intstr.scaled(written, total, rounds_up=False) == down


@pytest.mark.parametrize("written", ["5", "%", "a%", "1.5%", "9" * 5000 + "%"])
def test_not_a_share(written: str) -> None:
    with pytest.raises(ValueError, match="string is not a percentage"):
        intstr.scaled(written, 10, rounds_up=True)
