"""Linux capabilities by name, and which of them a container keeps."""

from collections.abc import Iterable

_NAMES = """
    CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE NET_BIND_SERVICE
    NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT SYS_PTRACE SYS_PACCT SYS_ADMIN
    SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE
    MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE
"""
NUMBERS = {name: number for number, name in enumerate(_NAMES.split())}

# What an ordinary container of the common engines may do.
USUAL = frozenset((0, 1, 3, 4, 5, 6, 7, 8, 10, 13, 18, 27, 29, 31))


def kept(added: Iterable[str], dropped: Iterable[str]) -> list[int]:
    """Numbers of the capabilities that stay, by names with or without `CAP_`, or `ALL`; unknown names mean nothing."""
    start = frozenset[int]() if "ALL" in _bare(dropped) else USUAL
    more = frozenset(NUMBERS.values()) if "ALL" in _bare(added) else _numbers(added)
    return sorted((start - _numbers(dropped)) | more)


def _bare(names: Iterable[str]) -> set[str]:
    return {name.upper().removeprefix("CAP_") for name in names}


def _numbers(names: Iterable[str]) -> frozenset[int]:
    return frozenset(NUMBERS[name] for name in _bare(names) if name in NUMBERS)
