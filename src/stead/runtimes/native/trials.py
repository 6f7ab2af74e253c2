"""Trying out what this machine allows. Each trial runs in a child of its own; standard library only, nothing slow."""

import contextlib
import json
import os
from collections.abc import Callable

from stead.runtimes.native import cgroups, linux, network, subordinates

_ALL = linux.NEW_MOUNTS | linux.NEW_PIDS | linux.NEW_NET | linux.NEW_UTS | linux.NEW_IPC


def lowest_port() -> int:
    """The first port that this user may listen on in the host's network."""
    return 1 if subordinates.is_root() else int(setting("/proc/sys/net/ipv4/ip_unprivileged_port_start") or 1024)


def setting(path: str) -> str:
    with contextlib.suppress(OSError), open(path) as file:
        return file.read().strip()
    return ""


def mounts() -> None:
    """Whether we, as we are, may have a mount namespace and mount in it."""
    linux.unshare(linux.NEW_MOUNTS)
    _mount_something()


def _mount_something() -> None:
    linux.mount(None, "/", None, linux.RECURSIVE | linux.PRIVATE)
    linux.mount("tmpfs", "/tmp", "tmpfs")


def _root_namespaces() -> None:
    linux.unshare(_ALL)
    _mount_something()


def _user_namespaces() -> None:
    linux.become_root_of_new_user_namespace(_ALL)
    _mount_something()


def _several_users() -> None:
    """Whether users are lent to us, and we can be one of them."""
    if not subordinates.is_root():
        subordinates.become_root(_ALL)
        os.setgroups([1])
        os.setgid(1)
        os.setuid(1)


def _own_namespaces() -> None:
    _root_namespaces() if subordinates.is_root() else _user_namespaces()


def _overlay() -> None:
    attributes = "" if subordinates.is_root() else ",userxattr"
    _own_namespaces()
    for name in ("lower", "upper", "work", "root"):
        os.mkdir(f"/tmp/{name}")
    options = "lowerdir=/tmp/lower,upperdir=/tmp/upper,workdir=/tmp/work"
    linux.mount("overlay", "/tmp/root", "overlay", 0, options=options + attributes)


def _bridge() -> None:
    _own_namespaces()
    wires = network.Wires()
    wires.add_bridge("trial0")
    wires.add_cable("trial1", "trial2", os.open("/proc/self/ns/net", os.O_RDONLY))


def _low_port() -> None:
    if lowest_port() > 80 and not subordinates.is_root():
        raise PermissionError("ports below 1024 are the administrator's")


def _limits() -> None:
    cgroups.try_out()


def why_not(trial: Callable[[], None]) -> str:
    """ "" or why not."""
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        with contextlib.suppress(OSError):
            try:
                trial()
                os.write(writer, b"ok")
            except BaseException as error:
                os.write(writer, (str(error) or repr(error)).encode()[:4000])
        os._exit(0)
    os.close(writer)
    with open(reader, "rb") as file:
        told = file.read().decode(errors="replace")
    with contextlib.suppress(ChildProcessError):  # the keeper has its children reaped unseen
        os.waitpid(child, 0)
    return "" if told == "ok" else told or "the trial died"


TRIALS: dict[str, Callable[[], None]] = {
    "root": _root_namespaces,
    "user": _user_namespaces,
    "users": _several_users,
    "overlay": _overlay,
    "bridge": _bridge,
    "ports": _low_port,
    "limits": _limits,
}


def main(names: str) -> None:
    """Run the named trials and print their results as JSON: name to "" or why not."""
    print(json.dumps({name: why_not(TRIALS[name]) for name in names.split(",")}))
