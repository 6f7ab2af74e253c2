"""The way into a container: the few steps of its first process between clone and exec.

Nothing may be imported once the root has changed (Python's own library is not there any more), and nothing may
return: a step that fails is told through the trouble pipe, and the process ends.
"""

import contextlib
import os
import signal
from typing import Any, NoReturn

from stead.runtimes.native import linux, rootfs

Spec = dict[str, Any]

_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_NOT_FOUND, _NOT_EXECUTABLE, _BROKEN = 127, 126, 128
_RESTORED = (
    signal.SIGPIPE,
    signal.SIGINT,
    signal.SIGTERM,
    signal.SIGHUP,
    signal.SIGCHLD,
    signal.SIGXFSZ,
    signal.SIGUSR1,
)


def first_process(spec: Spec, stdio: tuple[int, int, int], trouble: int) -> NoReturn:
    """Become the container's process: its groups of resources, root, user, directory and program. Runs after clone."""
    try:
        linux.die_with_parent()
        os.setsid()
        for path in spec["cgroups"]:
            _write(f"{path}/cgroup.procs", "0")
        if spec["has_mounts"]:
            os.chdir(rootfs.build(spec))
            linux.pivot_here()
        _become(spec, stdio)
        linux.die_with_parent()  # a change of user has cleared it
        _run(spec)
    except BaseException as error:
        _tell(trouble, error)
    finally:
        os._exit(_BROKEN)


def joining_process(spec: Spec, init: int, stdio: tuple[int, int, int], trouble: int) -> NoReturn:
    """Run one more program in a container, beside `init`. Runs after fork; the program becomes our parent's child."""
    try:
        linux.join(init, linux.NEW_MOUNTS | linux.NEW_PIDS)
        child = linux.fork_into(linux.SAME_PARENT)
        if child:
            os.write(trouble, b"%d\n" % child)
            os._exit(0)
        beside(spec, stdio, trouble)
    except BaseException as error:
        _tell(trouble, error)
    finally:
        os._exit(_BROKEN)


def beside(spec: Spec, stdio: tuple[int, int, int], trouble: int) -> NoReturn:
    """The last steps of a program that runs beside others in a container's namespaces."""
    try:
        os.setsid()
        _become(spec, stdio)
        _run(spec)
    except BaseException as error:
        _tell(trouble, error)
    finally:
        os._exit(_BROKEN)


def _tell(trouble: int, error: BaseException) -> None:
    with contextlib.suppress(OSError):
        os.write(trouble, f"{exit_code_of(error)} {_words(error)}"[:4000].encode())


def _words(error: BaseException) -> str:
    return (error.strerror or str(error)) + _place(error) if isinstance(error, OSError) else repr(error)


def _place(error: OSError) -> str:
    return f": {error.filename}" if error.filename else ""


def exit_code_of(error: BaseException) -> int:
    """What a shell would answer: 127 not found, 126 not executable, else 128."""
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return _NOT_FOUND
    return _NOT_EXECUTABLE if isinstance(error, PermissionError) else _BROKEN


def _write(path: str, text: str) -> None:
    with open(path, "w") as file:
        file.write(text)


def _become(spec: Spec, stdio: tuple[int, int, int]) -> None:
    _take_stdio(stdio, spec["has_tty"])
    _take_user(spec)
    if spec["directory_inside"]:
        if spec["has_mounts"]:
            os.makedirs(spec["directory_inside"], exist_ok=True)
        os.chdir(spec["directory_inside"])
    os.umask(0o022)
    for number in _RESTORED:
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])


def _take_stdio(stdio: tuple[int, int, int], has_tty: bool) -> None:
    high = [os.dup(fd) for fd in stdio]
    for place, fd in enumerate(high):
        os.dup2(fd, place)
        os.close(fd)
    if has_tty:
        linux.take_terminal(0)


def _take_user(spec: Spec) -> None:
    uid, gid = _user(spec["user"])
    if spec["tier"] == "plain":
        return
    linux.drop_rare_capabilities()
    if spec["tier"] == "user":
        if uid or gid:
            linux.become_root_of_new_user_namespace(0, uid, gid)
        return
    if uid or gid:
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)


def _user(text: str) -> tuple[int, int]:
    """`uid`, `uid:gid`, `name` or `name:group` as numbers, by the container's own /etc."""
    user, _, group = text.partition(":")
    uid, gid = _entry("/etc/passwd", user, 3) if user else (0, 0)
    if group:
        gid = _entry("/etc/group", group, 2)[0]
    return uid, gid


def _entry(path: str, name: str, group_field: int) -> tuple[int, int]:
    lines: list[str] = []
    with contextlib.suppress(OSError), open(path) as file:
        lines = file.read().splitlines()
    for fields in (line.split(":") for line in lines):
        if len(fields) > group_field and name in (fields[0], fields[2]):
            return int(fields[2]), int(fields[group_field])
    if not name.isdigit():
        raise OSError(f"no {name} in the image's {path}")
    return int(name), 0


def _run(spec: Spec) -> NoReturn:
    """Look for the program along PATH, as execvp would, and become it."""
    arguments, environment = spec["arguments"], spec["environment"]
    program = arguments[0]
    places = [program] if "/" in program else [f"{p}/{program}" for p in environment.get("PATH", _PATH).split(":")]
    trouble: OSError | None = None
    for place in places:
        try:
            os.execve(place, arguments, environment)
        except OSError as error:
            if trouble is None or isinstance(trouble, FileNotFoundError):
                trouble = error
    raise OSError(trouble.errno, f'"{program}": {trouble.strerror}') if trouble else OSError("no program")
