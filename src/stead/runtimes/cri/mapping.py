"""From the kubelet's orders to CRI's messages, and from an engine's answers to the runtime's events. Pure."""

import json
from collections.abc import Iterable, Mapping
from typing import Any, Literal

from msgspec import Struct

from stead.machinery.keys import Key
from stead.machinery.runtime import ContainerExited, ContainerStarted, ResizeContainer, RunSandbox, StartContainer
from stead.runtimes.cri.messages import Body
from stead.runtimes.images import Image

POD, CONTAINER, NODE, TARGET = 0, 1, 2, 3  # whose namespace
_PROCESSES = {"own": CONTAINER, "shared": POD, "host": NODE}
READY = 0
CREATED, RUNNING, EXITED = 0, 1, 2

POD_NAME, POD_NAMESPACE, POD_UID = ("io.kubernetes.pod.name", "io.kubernetes.pod.namespace", "io.kubernetes.pod.uid")
CONTAINER_NAME = "io.kubernetes.container.name"
IMAGE = "stead.dev/image"  # its identity in our store
FALLS_BACK = "stead.dev/falls-back-to-log"
STOP_SIGNAL = "stead.dev/stop-signal"
OWNER = "stead.dev/node"  # which stead's: others may use the same engine

Reason = Literal["Completed", "Error", "OOMKilled", "StartError", "ContainerStatusUnknown"]

_REASONS: dict[str, Reason] = {"Completed": "Completed", "OOMKilled": "OOMKilled", "StartError": "StartError"}
_PERIOD = 100_000  # of cpu_quota, in microseconds
_NANO = 1e9
_PROFILES = {"RuntimeDefault": 0, "": 1, "Localhost": 2}
_CGROUP = "/stead"
_LOST_CODE = 137


class Given(Struct, frozen=True):
    """What a container gets beside its order: the engine's name of its image, mounts, the fsGroup, its target's id, and
    the directory of seccomp profiles.
    """

    engine_image: str
    mounts: tuple[Body, ...] = ()
    group: int | None = None
    target_id: str = ""
    profiles: str = ""


# orders


def sandbox_config(order: RunSandbox, owner: str, log_directory: str, attempt: int) -> Body:
    """The PodSandboxConfig of a pod. Its /etc is stead's own, so the engine is told nothing of DNS."""
    return {
        "metadata": {
            "name": order.pod.name,
            "uid": order.uid,
            "namespace": order.pod.namespace,
            "attempt": attempt,
        },
        "hostname": "" if order.is_host_network else order.hostname,
        "log_directory": log_directory,
        "labels": pod_labels(order.pod, order.uid, owner),
        "linux": {
            "cgroup_parent": f"{_CGROUP}/{order.uid}" if has_limits(order) else _CGROUP,
            "security_context": {"namespace_options": namespaces(order)},
            "sysctls": dict(order.sysctls),
        },
    }


def has_limits(order: RunSandbox) -> bool:
    """Whether the pod has limits of its own, beside its containers': then it has control groups of its own."""
    return order.memory_limit_bytes is not None or order.cpu_limit_millis is not None


def has_groups(config: Body) -> bool:
    """Whether a pod that was made with this configuration has control groups of its own."""
    return bool(config["linux"]["cgroup_parent"] != _CGROUP)


def pod_labels(pod: Key, uid: str, owner: str) -> dict[str, str]:
    return {POD_NAME: pod.name, POD_NAMESPACE: pod.namespace, POD_UID: uid, OWNER: owner}


def namespaces(order: RunSandbox) -> Body:
    return {
        "network": NODE if order.is_host_network else POD,
        "pid": _PROCESSES[order.processes],
        "ipc": NODE if order.is_host_ipc else POD,
    }


def container_config(order: StartContainer, sandbox: Body, image: Image, *, given: Given) -> Body:
    """The ContainerConfig of one attempt."""
    spaces = sandbox["linux"]["security_context"]["namespace_options"]
    if given.target_id:
        spaces = {**spaces, "pid": TARGET, "target_id": given.target_id}
    return {
        "metadata": {"name": order.container, "attempt": order.attempt},
        "image": {"image": given.engine_image},
        "command": list(order.command or ()),
        "args": list(order.arguments or ()),
        "working_dir": order.working_directory,
        "envs": [{"key": name, "value": value} for name, value in order.environment],
        "mounts": list(given.mounts),
        "labels": {**sandbox["labels"], CONTAINER_NAME: order.container},
        "annotations": {
            IMAGE: image.identity,
            STOP_SIGNAL: order.stop_signal,
            FALLS_BACK: "true" if order.falls_back_to_log else "",
        },
        "log_path": f"{order.container}/{order.attempt}.log",
        "stdin": order.has_stdin,
        "stdin_once": order.is_stdin_once,
        "tty": order.has_tty,
        "linux": {
            "resources": resources(order),
            "security_context": {
                "namespace_options": spaces,
                "seccomp": _seccomp(order.seccomp, given.profiles),
                "readonly_rootfs": order.is_root_read_only,
                "supplemental_groups": [*([] if given.group is None else [given.group]), *order.groups],
                "no_new_privs": not order.may_gain_privileges,
                "capabilities": {
                    "add_capabilities": list(order.capabilities_added),
                    "drop_capabilities": list(order.capabilities_dropped),
                },
                **_user(order, image.user),
            },
        },
    }


def _seccomp(profile: str, directory: str) -> Body:
    kind, _, path = profile.partition("/")
    return {"profile_type": _PROFILES[kind], "localhost_ref": f"{directory}/{path}" if path else ""}


def resources(order: StartContainer | ResizeContainer) -> Body:
    """A change says that there is no limit any more; a new container says nothing."""
    none = -1 if isinstance(order, ResizeContainer) else 0
    quota = none if order.cpu_limit_millis is None else max(order.cpu_limit_millis * _PERIOD // 1000, 1000)
    return {
        "cpu_period": _PERIOD if quota else 0,
        "cpu_quota": quota,
        "memory_limit_in_bytes": order.memory_limit_bytes or none,
    }


def _user(order: StartContainer, of_image: str) -> Body:
    """CRI wants a user wherever there is a group: the image's, which may be a name."""
    group = None if order.run_as_group is None else {"value": order.run_as_group}
    name = of_image.partition(":")[0] or "0"
    if order.run_as_user is not None:
        return {"run_as_user": {"value": order.run_as_user}, "run_as_group": group}
    if group is None:
        return {}
    if name.isdigit():
        return {"run_as_user": {"value": int(name)}, "run_as_group": group}
    return {"run_as_username": name, "run_as_group": group}


def mount(source: str, target: str, is_read_only: bool) -> Body:
    return {
        "container_path": target,
        "host_path": source,
        "readonly": is_read_only,
    }


# answers


def started_event(pod: Key, uid: str, status: Body, engine: str) -> ContainerStarted:
    name, attempt = identity(status)
    return ContainerStarted(
        pod,
        uid,
        name,
        attempt,
        f"{engine}://{status['id']}",
        status["annotations"].get(IMAGE) or status["image_ref"],
        status["started_at"] / _NANO,
    )


def exited_event(pod: Key, uid: str, status: Body, engine: str, message: str) -> ContainerExited:
    """`message` is what stood in the termination log; the engine's own words stand in where it is empty."""
    name, attempt = identity(status)
    code = status["exit_code"]
    reason = _REASONS.get(status["reason"], "Error" if code else "Completed")
    told = message or (status["message"] if reason == "StartError" else "")
    started = (status["started_at"] or status["finished_at"]) / _NANO
    return ContainerExited(
        pod,
        uid,
        name,
        attempt,
        f"{engine}://{status['id']}",
        code,
        reason,
        started,
        status["finished_at"] / _NANO,
        message=told,
    )


def lost_event(started: ContainerStarted | ContainerExited, wall: float = 0.0) -> ContainerExited:
    """Of a container that the engine does not know any more."""
    return ContainerExited(
        started.pod,
        started.uid,
        started.container,
        started.attempt,
        started.container_id,
        _LOST_CODE,
        "ContainerStatusUnknown",
        started.started,
        wall or started.started,
        message="The container could not be located when the pod's processes were lost",
    )


def identity(told: Body) -> tuple[str, int]:
    """Container and attempt, of a status or of a line of a list."""
    return told["metadata"]["name"], told["metadata"]["attempt"]


def latest(containers: Iterable[Body]) -> dict[str, Body]:
    """The last attempt of each container, by name."""
    found: dict[str, Body] = {}
    for told in sorted(containers, key=lambda told: identity(told)[1]):
        found[identity(told)[0]] = told
    return found


def info(answer: Mapping[str, Any]) -> Any:
    """What an engine tells beside the protocol when asked to be verbose: JSON, {} where it tells nothing."""
    try:
        return json.loads(answer["info"].get("info", "{}"))
    except ValueError:
        return {}
