"""Quantities read and print as the API's do (recordings sts-quantity-canonical, sts-invalid-quantity-bad)."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stead.machinery import quantity

CANONICAL = [
    ("1024Mi", "1Gi"),
    ("1.5Gi", "1536Mi"),
    (1000000, "1M"),
    ("0.5", "500m"),
    (0.5, "500m"),
    ("1000m", "1"),
    ("1500m", "1500m"),
    ("1.5", "1500m"),
    ("1000000000", "1G"),
    ("100k", "100k"),
    ("1000k", "1M"),
    ("0", "0"),
    ("-0", "0"),
    ("0Gi", "0"),
    (None, "0"),
    ("+5", "5"),
    ("-1Gi", "-1Gi"),
    ("007", "7"),
    (".5", "500m"),
    ("5.", "5"),
    (" 1Gi ", "1Gi"),
    # fewer than 1024 units, or a broken unit, of a binary amount: decimal
    ("0.5Ki", "512"),
    ("1023", "1023"),
    ("2048Ki", "2Mi"),
    ("1025Ki", "1025Ki"),
    ("0.0001Ki", "102400u"),
    ("1.0001Ki", "1024102400u"),
    # exponents keep their family
    ("1e3", "1e3"),
    ("1E3", "1e3"),
    ("12e2", "1200"),
    ("1e2", "100"),
    ("1e-3", "1e-3"),
    ("15e-1", "1500e-3"),
    ("1E", "1E"),
    # finer than a nano: rounded away from zero; larger than 2^63-1: capped
    ("0.0000000001", "1n"),
    ("-0.0000000001", "-1n"),
    ("1.0000000001", "1000000001n"),
    ("1e-99999", "1e-9"),
    ("9Ei", "9223372036854775807"),
    ("9999999999999999999", "9223372036854775807"),
    ("100E", "100E"),
]


HELD = [
    *((written, text) for written, text in CANONICAL if written not in ("+5", "007", "5.", "1E3", None)),
    ("+5", "+5"),
    ("+1Gi", "+1Gi"),
    ("007", "007"),
    ("0100Ki", "0100Ki"),
    ("5.", "5."),
    ("1E3", "1E3"),
    ("1e+3", "1e+3"),
    ("1.500", "1.500"),
    ("1.500G", "1.500G"),
    ("12.345678", "12.345678"),
    (" +1 ", "+1"),
    # what shows a factor at its end is made canonical
    ("1.50", "1500m"),
    ("1.5000", "1500m"),
    ("0.500", "500m"),
    ("1.000", "1"),
    ("08Gi", "8Gi"),
    ("+1024Ki", "1Mi"),
    # so is what is too long for a glance
    ("+123456Gi", "123456Gi"),
    ("+1234567890123456789", "1234567890123456789"),
    ("1.000000000001", "1000000001n"),
]


@pytest.mark.parametrize("written, text", HELD)
def test_the_text_under_which_it_is_kept(written: object, text: str) -> None:
    assert quantity.as_held(written) == text
    assert quantity.as_held(text) == text


@pytest.mark.parametrize(
    ("written", "text"),
    [("1.500", "1.500"), ("12.345678", "12346m"), ("1u", "1m"), ("1e-3", "1e-3"), ("1E-4", "1e-3"), ("+2", "+2")],
)
def test_whole_thousandths_are_kept_as_they_are(written: str, text: str) -> None:
    assert quantity.in_thousandths(written) == text


@pytest.mark.parametrize("written, text", CANONICAL)
def test_canonical_text(written: object, text: str) -> None:
    assert quantity.canonical(written) == text


@pytest.mark.parametrize(
    "written", ["", "1Gx", "aoeu", "1.1.M", "1+1.0M", "0.1mi ", "1 Gi", "١", "1e3x", "1KI", True, "-3.01j"]
)
def test_not_a_quantity(written: object) -> None:
    with pytest.raises(ValueError, match=r"quantities must match the regular expression|suffix"):
        quantity.canonical(written)


@pytest.mark.parametrize("written", ["1i", "0.1mi", "1Ki5", "1e", "1Ee3"])
def test_unknown_suffix(written: str) -> None:
    with pytest.raises(ValueError, match="unable to parse quantity's suffix"):
        quantity.canonical(written)


def test_the_message_is_the_recorded_one() -> None:
    with pytest.raises(ValueError) as raised:
        quantity.parse("1Gx")
    regexp = "'^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
    assert str(raised.value) == f"quantities must match the regular expression {regexp}"


def test_sums_and_order() -> None:
    assert quantity.add("1Gi", "1024Mi") == "2Gi"
    assert quantity.add("0", "1Gi") == "1Gi"
    assert quantity.add("500m", "0.5") == "1"
    assert quantity.compare("1Gi", "1G") == 1
    assert quantity.compare("1000m", "1") == 0
    assert quantity.parse("1024Mi") == quantity.parse("1Gi")
    assert quantity.value("1500m") == Fraction(3, 2)
    assert (quantity.parse("1100m").value, quantity.parse("-1100m").value) == (2, -2)
    assert quantity.parse("1.5").milli_value == 1500


@given(st.text("0123456789.+-eEinumkKMGTPx", max_size=12))
def test_canonical_text_is_its_own_canonical_text(text: str) -> None:
    try:
        once = quantity.canonical(text)
    except ValueError:
        return
    assert quantity.canonical(once) == once
    assert quantity.compare(once, text) == 0


def test_hostile_texts_cost_nothing() -> None:
    for text in ("9" * 100_000, "1e999999999", "1e-999999999", "0." + "0" * 100_000 + "1"):
        quantity.canonical(text)
