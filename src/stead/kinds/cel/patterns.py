"""Regular expressions of RE2, as the real server reads them: no pattern takes more than linear time."""

from functools import lru_cache
from typing import Any

from stead.machinery.late import Late

re2: Any = Late("re2")


@lru_cache(maxsize=1024)
def compiled(pattern: str) -> Any:
    """The pattern, or the text of what is wrong with it."""
    options = re2.Options()
    options.log_errors = False
    options.never_nl = False
    try:
        return re2.compile(pattern, options)
    except re2.error as wrong:
        told = wrong.args[0]
        text = told.decode(errors="replace") if isinstance(told, bytes) else str(told)
        word, _, rest = text.partition(": ")
        return f"error parsing regexp: {_WORDS.get(word, word)}: `{_quoted(word, rest, pattern)}`"


_WORDS = {
    "invalid perl operator": "invalid or unsupported Perl syntax",
    "missing )": "missing closing )",
    "missing ]": "missing closing ]",
    "no argument for repetition operator": "missing argument to repetition operator",
    "bad repetition operator": "invalid nested repetition operator",
    "invalid repetition size": "invalid repeat count",
}


def _quoted(word: str, rest: str, pattern: str) -> str:
    return pattern if word == "missing )" else rest


def fault(pattern: str) -> str:
    """What is wrong with a pattern, "" where nothing is."""
    found = compiled(pattern)
    return found if isinstance(found, str) else ""


def matches(pattern: str, text: str) -> bool:
    """Whether the pattern is found anywhere in the text; raises ValueError for a pattern that is none."""
    found = compiled(pattern)
    if isinstance(found, str):
        raise ValueError(found)
    return found.search(text) is not None


def found_in(pattern: str, text: str, limit: int) -> list[str]:
    """What the pattern matches, from the left, at most `limit` times (below zero: all)."""
    found = compiled(pattern)
    if isinstance(found, str):
        raise ValueError(found)
    made: list[str] = []
    for match in found.finditer(text):
        if 0 <= limit <= len(made):
            break
        made.append(match.group(0))
    return made
