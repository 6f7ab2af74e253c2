"""Seccomp profiles of people's own: what a profile says about a call is what its program answers.

The programs run in an interpreter of the kernel's filter language, and for real in `test_native_sharing`.
"""

import errno
import json
import struct
from pathlib import Path
from typing import Any

import pytest

from stead.runtimes.native import profiles, seccomp
from stead.runtimes.native.filters import MOST, Comparison, Program
from stead.runtimes.native.profiles import Container, ProfileTrouble

X86, OLD, ARM = 0xC000003E, 0x40000003, 0xC00000B7
ALLOW, KILL, LOG, TRAP, KILL_ALL = 0x7FFF0000, 0, 0x7FFC0000, 0x00030000, 0x80000000
MKDIR, READ, CLONE, PERSONALITY, LAST = 83, 0, 56, 135, 467
ME = Container(frozenset({"CHOWN"}), "x86_64", "6.1")


def refused(number: int = errno.EPERM) -> int:
    return 0x00050000 | number


def answer(program: bytes, number: int, *arguments: int, architecture: int = X86) -> int:
    """What the kernel would do about a call."""
    given = [*arguments, *([0] * (6 - len(arguments)))]
    shown = struct.pack("<IIQ6Q", number, architecture, 0, *given)
    value, at = 0, 0
    while True:
        code, yes, no, operand = struct.unpack_from("HBBI", program, at * 8)
        at += 1
        match code:
            case 0x20:
                value = struct.unpack_from("<I", shown, operand)[0]
            case 0x54:
                value &= operand
            case 0x05:
                at += operand
            case 0x06:
                return int(operand)
            case 0x15 | 0x25 | 0x35:
                is_so = {0x15: value == operand, 0x25: value > operand, 0x35: value >= operand}[code]
                at += yes if is_so else no
            case _:
                raise AssertionError(f"the interpreter does not know {code:#x}")


def a_profile(*rules: Any, default: str = "SCMP_ACT_ALLOW", **more: Any) -> dict[str, Any]:
    return {"defaultAction": default, "syscalls": list(rules), **more}


def a_rule(*names: str, action: str = "SCMP_ACT_ERRNO", **more: Any) -> dict[str, Any]:
    return {"names": list(names), "action": action, **more}


def an_arg(index: int, op: str, value: int, second: int = 0) -> dict[str, Any]:
    return {"index": index, "op": f"SCMP_CMP_{op}", "value": value, "valueTwo": second}


@pytest.mark.parametrize(
    "rule, expected",
    [
        (a_rule("mkdir"), refused()),
        (a_rule("mkdir", errnoRet=errno.EACCES), refused(errno.EACCES)),
        (a_rule("mkdir", action="SCMP_ACT_KILL"), KILL),
        (a_rule("mkdir", action="SCMP_ACT_KILL_PROCESS"), KILL_ALL),
        (a_rule("mkdir", action="SCMP_ACT_TRAP"), TRAP),
        (a_rule("mkdir", action="SCMP_ACT_LOG"), LOG),
        (a_rule("mkdir", action="SCMP_ACT_TRACE", errnoRet=7), 0x7FF00007),
        ({"name": "mkdir", "action": "SCMP_ACT_ERRNO"}, refused()),
        (a_rule("read"), ALLOW),
        (a_rule("of_tomorrow"), ALLOW),
        (a_rule("mkdir", includes={"caps": ["CAP_CHOWN"]}), refused()),
        (a_rule("mkdir", includes={"caps": ["CAP_SYS_ADMIN"]}), ALLOW),
        (a_rule("mkdir", excludes={"caps": ["CAP_CHOWN"]}), ALLOW),
        (a_rule("mkdir", includes={"arches": ["arm64"]}), ALLOW),
        (a_rule("mkdir", includes={"minKernel": "4.8"}), refused()),
        (a_rule("mkdir", includes={"minKernel": "6.2"}), ALLOW),
        (a_rule("mkdir", excludes={"minKernel": "4.8"}), ALLOW),
    ],
)
def test_a_rule_is_about_its_calls_alone(rule: Any, expected: int) -> None:
    program = profiles.compiled(a_profile(rule), ME)
    assert answer(program, MKDIR) == expected
    assert answer(program, MKDIR + 1) == answer(program, MKDIR - 1) == answer(program, LAST + 5) == ALLOW


BIG = 0x1_0000_0005


@pytest.mark.parametrize(
    "op, value, second, yes, no",
    [
        ("EQ", BIG, 0, [BIG], [5, 0x1_0000_0000, 0x2_0000_0005]),
        ("NE", BIG, 0, [5, 0x1_0000_0000], [BIG]),
        ("GT", BIG, 0, [BIG + 1, 0x2_0000_0000], [BIG, 6, 0x1_0000_0000]),
        ("GE", BIG, 0, [BIG, BIG + 1, 0x2_0000_0000], [6, 0x1_0000_0004]),
        ("LT", BIG, 0, [6, 0x1_0000_0004], [BIG, BIG + 1, 0x2_0000_0000]),
        ("LE", BIG, 0, [BIG, 6, 0], [BIG + 1, 0x2_0000_0000]),
        ("MASKED_EQ", 0x7E020000, 0, [0, 0x100, 0xFFFF_0000_0000_0000], [0x20000, 0x40000000]),
        ("MASKED_EQ", 0xF0_0000_000F, 0x30_0000_0001, [0x3A_0000_00F1], [0x30_0000_0002, 0x40_0000_0001]),
    ],
)
def test_arguments_are_compared_in_all_their_bits(
    op: str, value: int, second: int, yes: list[int], no: list[int]
) -> None:
    rule = a_rule("clone", action="SCMP_ACT_ALLOW", args=[an_arg(1, op, value, second)])
    program = profiles.compiled(a_profile(rule, default="SCMP_ACT_ERRNO"), ME)
    assert [answer(program, CLONE, 99, one) for one in yes] == [ALLOW] * len(yes)
    assert [answer(program, CLONE, 99, one) for one in no] == [refused()] * len(no)


def test_all_conditions_hold_but_of_two_on_one_argument_one_is_enough() -> None:
    both = a_rule("clone", args=[an_arg(0, "EQ", 1), an_arg(1, "EQ", 2)])
    either = a_rule("personality", args=[an_arg(0, "EQ", 1), an_arg(0, "EQ", 8)])
    program = profiles.compiled(a_profile(both, either), ME)
    assert [answer(program, CLONE, *given) for given in ((1, 2), (1, 3), (0, 2))] == [refused(), ALLOW, ALLOW]
    assert [answer(program, PERSONALITY, one) for one in (1, 8, 9)] == [refused(), refused(), ALLOW]


def test_rules_that_disagree() -> None:
    sometimes = a_rule("mkdir", action="SCMP_ACT_LOG", args=[an_arg(0, "EQ", 1)])
    always, other = a_rule("mkdir"), a_rule("mkdir", action="SCMP_ACT_KILL")
    default = a_rule("mkdir", action="SCMP_ACT_ALLOW")
    assert answer(profiles.compiled(a_profile(sometimes, always, other), ME), MKDIR, 1) == refused()
    assert answer(profiles.compiled(a_profile(sometimes, default), ME), MKDIR, 1) == LOG


def test_calls_newer_than_a_strict_profile_do_not_exist() -> None:
    strict = profiles.compiled(a_profile(a_rule("mkdir", action="SCMP_ACT_ALLOW"), default="SCMP_ACT_ERRNO"), ME)
    assert [answer(strict, number) for number in (MKDIR, MKDIR - 1, MKDIR + 1)] == [
        ALLOW,
        refused(),
        refused(errno.ENOSYS),
    ]
    own = {"default": "SCMP_ACT_ERRNO", "defaultErrnoRet": 13}
    assert answer(profiles.compiled(a_profile(a_rule("mkdir", action="SCMP_ACT_KILL"), **own), ME), READ) == refused(13)


def test_other_architectures_have_their_own_numbers_or_none() -> None:
    rule = a_rule("mkdir")
    both = profiles.compiled(a_profile(rule, architectures=["SCMP_ARCH_X86_64", "SCMP_ARCH_X86"]), ME)
    assert answer(both, 39, architecture=OLD) == refused()
    assert answer(both, MKDIR, architecture=OLD) == ALLOW
    sub = [{"architecture": "SCMP_ARCH_X86_64", "subArchitectures": ["SCMP_ARCH_X86", "SCMP_ARCH_X32"]}]
    assert profiles.compiled(a_profile(rule, archMap=sub), ME) == both
    alone = profiles.compiled(a_profile(rule), ME)
    assert answer(alone, 39, architecture=OLD) == answer(alone, MKDIR, architecture=ARM) == KILL
    assert answer(alone, 0x40000000 | MKDIR) == refused(errno.ENOSYS)
    arm = profiles.compiled(a_profile(a_rule("mkdirat")), Container(frozenset(), "aarch64", "6.1"))
    assert answer(arm, 34, architecture=ARM) == refused()
    assert answer(arm, 33, architecture=ARM) == ALLOW


def test_a_profile_of_every_call_fits() -> None:
    """As large as profiles get: all calls, for two architectures, one in three with conditions."""
    names = sorted(profiles._numbers(0) | profiles._numbers(2))
    rules = [
        a_rule(name, action="SCMP_ACT_ALLOW", args=[an_arg(0, "MASKED_EQ", BIG, 5)] if place % 3 == 0 else [])
        for place, name in enumerate(names)
    ]
    given = a_profile(*rules, default="SCMP_ACT_ERRNO", architectures=["SCMP_ARCH_X86"])
    program = profiles.compiled(given, ME)
    assert len(program) // 8 < MOST
    numbers = profiles._numbers(0)
    for place, name in enumerate(names):
        if name in numbers:
            expected = refused() if place % 3 == 0 else ALLOW
            assert answer(program, numbers[name], 4) == expected, name
            assert answer(program, numbers[name], 0xFF_0000_0000_0005 & ~BIG | 5) == ALLOW, name


def test_a_program_that_is_too_long_is_refused() -> None:
    program, end = Program(), "end"
    for value in range(MOST):
        program.compare(Comparison(0, "==", value), end)
    program.place(end)
    with pytest.raises(ValueError, match="the kernel takes 4096"):
        program.assembled()


@pytest.mark.parametrize(
    "text, told",
    [
        ("{", "Expecting property name"),
        ("[]", "the profile: \\[\\] is not an object"),
        ("{}", "defaultAction: null is not known; it may be SCMP_ACT_KILL, "),
        ('{"defaultAction": "ALLOW"}', 'defaultAction: "ALLOW" is not known'),
        ('{"defaultAction": "SCMP_ACT_NOTIFY"}', "defaultAction: nobody can be asked"),
        (a_profile(a_rule("mkdir", action="NO")), 'syscalls\\[0\\].action: "NO" is not known'),
        (a_profile(a_rule()), "syscalls\\[0\\].names: a rule needs"),
        (a_profile({"names": "mkdir", "action": "SCMP_ACT_ERRNO"}), 'syscalls\\[0\\].names: "mkdir" is not a list'),
        (a_profile(a_rule("mkdir", args=[an_arg(6, "EQ", 0)])), "args\\[0\\].index: 6 is not between 0 and 5"),
        (a_profile(a_rule("mkdir", args=[an_arg(0, "IS", 0)])), 'args\\[0\\].op: "SCMP_CMP_IS" is not known'),
        (a_profile(a_rule("mkdir", args=[an_arg(0, "EQ", -1)])), "args\\[0\\]: -1 does not fit"),
        (
            a_profile(a_rule("mkdir", errnoRet=1 << 20)),
            "errnoRet beside syscalls\\[0\\].action: 1048576 is not between",
        ),
        (a_profile(architectures=["amd64"]), 'architectures: "amd64" is none'),
        (a_profile(flags=["SECCOMP_FILTER_FLAG_NEW"]), 'flags: "SECCOMP_FILTER_FLAG_NEW" is not known'),
        ("[" * 200_000, "cannot load seccomp profile"),
        (" " * (2 << 20), "it is larger than"),
    ],
)
def test_what_is_no_profile_is_told_with_its_file(text: Any, told: str, tmp_path: Path) -> None:
    path = tmp_path / "profiles" / "mine.json"
    path.parent.mkdir()
    path.write_text(text if isinstance(text, str) else json.dumps(text))
    with pytest.raises(ProfileTrouble, match=told) as trouble:
        profiles.load(str(tmp_path), "profiles/mine.json", ME)
    assert f'cannot load seccomp profile "{path}": ' in str(trouble.value)


def test_what_is_not_there_is_told_with_its_place(tmp_path: Path) -> None:
    with pytest.raises(ProfileTrouble) as trouble:
        profiles.load(str(tmp_path), "a/b.json", ME)
    assert str(trouble.value) == f'cannot load seccomp profile "{tmp_path}/a/b.json": no such file or directory'


def test_the_two_tables_of_calls_agree() -> None:
    """The default profile's own numbers are those of the whole table."""
    for machine, column in (("x86_64", 0), ("aarch64", 1)):
        assert set(seccomp.refused(machine, ())) <= set(profiles._numbers(column).values())
