"""The seccomp profile RuntimeDefault: system calls that no ordinary container needs are refused by the kernel. Pure.

Like the profiles of the common engines it refuses with EPERM what would reach past the container (modules, mounts,
keys, clocks, foreign namespaces), and lets a capability that the pod asked for lift what that capability is about. It
names what is refused and lets all else through, where those name what is let through: a filter of ours, not theirs.
"""

import os
import struct
from collections.abc import Iterable

_DEFAULT = "RuntimeDefault"

# lifting capability ("" none): name=number on x86_64/number on the others (- where it does not exist)
_TABLE = """
SYS_ADMIN bpf=321/280 fsopen=430/430 fsconfig=431/431 fsmount=432/432 fspick=433/433 lookup_dcookie=212/18 mount=165/40
SYS_ADMIN mount_setattr=442/442 move_mount=429/429 open_tree=428/428 perf_event_open=298/241 pivot_root=155/41
SYS_ADMIN quotactl=179/60 quotactl_fd=443/443 setdomainname=171/162 sethostname=170/161 setns=308/268 umount2=166/39
SYS_ADMIN unshare=272/97
SYS_BOOT kexec_file_load=320/294 kexec_load=246/104 reboot=169/142
SYS_MODULE delete_module=176/106 finit_module=313/273 init_module=175/105
SYS_NICE get_mempolicy=239/236 mbind=237/235 migrate_pages=256/238 move_pages=279/239 set_mempolicy=238/237
SYS_PACCT acct=163/89
SYS_PTRACE kcmp=312/272 pidfd_getfd=438/438
SYS_RAWIO ioperm=173/- iopl=172/-
SYS_TIME clock_settime=227/112 settimeofday=164/170
SYS_TTY_CONFIG vhangup=153/58
SYSLOG syslog=103/116
DAC_READ_SEARCH open_by_handle_at=304/265
- add_key=248/217 request_key=249/218 keyctl=250/219 io_uring_setup=425/425 io_uring_enter=426/426
- io_uring_register=427/427 nfsservctl=180/42 swapoff=168/225 swapon=167/224 userfaultfd=323/282 sysfs=139/-
- create_module=174/- get_kernel_syms=177/- query_module=178/- uselib=134/- ustat=136/- _sysctl=156/-
"""
_CLONE, _CLONE3 = (56, 220), (435, 435)
_NAMESPACES = 0x7E020000  # CLONE_NEW...
_ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7, "riscv64": 0xC00000F3}
_X32 = 0x40000000

_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_NUMBER, _ARCHITECTURE, _FIRST_ARGUMENT = 0, 4, 16  # offsets in what the kernel shows the program
_ALLOW, _REFUSE, _UNKNOWN = 0x7FFF0000, 0x00050001, 0x00050026  # EPERM; ENOSYS, so that libraries fall back to clone


def program(profile: str, capabilities: Iterable[str], machine: str = "") -> str:
    """The BPF program of a profile in hexadecimal, "" for none: Unconfined, `profiles`' own, machines nobody listed."""
    machine = machine or os.uname().machine
    if profile != _DEFAULT or machine not in _ARCHITECTURES:
        return ""
    lifted = {name.upper().removeprefix("CAP_") for name in capabilities}
    return "" if "ALL" in lifted else _assembled(machine, lifted).hex()


def refused(machine: str, lifted: Iterable[str]) -> list[int]:
    """The numbers of the calls that are refused."""
    column = 0 if machine == "x86_64" else 1
    free = set(lifted)
    rows = (line.split() for line in _TABLE.split("\n") if line)
    numbers = (call.partition("=")[2].split("/")[column] for lift, *calls in rows if lift not in free for call in calls)
    return sorted({int(number) for number in numbers if number != "-"})


def _assembled(machine: str, lifted: set[str]) -> bytes:
    """Every test jumps forward, to one of the three ends."""
    column = 0 if machine == "x86_64" else 1
    tests: list[tuple[int, int, str, str]] = [(_EQUAL, number, "refuse", "") for number in refused(machine, lifted)]
    if machine == "x86_64":
        tests.insert(0, (_AT_LEAST, _X32, "refuse", ""))
    if "SYS_ADMIN" not in lifted:
        tests += [(_EQUAL, _CLONE3[column], "unknown", ""), (_EQUAL, _CLONE[column], "", "allow")]
        tests += [(_LOAD, _FIRST_ARGUMENT, "", ""), (_ANY_BIT, _NAMESPACES, "refuse", "allow")]
    head = [(_LOAD, _ARCHITECTURE, "", ""), (_EQUAL, _ARCHITECTURES[machine], "", "refuse"), (_LOAD, _NUMBER, "", "")]
    steps = [*head, *tests]
    ends = {"": 0, "allow": len(steps), "refuse": len(steps) + 1, "unknown": len(steps) + 2}
    lines = [
        struct.pack("HBBI", code, *(ends[to] - place - 1 if to else 0 for to in (yes, no)), value)
        for place, (code, value, yes, no) in enumerate(steps)
    ]
    return b"".join(lines) + b"".join(struct.pack("HBBI", _RETURN, 0, 0, end) for end in (_ALLOW, _REFUSE, _UNKNOWN))
