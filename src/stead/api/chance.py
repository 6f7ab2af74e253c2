"""What is drawn by lot: uids and the ends of generated names. The dice are handed in, so a seed repeats them."""

from random import Random

LETTERS = "bcdfghjklmnpqrstvwxz2456789"  # no vowels, no 0, 1, 3: nothing that reads as a word or as another letter
SUFFIX = 5
LONGEST_NAME = 63


def uid(chance: Random) -> str:
    """A random (version 4) UUID as text."""
    digits = f"{chance.getrandbits(128):032x}"
    variant = "89ab"[int(digits[16], 16) % 4]
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:]}"


def suffix(chance: Random) -> str:
    return "".join(chance.choice(LETTERS) for _ in range(SUFFIX))


def generated_name(base: str, chance: Random) -> str:
    """`base` and a random end, cut so that the whole is a legal label."""
    return base[: LONGEST_NAME - SUFFIX] + suffix(chance)
