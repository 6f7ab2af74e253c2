"""Changed samples: what hypothesis draws, and what a plain seed draws where many are wanted fast."""

from random import Random

from hypothesis import strategies as st

SMALL = [0, 1, 0x7F, 0x80, 0xFF, 0x0A, 0x00]
SNIPPETS = [
    b"{}",
    b"[]",
    b"null",
    b'"',
    b"\\",
    b"\xff",
    b"\x00",
    b"-1",
    b"1e999",
    b"../",
    b"%00",
    b"$patch",
    b"\r\n",
    b":",
]


@st.composite
def changed(draw: st.DrawFn, samples: list[bytes]) -> bytes:
    """A sample with a few changes, or bytes out of nowhere."""
    if draw(st.integers(0, 9)) == 0:
        return draw(st.binary(max_size=200))
    return mutate(Random(draw(st.integers(0, 2**32))), samples)


def mutate(chance: Random, samples: list[bytes]) -> bytes:
    """A sample after one to six blows."""
    data = bytearray(chance.choice(samples))
    for _ in range(chance.randint(1, 6)):
        chance.choice(BLOWS)(chance, data, samples)
    return bytes(data[:100_000])


def _place(chance: Random, data: bytearray) -> int:
    return chance.randint(0, len(data))


def _flip(chance: Random, data: bytearray, samples: list[bytes]) -> None:
    if data:
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)


def _set(chance: Random, data: bytearray, samples: list[bytes]) -> None:
    if data:
        data[chance.randrange(len(data))] = chance.choice(SMALL)


def _cut(chance: Random, data: bytearray, samples: list[bytes]) -> None:
    start = _place(chance, data)
    del data[start : start + chance.randint(1, 20)]


def _truncate(chance: Random, data: bytearray, samples: list[bytes]) -> None:
    del data[_place(chance, data) :]


def _insert(chance: Random, data: bytearray, samples: list[bytes]) -> None:
    place = _place(chance, data)
    data[place:place] = chance.choice(SNIPPETS)


def _repeat(chance: Random, data: bytearray, samples: list[bytes]) -> None:
    start = _place(chance, data)
    piece = data[start : start + chance.randint(1, 60)]
    data[start:start] = piece * chance.choice((1, 2, 100))


def _join(chance: Random, data: bytearray, samples: list[bytes]) -> None:
    other = chance.choice(samples)
    start, place = chance.randint(0, len(other)), _place(chance, data)
    data[place : place + chance.randint(0, 60)] = other[start : start + chance.randint(1, 200)]


BLOWS = [_flip, _set, _cut, _truncate, _insert, _repeat, _join]
