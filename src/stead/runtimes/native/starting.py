"""From the kubelet's order and an image to the specification of a process, which a shim can start."""

import os
import signal
import uuid

from msgspec import Struct

from stead.machinery.runtime import StartContainer
from stead.runtimes.images import Image
from stead.runtimes.logs import message_path
from stead.runtimes.native import capabilities, plain, profiles, recipes, seccomp, volumes
from stead.runtimes.native.wire import Message

_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class StartTrouble(Exception):
    """The container cannot be started as asked; the message says why."""


class Pod(Struct, frozen=True):
    """What starting needs to know of a pod: where its files are and where it runs."""

    directory: str
    hostname: str
    ip: str
    tier: str
    layers: str  # the image store's directory of layers
    hidden: tuple[str, ...] = ()
    group: int | None = None  # the pod's fsGroup
    users: int = 1  # as many users as the node has, root is one
    names: str = ""  # a hosts file for the plain tier
    profiles: str = ""  # where people keep their seccomp profiles


def container_directory(pod_directory: str, container: str) -> str:
    return os.path.join(pod_directory, "containers", container)


def log_path(pod_directory: str, container: str, attempt: int) -> str:
    return os.path.join(pod_directory, "logs", container, f"{attempt}.log")


def order(start: StartContainer, image: Image, pod: Pod) -> Message:
    """The order to the shim. Raises StartTrouble where nothing is to be run or its seccomp profile cannot be used,
    VolumeTrouble for its mounts.
    """
    arguments = _arguments(start, image)
    mounts = _mounts(start, image, pod)
    message = message_path(pod.directory, start.container, start.attempt)
    last_words = [(message, start.termination_message_path)] if start.termination_message_path else []
    environment = _environment(start, image, pod)
    if pod.tier == "plain":
        mounts += [(source, target, False) for source, target in last_words]
        arguments = [plain.rewritten(text, mounts) for text in arguments]
        environment = {name: plain.rewritten(text, mounts) for name, text in environment.items()}
    identity = f"{uuid.uuid4().hex}{uuid.uuid4().hex}"
    return {
        "container": start.container,
        "attempt": start.attempt,
        "container_id": f"stead://{identity}",
        "image_id": image.identity,
        "target": start.target,
        "stop_signal": signal_number(start.stop_signal or image.stop_signal),
        "message": message if last_words else "",
        "falls_back_to_log": start.falls_back_to_log,
        "log": log_path(pod.directory, start.container, start.attempt),
        "spec": {
            **process(pod, arguments, environment, _directory(start, image, pod, mounts)),
            "user": _user(start, image),
            "groups": [*([] if pod.group is None else [pod.group]), *start.groups],
            "capabilities": capabilities.kept(start.capabilities_added, start.capabilities_dropped),
            "may_gain_privileges": start.may_gain_privileges,
            "has_tty": start.has_tty,
            "has_stdin": start.has_stdin,
            "is_stdin_once": start.is_stdin_once,
            "directory": os.path.join(container_directory(pod.directory, start.container), str(start.attempt)),
            "layers": pod.layers,
            "lowers": list(image.layers),
            "files": [*_pod_files(pod, mounts), *last_words],
            "mounts": mounts,
            "roots": _roots(start, pod),
            "hidden": list(pod.hidden),
            "is_static_server": image.identity == recipes.STATIC and not (start.command or start.arguments),
            "is_user": pod.tier == "user",
            "is_root_read_only": start.is_root_read_only,
            "memory_bytes": start.memory_limit_bytes,
            "cpu_millis": start.cpu_limit_millis,
            "seccomp": _filter(start, pod),
            "cgroup": f"{start.uid}/{start.container}-{start.attempt}-{identity[:8]}",
        },
    }


def process(pod: Pod, arguments: list[str], environment: dict[str, str], directory: str) -> Message:
    """What the first process and programs run beside it have in common."""
    return {
        "tier": pod.tier,
        "users": pod.users,
        "has_mounts": pod.tier != "plain",
        "arguments": arguments,
        "environment": environment,
        "directory_inside": directory,
    }


def _arguments(start: StartContainer, image: Image) -> list[str]:
    """The pod's command replaces the image's entrypoint and command, its arguments only the latter."""
    if start.command:
        arguments = (*start.command, *(start.arguments or ()))
    else:
        arguments = (*image.entrypoint, *(start.arguments or image.command))
    if not arguments or not arguments[0]:
        raise StartTrouble("no command specified")
    return list(arguments)


def _filter(start: StartContainer, pod: Pod) -> str:
    """The program that the kernel asks about system calls, "" for none."""
    kind, _, name = start.seccomp.partition("/")
    if kind != "Localhost":
        return seccomp.program(start.seccomp, start.capabilities_added)
    names = {number: name for name, number in capabilities.NUMBERS.items()}
    kept = capabilities.kept(start.capabilities_added, start.capabilities_dropped)
    try:
        return profiles.load(pod.profiles, name, profiles.Container(frozenset(names[one] for one in kept))).hex()
    except profiles.ProfileTrouble as trouble:
        raise StartTrouble(str(trouble)) from trouble


def _environment(start: StartContainer, image: Image, pod: Pod) -> dict[str, str]:
    own = {"PATH": _PATH, "HOSTNAME": pod.hostname}
    if start.has_tty:
        own["TERM"] = "xterm"
    if pod.tier == "plain":
        own["POD_IP"] = pod.ip  # the one address a program may listen on
        own["HOME"] = os.path.expanduser("~")
        library = plain.name_library() if pod.names else ""
        own |= plain.names_by(library, pod.names) if library else {}
    return {**own, **dict(image.environment), **dict(start.environment)}


def _user(start: StartContainer, image: Image) -> str:
    if start.run_as_user is None and start.run_as_group is None:
        return image.user
    uid = image.user.partition(":")[0] if start.run_as_user is None else str(start.run_as_user)
    return uid if start.run_as_group is None else f"{uid or 0}:{start.run_as_group}"


def _directory(start: StartContainer, image: Image, pod: Pod, mounts: list[tuple[str, str, bool]]) -> str:
    wanted = start.working_directory or image.working_directory or "/"
    if pod.tier != "plain":
        return wanted
    wanted = plain.rewritten(wanted, mounts)
    return wanted if os.path.isdir(wanted) else "/"


def _mounts(start: StartContainer, image: Image, pod: Pod) -> list[tuple[str, str, bool]]:
    """(source, target, is_read_only), outer targets first."""
    own = os.path.join(pod.directory, "volumes")
    found = [
        (volumes.source_of(mount, own), mount.target, mount.is_read_only) for mount in (*image.mounts, *start.mounts)
    ]
    mounts = sorted(found, key=lambda mount: mount[1].rstrip("/").count("/"))
    if pod.tier != "plain":
        volumes.make_places(mounts)
    if pod.group is not None:
        for mount in start.mounts:
            if mount.is_grouped:
                volumes.give_to_group_once(mount.within or mount.source, pod.group)
    return mounts


def _roots(start: StartContainer, pod: Pod) -> dict[str, str]:
    """The volumes of what is mounted by `subPath`, by where that is mounted: it must lie in there when it is."""
    own = os.path.join(pod.directory, "volumes")
    return {mount.target: volumes.volume_of(mount, own) for mount in start.mounts if mount.within}


def _pod_files(pod: Pod, mounts: list[tuple[str, str, bool]]) -> list[tuple[str, str]]:
    taken = {target for _, target, _ in mounts}
    names = ("hosts", "resolv.conf", "hostname")
    return [(os.path.join(pod.directory, "etc", name), f"/etc/{name}") for name in names if f"/etc/{name}" not in taken]


def signal_number(name: str) -> int:
    """`SIGTERM`, `TERM` or `15` as a number; SIGTERM where it means nothing."""
    if name.isdigit():
        return int(name)
    found = getattr(signal, name if name.startswith("SIG") else f"SIG{name}", None)
    return int(found) if isinstance(found, signal.Signals) else int(signal.SIGTERM)
