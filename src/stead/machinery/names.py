"""Names that are computed: a revision is called after what is in it (RV-2 and RV-3 in controller.md)."""

from functools import lru_cache

_PRIME = 0x01000193
_START = 0x811C9DC5
_LETTERS = "bcdfghjklmnpqrstvwxz2456789"  # nothing in it can spell a word
_LONGEST_SET_NAME = 223
_REMEMBERED = 256  # every round of a set asks for the same few


def revision_name(set_name: str, data: bytes, collision_count: int) -> str:
    """What the ControllerRevision of a set with that data is called; the count makes another name of the same data."""
    return f"{set_name[:_LONGEST_SET_NAME]}-{revision_hash(data, collision_count)}"


@lru_cache(_REMEMBERED)
def revision_hash(data: bytes, collision_count: int) -> str:
    """The end of a revision's name, which is also its hash label."""
    digits = str(_fnv1(data + str(collision_count).encode()))
    return "".join(_LETTERS[ord(digit) % len(_LETTERS)] for digit in digits)


def _fnv1(data: bytes) -> int:
    """32-bit FNV-1: multiply, then xor."""
    total = _START
    for byte in data:
        total = (total * _PRIME & 0xFFFFFFFF) ^ byte
    return total
