"""Every rule of the StatefulSet controller has a test that names it, as `RU-3` or in a test's name as `ru_3`."""

import re
from pathlib import Path

TESTS = Path(__file__).parents[1]
RULES = {
    "ID": 11,
    "PVC": 8,
    "CL": 8,
    "Q": 8,
    "SY": 5,
    "RE": 3,
    "PR": 11,
    "SD": 8,
    "RU": 13,
    "RV": 8,
    "ST": 10,
    "RP": 10,  # RP-11 is about the rights a cluster gives, and no behaviour of the controller
    "DL": 7,
}
NAMED = re.compile(r"(?<![A-Za-z])([A-Za-z]{1,3})[-_](\d+)(?: to [A-Z]+-(\d+)|_to_(\d+))?")


def test_every_rule_is_named_by_a_test() -> None:
    pages = [path for path in TESTS.rglob("test_*.py") if path != Path(__file__)]
    named = {one for path in pages for one in _rules(path.read_text("utf-8"))}
    wanted = {(family, number) for family, last in RULES.items() for number in range(1, last + 1)}
    assert sorted(f"{family}-{number}" for family, number in wanted - named) == []


def _rules(text: str) -> set[tuple[str, int]]:
    """Only inside of tests: what a page's first lines promise is not yet shown."""
    body = text.partition('"""\n')[2]
    found = set()
    for family, first, *lasts in NAMED.findall(body):
        last = next(filter(None, lasts), first)
        found |= {(family.upper(), number) for number in range(int(first), int(last) + 1)}
    return found
