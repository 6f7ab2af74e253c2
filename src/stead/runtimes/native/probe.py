"""What this machine allows: tried out, not assumed.

The trials run in a small single-threaded interpreter of their own (`python3 -I -S`), so nothing of them remains.
"""

import contextlib
import json
import os
import socket
import subprocess
from typing import NamedTuple

from stead.runtimes.native import booting, plain, subordinates, trials

_TRIAL_SECONDS = 20
_WEB_PORT = 80
_PLAIN = (
    "runs as plain processes: no host name, root or resolv.conf of its own ({}), "
    "volumes by rewriting paths in arguments and environment, programs must listen on $POD_IP"
)
_MOVED = "; web servers of host: images answer on port 8080 instead of 80"


class Fact(NamedTuple):
    """`what` was tried, whether it `is_allowed`, what that means, and what a person can do where it is not."""

    what: str
    is_allowed: bool
    meaning: str
    remedy: str = ""


def tried(*names: str) -> dict[str, str]:
    """Each trial by its name: "" or why not."""
    command = booting.command("trials", ",".join(names))
    done = subprocess.run(command, capture_output=True, text=True, timeout=_TRIAL_SECONDS, cwd="/", check=False)
    if done.returncode:
        return dict.fromkeys(names, done.stderr.strip().rpartition("\n")[2] or "the trials could not be run")
    found: dict[str, str] = json.loads(done.stdout)
    return found


def tiers() -> tuple[str, ...]:
    """What is worth trying here, best first."""
    return ("root", "user", "plain") if subordinates.is_root() else ("user", "plain")


# what it means


class _Topic(NamedTuple):
    """What a trial is about: what it means where it succeeds and where it does not, and what helps."""

    trial: str
    what: str
    good: str
    bad: str
    remedy: str


_TOPICS = (
    _Topic(
        "bridge",
        "bridge and virtual cables",
        "pods reach each other in a network of their own",
        "pods share the host's network",
        "load the kernel modules bridge and veth",
    ),
    _Topic(
        "overlay",
        "overlay file systems",
        "a container's writes stay in its own layer",
        "containers cannot have roots of their own",
        "use a kernel with overlayfs (5.11 or later for ordinary users)",
    ),
    _Topic(
        "limits",
        "limits by control groups",
        "memory and CPU limits hold",
        "memory and CPU limits are not enforced",
        "run as root, or delegate a control group to this user",
    ),
    _Topic(
        "ports",
        "ports below 1024 on this host",
        "even plain processes can listen on port 80",
        "only pods with their own network can listen on port 80",
        "sysctl net.ipv4.ip_unprivileged_port_start=80 (only the plain tier needs it)",
    ),
)


def facts() -> list[Fact]:
    """Every trial with its meaning, for `stead doctor`."""
    found = tried(*trials.TRIALS)
    is_root = subordinates.is_root()
    spaces = _Topic(
        "root" if is_root else "user",
        "namespaces as root" if is_root else "namespaces as an ordinary user",
        "every pod has its own host name, network address, processes and root",
        "pods are plain processes with 127.x addresses, without mounts of their own, and stead node cut leaves them on "
        "the network",
        _namespace_remedy(),
    )
    told = (_fact(topic, found[topic.trial]) for topic in (spaces, *_TOPICS))
    return [*told, _users_fact(is_root, found["users"]), _names_fact()]


def _fact(topic: _Topic, trouble: str) -> Fact:
    if trouble:
        return Fact(topic.what, False, f"{topic.bad} ({trouble})", topic.remedy)
    return Fact(topic.what, True, topic.good)


def _users_fact(is_root: bool, trouble: str) -> Fact:
    if is_root:
        return Fact("several users in one pod", True, "programs may change to other users")
    if note := lonely_root():
        return Fact("several users in one pod", False, note, _MORE_USERS)
    lent = subordinates.ranges()
    if lent is not None and not trouble:
        last = lent.users.first + lent.users.size - 1
        meaning = (
            f"a pod's root is this user, its other users are those lent to this one ({lent.users.first} to {last})"
        )
        return Fact("several users in one pod", True, meaning)
    meaning = "every user of a pod is this user; programs that insist on changing users fail"
    remedy = f"{subordinates.lacking() or _NOT_LENT}; or run stead as root"
    return Fact("several users in one pod", False, meaning + (f" ({trouble})" if lent else ""), remedy)


_MORE_USERS = "run stead outside of it, or in one with more users (unshare --map-root-user --map-auto)"


def lonely_root() -> str:
    """What being root means in a user namespace that has no other user, "" for everybody else."""
    if os.geteuid() or subordinates.is_root():
        return ""
    return "root is the only user of this user namespace: pods run as an ordinary user's, each with this one user"


_NOT_LENT = "let this user run programs with the setuid bit (newuidmap): no no_new_privs, no mount with nosuid"


def _names_fact() -> Fact:
    remedy = "apt-get install libnss-wrapper (only the plain tier needs it)"
    return Fact("names in plain processes", bool(plain.name_library()), _names_meaning(), remedy)


def _names_meaning() -> str:
    if plain.name_library():
        return "names of the cluster are found by programs that ask the C library, by libnss-wrapper"
    return "names of the cluster are not found without libnss-wrapper"


def _namespace_remedy() -> str:
    for path, bad, remedy in _KNOBS:
        if trials.setting(path) == bad:
            return remedy
    return "run stead as root, or in a container with CAP_SYS_ADMIN"


_KNOBS = (
    (
        "/proc/sys/kernel/apparmor_restrict_unprivileged_userns",
        "1",
        "sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0, or run stead with sudo",
    ),
    ("/proc/sys/kernel/unprivileged_userns_clone", "0", "sudo sysctl kernel.unprivileged_userns_clone=1"),
    ("/proc/sys/user/max_user_namespaces", "0", "sudo sysctl user.max_user_namespaces=15000"),
)


def loopback_cidr(pod_cidr: str) -> str:
    """The range of the plain tier: loopback addresses that look like the configured ones."""
    address, _, prefix = pod_cidr.partition("/")
    return f"127.{address.partition('.')[2]}/{prefix}"


def note_of(tier: str, is_host_network: bool, seccomp: tuple[str, ...] = ()) -> str:
    """What the tier cannot do for a pod that asks for this, for people; "" where nothing is missing."""
    missing = []
    if tier == "plain":
        missing.append(_PLAIN.format(_names_meaning()) + (_MOVED if trials.lowest_port() > _WEB_PORT else ""))
    if tier == "user" and is_host_network:
        missing.append("an ordinary user's pods cannot use the host's network; this one uses the node's")
    if seccomp and tier == "plain":
        missing.append(f"no filter of system calls is set for seccompProfile {', '.join(seccomp)}")
    return "; ".join(missing)


def host_address() -> str:
    """The address by which this host would speak to others; loopback where it is alone."""
    with contextlib.suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        asking.connect(("192.0.2.1", 9))  # nothing is sent: only the route is looked up
        return str(asking.getsockname()[0])
    return "127.0.0.1"
