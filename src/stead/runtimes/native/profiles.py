"""Seccomp profiles of people's own (`seccompProfile: {type: Localhost}`): a JSON file as the runtime specification
describes it becomes a program that the kernel asks about every system call.

`includes` and `excludes` of Docker's form are understood too. Where rules disagree it is as with libseccomp and runc: a
rule without conditions counts before those with, of several the first; a rule that says what is the default anyway is
none; and calls newer than all that a strict profile knows do not exist (ENOSYS), so that programs try an older one.
"""

import errno
import functools
import json
import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

from stead.runtimes.native.filters import ARCHITECTURE, NUMBER, Comparison, Program

Json: TypeAlias = Mapping[str, Any]

MOST_BYTES = 1 << 20
_TABLE = Path(__file__).parent / "syscalls.txt"
_KILL_THREAD = 0
_ENOSYS = 0x00050000 | errno.ENOSYS
_X32 = 0x40000000
_X32_NAME = "SCMP_ARCH_X32"
_ACTIONS = {
    "SCMP_ACT_KILL": _KILL_THREAD,
    "SCMP_ACT_KILL_THREAD": _KILL_THREAD,
    "SCMP_ACT_KILL_PROCESS": 0x80000000,
    "SCMP_ACT_TRAP": 0x00030000,
    "SCMP_ACT_ERRNO": 0x00050000,
    "SCMP_ACT_TRACE": 0x7FF00000,
    "SCMP_ACT_LOG": 0x7FFC0000,
    "SCMP_ACT_ALLOW": 0x7FFF0000,
}
_WITH_NUMBER = ("SCMP_ACT_ERRNO", "SCMP_ACT_TRACE")
_LENIENT = {_ACTIONS["SCMP_ACT_LOG"], _ACTIONS["SCMP_ACT_ALLOW"], _ACTIONS["SCMP_ACT_TRACE"]}
_SIGNS = {
    "SCMP_CMP_NE": "!=",
    "SCMP_CMP_LT": "<",
    "SCMP_CMP_LE": "<=",
    "SCMP_CMP_EQ": "==",
    "SCMP_CMP_GE": ">=",
    "SCMP_CMP_GT": ">",
    "SCMP_CMP_MASKED_EQ": "==",
}
_FLAGS = ("SECCOMP_FILTER_FLAG_LOG", "SECCOMP_FILTER_FLAG_SPEC_ALLOW", "SECCOMP_FILTER_FLAG_TSYNC")


class _Machine(NamedTuple):
    """`code` is what the kernel calls it, `column` its numbers in the table, `goes` Docker's word for it."""

    name: str
    code: int
    column: int
    goes: str


_MACHINES = {
    "x86_64": _Machine("SCMP_ARCH_X86_64", 0xC000003E, 0, "amd64"),
    "aarch64": _Machine("SCMP_ARCH_AARCH64", 0xC00000B7, 1, "arm64"),
    "riscv64": _Machine("SCMP_ARCH_RISCV64", 0xC00000F3, 1, "riscv64"),
}
_OLD_INTEL = _Machine("SCMP_ARCH_X86", 0x40000003, 2, "386")


class ProfileTrouble(Exception):
    """A profile that cannot be used; the message names the file and what is wrong."""


class Container(NamedTuple):
    """For whom a profile is compiled: its capabilities, without `CAP_`."""

    capabilities: frozenset[str]
    machine: str = ""
    kernel: str = ""


class _Rule(NamedTuple):
    action: int
    tests: tuple[Comparison, ...]


_Rules: TypeAlias = dict[str, list[_Rule]]


def load(directory: str, name: str, container: Container) -> bytes:
    """The program of the profile `name` below `directory`. Raises ProfileTrouble."""
    path = os.path.join(directory, name)
    try:
        with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
            text = file.read(MOST_BYTES + 1) or b""
        if len(text) > MOST_BYTES:
            raise ValueError(f"it is larger than {MOST_BYTES} bytes")
        return compiled(json.loads(text), container)
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        raise ProfileTrouble(f'cannot load seccomp profile "{path}": {why}') from error
    except (ValueError, RecursionError) as error:
        raise ProfileTrouble(f'cannot load seccomp profile "{path}": {error}') from error


def compiled(profile: Any, container: Container) -> bytes:
    """Raises ValueError, which names the field, for what is no profile."""
    given = _a(dict, profile, "the profile")
    machine = _MACHINES.get(container.machine or os.uname().machine)
    if machine is None:
        raise ValueError(f"system calls of {container.machine or os.uname().machine} are not known to stead")
    for flag in _a(list, given.get("flags") or [], "flags"):
        _one_of(_FLAGS, flag, "flags")
    if given.get("listenerPath"):
        raise ValueError("listenerPath: nobody can be asked about system calls (SCMP_ACT_NOTIFY)")
    default = _action(given.get("defaultAction"), given.get("defaultErrnoRet"), "defaultAction")
    rules = _rules(given, default, container, machine)
    listed = _architectures(given, machine)
    machines = [machine, *([_OLD_INTEL] if machine.column == 0 and _OLD_INTEL.name in listed else [])]
    return _assembled(rules, default, machines)


# what it says


def _a(kind: type, value: Any, at: str) -> Any:
    if not isinstance(value, kind) or isinstance(value, bool):
        words = {dict: "an object", list: "a list", str: "a text", int: "a number"}
        raise ValueError(f"{at}: {json.dumps(value)} is not {words[kind]}")
    return value


def _one_of(known: Iterable[str], value: Any, at: str) -> str:
    if value not in tuple(known):
        raise ValueError(f"{at}: {json.dumps(value)} is not known; it may be {', '.join(known)}")
    return str(value)


def _action(name: Any, number: Any, at: str) -> int:
    if name == "SCMP_ACT_NOTIFY":
        raise ValueError(f"{at}: nobody can be asked about system calls (SCMP_ACT_NOTIFY)")
    action = _ACTIONS[_one_of(_ACTIONS, name, at)]
    if name not in _WITH_NUMBER:
        return action
    number = errno.EPERM if number is None else _a(int, number, f"errnoRet beside {at}")
    if not 0 <= number <= 0xFFFF:
        raise ValueError(f"errnoRet beside {at}: {number} is not between 0 and 65535")
    return action | int(number)


def _architectures(given: Json, machine: _Machine) -> set[str]:
    listed = set(map(str, _a(list, given.get("architectures") or [], "architectures")))
    for entry in _a(list, given.get("archMap") or [], "archMap"):
        if _a(dict, entry, "archMap").get("architecture") == machine.name:
            listed |= set(map(str, entry.get("subArchitectures") or ()))
    for name in sorted(listed):
        if not name.startswith("SCMP_ARCH_"):
            raise ValueError(f"architectures: {json.dumps(name)} is none; they are called SCMP_ARCH_...")
    return listed


def _rules(given: Json, default: int, container: Container, machine: _Machine) -> _Rules:
    found: _Rules = {}
    for place, entry in enumerate(_a(list, given.get("syscalls") or [], "syscalls")):
        at = f"syscalls[{place}]"
        names = _names(_a(dict, entry, at), at)
        action = _action(entry.get("action"), entry.get("errnoRet"), f"{at}.action")
        choices = _choices(entry, at)
        if action == default or not _is_meant(entry, container, machine):
            continue
        for name in names:
            found.setdefault(name, []).extend(_Rule(action, tests) for tests in choices)
    return found


def _names(entry: Json, at: str) -> list[str]:
    names = _a(list, entry.get("names") or [], f"{at}.names")
    names = [*names, *([entry["name"]] if entry.get("name") else [])]
    if not names:
        raise ValueError(f"{at}.names: a rule needs the name of a system call at least")
    return [str(_a(str, name, f"{at}.names")) for name in names]


def _choices(entry: Json, at: str) -> list[tuple[Comparison, ...]]:
    """All conditions must hold; several on one argument are several rules, of which one is enough."""
    tests = [
        _comparison(_a(dict, arg, f"{at}.args"), f"{at}.args[{n}]") for n, arg in enumerate(entry.get("args") or ())
    ]
    places = [test.place for test in tests]
    return [(test,) for test in tests] if len(set(places)) < len(places) else [tuple(tests)]


def _comparison(arg: Json, at: str) -> Comparison:
    sign = _one_of(_SIGNS, arg.get("op"), f"{at}.op")
    index, value = (_a(int, arg.get(name, 0), f"{at}.{name}") for name in ("index", "value"))
    second = _a(int, arg.get("valueTwo") or 0, f"{at}.valueTwo")
    if not 0 <= index <= 5:
        raise ValueError(f"{at}.index: {index} is not between 0 and 5")
    for number in (value, second):
        if not 0 <= number < 1 << 64:
            raise ValueError(f"{at}: {number} does not fit 64 bits")
    if sign == "SCMP_CMP_MASKED_EQ":
        return Comparison(index, "==", second, value)
    return Comparison(index, _SIGNS[sign], value)


def _is_meant(entry: Json, container: Container, machine: _Machine) -> bool:
    """Whether a rule of Docker's form counts for this container and machine."""
    includes, excludes = entry.get("includes") or {}, entry.get("excludes") or {}
    has = {name.removeprefix("CAP_") for name in container.capabilities}
    wanted = [name.removeprefix("CAP_") for name in includes.get("caps") or ()]
    unwanted = [name.removeprefix("CAP_") for name in excludes.get("caps") or ()]
    if not has.issuperset(wanted) or has.intersection(unwanted):
        return False
    if includes.get("arches") and machine.goes not in includes["arches"]:
        return False
    if machine.goes in (excludes.get("arches") or ()):
        return False
    kernel = _version(container.kernel or os.uname().release)
    since, until = _version(includes.get("minKernel") or ""), _version(excludes.get("minKernel") or "")
    return kernel >= since and not (until != (0, 0) and kernel >= until)


def _version(text: str) -> tuple[int, int]:
    match = re.match(r"(\d+)\.(\d+)", text)
    return (int(match[1]), int(match[2])) if match else (0, 0)


# what becomes of it


@functools.cache
def _numbers(column: int) -> Mapping[str, int]:
    lines = (line.split() for line in _TABLE.read_text().splitlines() if not line.startswith("#"))
    return {name: int(numbers[column]) for name, *numbers in lines if numbers[column] != "-"}


def _assembled(rules: _Rules, default: int, machines: list[_Machine]) -> bytes:
    """Calls of other architectures end their thread, as with libseccomp; such of x32 do not exist."""
    program, sections = Program(), []
    program.load(ARCHITECTURE)
    for machine in machines:
        sections.append(program.label())
        program.go_if("==", machine.code, sections[-1])
    program.answer(_KILL_THREAD)
    for machine, section in zip(machines, sections, strict=True):
        program.place(section)
        program.load(NUMBER)
        _Section(program, default, _by_number(rules, machine)).write(has_x32=machine.column == 0)
    return program.assembled()


def _by_number(rules: _Rules, machine: _Machine) -> dict[int, list[_Rule]]:
    """Names that the machine does not have mean nothing."""
    numbers = _numbers(machine.column)
    return {numbers[name]: found for name, found in sorted(rules.items()) if name in numbers}


class _Section:
    """The calls of one architecture: ranges that are answered alike, found by halving."""

    def __init__(self, program: Program, default: int, rules: dict[int, list[_Rule]]):
        self._program = program
        self._default = default
        self._blocks: dict[tuple[int, tuple[_Rule, ...]], str] = {}
        self._rules = rules

    def write(self, *, has_x32: bool) -> None:
        ranges = self._ranges(has_x32)
        self._search(ranges)
        for (end, conditional), label in list(self._blocks.items()):
            self._program.place(label)
            for rule in conditional:
                other = self._program.label()
                for test in rule.tests:
                    self._program.compare(test, other)
                self._program.answer(rule.action)
                self._program.place(other)
            self._program.answer(end)

    def _ranges(self, has_x32: bool) -> list[tuple[int, str]]:
        """(first number, label of the answer), each up to the next."""
        known = max(self._rules, default=0)
        later = self._default if self._is_lenient or not self._rules else _ENOSYS
        found = [(0, self._block(self._default, ()))]
        for number in sorted(self._rules):
            rules = self._rules[number]
            certain = [rule.action for rule in rules if not rule.tests]
            answer = self._block(certain[0], ()) if certain else self._block(self._default, tuple(rules))
            found += [(number, answer), (number + 1, self._block(self._default, ()))]
        found.append((known + 1, self._block(later, ())))
        if has_x32:
            found.append((_X32, self._block(_ENOSYS, ())))
        last = dict(found)
        numbers = sorted(last)
        changes = [n for at, n in enumerate(numbers) if at == 0 or last[n] != last[numbers[at - 1]]]
        return [(number, last[number]) for number in changes]

    @property
    def _is_lenient(self) -> bool:
        return self._default & 0xFFFF0000 in _LENIENT

    def _block(self, end: int, conditional: tuple[_Rule, ...]) -> str:
        key = (end, conditional)
        if key not in self._blocks:
            self._blocks[key] = self._program.label()
        return self._blocks[key]

    def _search(self, ranges: list[tuple[int, str]]) -> None:
        if len(ranges) == 1:
            self._program.go(ranges[0][1])
            return
        half, upper = len(ranges) // 2, self._program.label()
        self._program.go_if(">=", ranges[half][0], upper)
        self._search(ranges[:half])
        self._program.place(upper)
        self._search(ranges[half:])
