"""The way into a container: the few steps of its first process between clone and exec.

Nothing may be imported once the root has changed (Python's own library is not there any more), and nothing may
return: a step that fails is told through the trouble pipe, and the process ends.
"""

import contextlib
import gc
import os
import resource
import signal
import stat
from typing import Any, NoReturn

from stead.runtimes.native import accounts, linux, rootfs, static_server, terminals

Spec = dict[str, Any]

_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_MOST_FILES = 1 << 16
_BROKEN = 128
_RESTORED = (
    signal.SIGPIPE,
    signal.SIGINT,
    signal.SIGTERM,
    signal.SIGHUP,
    signal.SIGCHLD,
    signal.SIGXFSZ,
    signal.SIGUSR1,
)


def first_process(spec: Spec, stdio: tuple[int, int, int], trouble: int, shim: int) -> NoReturn:
    """Become the container's process: its groups of resources, root, user, directory and program. Runs after clone.

    `shim` is a pidfd of our parent, which we must not outlive.
    """
    try:
        linux.die_with_parent(shim)
        os.setsid()
        _join_groups(spec)
        if spec["has_mounts"]:
            os.chdir(rootfs.build(spec))
            linux.pivot_here()
        _become(spec, stdio)
        linux.die_with_parent(shim)  # a change of user has cleared it
        if spec["is_static_server"]:
            _serve(spec)
        _run(spec)
    except BaseException as error:
        _tell(trouble, error)
    finally:
        os._exit(_BROKEN)


def companion_process(
    spec: Spec, stdio: tuple[int, int, int], trouble: int, *, shim: int, beside: int, birth: int
) -> NoReturn:
    """A container's process among those of another, behind the pidfd `beside`: our parent's child, whose pid is told
    on `birth`. Runs after fork.
    """
    try:
        linux.join(beside, linux.NEW_PIDS)
        child = linux.fork_into(linux.SAME_PARENT | linux.NEW_MOUNTS)
        if child:
            os.write(birth, b"%d" % child)
            os._exit(0)
        first_process(spec, stdio, trouble, shim)
    except BaseException as error:
        _tell(trouble, error)
    finally:
        os._exit(_BROKEN)


def pause(shim: int) -> NoReturn:
    """The first process of a pod whose containers share theirs: it holds the namespace and buries orphans."""
    linux.die_with_parent(shim)
    linux.set_process_name("pause")
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    os.closerange(0, _MOST_FILES)
    while True:
        signal.pause()


def joining_process(spec: Spec, init: int, stdio: tuple[int, int, int], trouble: int, *, birth: int) -> NoReturn:
    """Run one more program in a container, beside `init`: our parent's child, whose pid is told on `birth`.

    Runs after fork.
    """
    try:
        _join_groups(spec)
        linux.join(init, linux.NEW_MOUNTS | (0 if spec["processes"] == "host" else linux.NEW_PIDS))
        child = linux.fork_into(linux.SAME_PARENT)
        if child:
            os.write(birth, b"%d" % child)
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
        os.write(trouble, f"{_BROKEN} {_words(error)}"[:4000].encode())


def _words(error: BaseException) -> str:
    return (error.strerror or str(error)) + _place(error) if isinstance(error, OSError) else repr(error)


def _place(error: OSError) -> str:
    return f": {error.filename}" if error.filename else ""


def _join_groups(spec: Spec) -> None:
    """Share the container's limits."""
    for path in spec["cgroups"]:
        with open(f"{path}/cgroup.procs", "w") as file:
            file.write("0")
    if spec["most_processes"]:
        allowed = resource.getrlimit(resource.RLIMIT_NPROC)  # RLIM_INFINITY is -1
        least = min(most for most in (spec["most_processes"], *allowed) if most >= 0)
        resource.setrlimit(resource.RLIMIT_NPROC, (least, least))


def _become(spec: Spec, stdio: tuple[int, int, int]) -> None:
    if spec["has_tty"]:
        _take_stdio((terminals.made_inside(stdio[0], spec.get("size")),) * 3)
        linux.take_terminal(0)
    else:
        _take_stdio(stdio)
    _take_user(spec)
    if spec["directory_inside"]:
        _go_to(spec["directory_inside"], makes=spec["has_mounts"])
    os.umask(0o022)
    for number in _RESTORED:
        signal.signal(number, signal.SIG_DFL)
    if not spec["may_gain_privileges"]:
        linux.renounce_new_privileges()
    signal.pthread_sigmask(signal.SIG_SETMASK, [])


def _go_to(directory: str, makes: bool) -> None:
    """The working directory, made where the root is the container's own."""
    try:
        if makes and not os.path.lexists(directory):
            os.makedirs(directory, exist_ok=True)
        os.chdir(directory)
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        raise OSError(error.errno, f'chdir to the working directory ("{directory}") failed: {why}') from error


def _take_stdio(stdio: tuple[int, int, int]) -> None:
    high = [os.dup(fd) for fd in stdio]
    for place, fd in enumerate(high):
        os.dup2(fd, place)
        os.close(fd)


def _take_user(spec: Spec) -> None:
    if spec["tier"] == "plain":
        return
    account = accounts.find(spec["user"])
    spec["environment"].setdefault("HOME", account.home)
    linux.keep_capabilities(spec["capabilities"])
    most = spec["users"] - 1
    if spec["tier"] == "user" and (most == 0 or max(account.uid, account.gid) > most):
        if account.uid or account.gid:
            linux.become_root_of_new_user_namespace(0, account.uid, account.gid)
        return
    _give_stdio(account)
    os.setgroups([group for group in spec["groups"] if group <= most])
    if account.uid or account.gid:
        os.setgid(account.gid)
        if spec["seccomp"]:
            linux.keep_rights_as_another()  # to filter calls, until there is a program
            spec["capabilities"] = []
        os.setuid(account.uid)


def _filter_calls(spec: Spec) -> None:
    """The last step but one: a profile may refuse what we need ourselves."""
    if spec["seccomp"] and spec["tier"] != "plain":
        linux.have_all_rights()
        linux.filter_calls(bytes.fromhex(spec["seccomp"]))


def _give_stdio(account: accounts.Account) -> None:
    """So that a program which is not root may open /dev/stdout."""
    for fd in range(3):
        if account.uid and (os.isatty(fd) or not stat.S_ISCHR(os.fstat(fd).st_mode)):
            os.fchown(fd, account.uid, -1)


def _serve(spec: Spec) -> NoReturn:
    """Become stead's own web server without executing another Python: this one can do it, and is here."""
    _filter_calls(spec)
    if spec["tier"] != "plain":
        linux.drop_capabilities(spec["capabilities"])
    os.closerange(3, _MOST_FILES)
    signal.set_wakeup_fd(-1)
    linux.set_process_name("static_server")
    os.environ.clear()
    os.environ.update(spec["environment"])
    gc.enable()
    static_server.main(*spec["arguments"][-static_server.ARGUMENTS :])
    os._exit(0)


def _run(spec: Spec) -> NoReturn:
    """Look for the program along PATH, as execvp would, and become it."""
    arguments, environment = spec["arguments"], spec["environment"]
    program = arguments[0]
    places = [program] if "/" in program else [f"{p}/{program}" for p in environment.get("PATH", _PATH).split(":")]
    trouble: OSError | None = None
    _filter_calls(spec)
    for place in places:
        try:
            os.execve(place, arguments, environment)
        except OSError as error:
            if trouble is None or isinstance(trouble, FileNotFoundError):
                trouble = error
    raise OSError(trouble.errno if trouble else None, f"exec: {_not_run(program, trouble)}")


def _not_run(program: str, trouble: OSError | None) -> str:
    """In the words that people look for."""
    if "/" not in program and isinstance(trouble, FileNotFoundError | NotADirectoryError | None):
        return f'"{program}": executable file not found in $PATH'
    why = (trouble.strerror or "").lower() if trouble else ""
    is_missing = isinstance(trouble, FileNotFoundError | NotADirectoryError) and not os.path.exists(program)
    return f'"{program}": {f"stat {program}: " if is_missing else ""}{why}'
