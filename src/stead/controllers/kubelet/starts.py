"""The actions that bring a pod and its containers into being: a spec becomes RunSandbox and StartContainer."""

from collections.abc import Iterator, Mapping
from typing import Any

from stead.controllers.kubelet import privileges
from stead.controllers.kubelet.admission import sysctls
from stead.controllers.kubelet.environment import config_data, expand
from stead.controllers.kubelet.lives import Life
from stead.controllers.kubelet.resizing import limits_of
from stead.controllers.kubelet.round import Round
from stead.controllers.kubelet.volumes import mounts
from stead.machinery import meta
from stead.machinery.objects import Json, dig
from stead.machinery.runtime import PullImage, RunSandbox, StartContainer

DOCKER_CONFIG, OLD_DOCKER_CONFIG = ".dockerconfigjson", ".dockercfg"
LONGEST_NAME = 63  # of a host name on Linux


def run_sandbox(round_: Round) -> RunSandbox:
    """The pod's surroundings as its spec wants them."""
    spec, name = round_.pod["spec"], _hostname(round_.pod)
    domain = _domain(round_)
    if spec.get("hostNetwork"):
        name = str(spec.get("nodeName") or name)
    elif spec.get("setHostnameAsFQDN") and domain:
        name = f"{name}.{domain}"
    config, limits = spec.get("dnsConfig") or {}, limits_of(spec.get("resources") or {})
    return RunSandbox(
        round_.observed.key,
        round_.uid,
        name,
        domain=domain,
        **_dns(round_, spec, config),
        host_aliases=tuple(
            (alias["ip"], host) for alias in spec.get("hostAliases") or () for host in alias.get("hostnames") or ()
        ),
        is_host_network=bool(spec.get("hostNetwork")),
        annotations=meta.annotations(round_.pod),
        volumes=round_.ground.declared,
        fs_group=dig(spec, "securityContext", "fsGroup"),
        processes="host" if spec.get("hostPID") else "shared" if spec.get("shareProcessNamespace") else "own",
        is_host_ipc=bool(spec.get("hostIPC")),
        sysctls=sysctls(round_.pod),
        seccomp=privileges.profiles(round_),
        memory_limit_bytes=limits.memory_bytes,
        cpu_limit_millis=limits.cpu_millis,
    )


def pull_image(round_: Round, life: Life) -> PullImage:
    image = str(life.spec.get("image", ""))
    policy = life.spec.get("imagePullPolicy") or ("Always" if image.endswith(":latest") else "IfNotPresent")
    return PullImage(round_.observed.key, round_.uid, life.name, image, policy, tuple(_credentials(round_)))


def start_container(round_: Round, life: Life, attempt: int, values: Mapping[str, str]) -> StartContainer:
    """One attempt; `values` are its variables."""
    spec = life.spec
    limits = limits_of(spec.get("resources") or {})
    return StartContainer(
        round_.observed.key,
        round_.uid,
        life.name,
        attempt,
        str(spec.get("image", "")),
        command=_words(spec.get("command"), values),
        arguments=_words(spec.get("args"), values),
        environment=tuple(values.items()),
        working_directory=spec.get("workingDir") or "",
        mounts=mounts(spec, round_.ground, values),
        **privileges.asked(round_, life),
        memory_limit_bytes=limits.memory_bytes,
        cpu_limit_millis=limits.cpu_millis,
        has_tty=bool(spec.get("tty")),
        has_stdin=bool(spec.get("stdin")),
        is_stdin_once=bool(spec.get("stdinOnce")),
        stop_signal=dig(spec, "lifecycle", "stopSignal", default=""),
        termination_message_path=spec.get("terminationMessagePath") or "/dev/termination-log",
        falls_back_to_log=spec.get("terminationMessagePolicy") == "FallbackToLogsOnError",
        target=spec.get("targetContainerName") or "",
    )


def _credentials(round_: Round) -> Iterator[bytes]:
    """Of the imagePullSecrets that exist; the older type holds what the newer keeps under `auths`."""
    for named in round_.pod["spec"].get("imagePullSecrets") or ():
        secret = round_.observed.thing("Secret", named.get("name", ""))
        data = config_data("Secret", secret) if secret else {}
        if DOCKER_CONFIG in data:
            yield data[DOCKER_CONFIG]
        elif OLD_DOCKER_CONFIG in data:
            yield b'{"auths":' + data[OLD_DOCKER_CONFIG] + b"}"


def _hostname(pod: Json) -> str:
    name = str(dig(pod, "spec", "hostnameOverride") or dig(pod, "spec", "hostname") or meta.name(pod))
    return name[:LONGEST_NAME].rstrip("-.")


def _domain(round_: Round) -> str:
    subdomain = round_.pod["spec"].get("subdomain")
    if not subdomain:
        return ""
    return f"{subdomain}.{round_.observed.key.namespace}.svc.{round_.settings.cluster_domain}"


def _dns(round_: Round, spec: Json, config: Json) -> dict[str, Any]:
    """nameservers, searches, dns_options and uses_host_dns, by the pod's dnsPolicy; dnsConfig adds to each."""
    policy = spec.get("dnsPolicy") or "ClusterFirst"
    if policy == "ClusterFirst" and spec.get("hostNetwork"):
        policy = "Default"
    zone = f"svc.{round_.settings.cluster_domain}"
    is_cluster = policy in ("ClusterFirst", "ClusterFirstWithHostNet")
    searches = (f"{round_.observed.key.namespace}.{zone}", zone, round_.settings.cluster_domain) if is_cluster else ()
    own = {entry["name"]: entry.get("value") for entry in config.get("options") or ()}
    options = ({"ndots": "5"} if is_cluster else {}) | own
    return {
        "nameservers": (round_.settings.nameservers if is_cluster else ()) + tuple(config.get("nameservers") or ()),
        "searches": searches + tuple(config.get("searches") or ()),
        "dns_options": tuple(f"{name}:{value}" if value else name for name, value in options.items()),
        "uses_host_dns": policy == "Default",
    }


def _words(words: list[str] | None, values: Mapping[str, str]) -> tuple[str, ...] | None:
    return tuple(expand(word, values) for word in words) if words else None
