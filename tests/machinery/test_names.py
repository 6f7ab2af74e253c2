"""How revisions are called (RV-2, RV-3 in controller.md)."""

from stead.machinery.names import revision_hash, revision_name

DATA = b'{"spec":{"template":{"$patch":"replace"}}}'


def test_a_hash_is_made_of_letters_that_spell_nothing() -> None:
    assert set(revision_hash(DATA, 0)) <= set("456789bcdf")


def test_each_collision_makes_another_name() -> None:
    assert len({revision_name("web", DATA, count) for count in range(20)}) == 20


def test_long_names_are_cut() -> None:
    name = revision_name("w" * 250, DATA, 0)
    assert name == "w" * 223 + "-" + revision_hash(DATA, 0)


def test_fnv1_by_hand() -> None:
    # "" and the count 0: 0x811c9dc5 * 0x01000193, then xor with "0"
    digits = str((0x811C9DC5 * 0x01000193) % 2**32 ^ ord("0"))
    assert revision_hash(b"", 0) == "".join("bcdfghjklmnpqrstvwxz2456789"[ord(digit) % 27] for digit in digits)
