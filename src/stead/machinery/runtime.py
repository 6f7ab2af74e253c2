"""The runtime port: what the kubelet asks of whatever runs containers, and what that reports back.

CRI's nouns: a sandbox is a pod's surroundings (names, addresses), a container runs in it. A runtime is a mailbox:
actions go in and never block, events come out when they are ready. Every action may be repeated safely; the identity
of a start is (pod uid, container, attempt).
"""

from typing import Literal, Protocol, TypeAlias

from msgspec import Struct, field

from stead.machinery.keys import Key
from stead.machinery.objects import Json
from stead.machinery.times import Now


class Mount(Struct, frozen=True):
    """A place seen inside the container: a file or a directory.

    `source` is an absolute host path, or `volume:NAME[/sub]`, a directory the runtime keeps under the pod's own
    directory (a `VolumeFiles` or `EmptyDir` of the sandbox). `host_type` is a hostPath's type (`DirectoryOrCreate`,
    `FileOrCreate`, `Directory`, `File`, `Socket`, ...), "" checks nothing. `within` is set for a subPath: the volume
    `source` is a part of; directories missing below it are made, and no link may lead out of it. `is_grouped`: the
    volume belongs to the pod's fsGroup. `name` is the volume's in the pod, for people.
    """

    source: str
    target: str
    is_read_only: bool = False
    host_type: str = ""
    within: str = ""
    is_grouped: bool = False
    name: str = ""


class File(Struct, frozen=True):
    """One file of a volume: a relative path, its bytes and its permission bits."""

    path: str
    data: bytes
    mode: int = 0o644


class VolumeFiles(Struct, frozen=True):
    """A directory of the pod with exactly these files: configMap, secret, downwardAPI and projected volumes."""

    name: str
    files: tuple[File, ...]


class EmptyDir(Struct, frozen=True):
    """An empty directory of the pod that its containers fill, gone with the sandbox."""

    name: str
    is_memory: bool = False
    size_limit_bytes: int | None = None


class RunSandbox(Struct, frozen=True):
    """Make the pod's surroundings: host name, address, DNS, logs. Answered by SandboxRunning or SandboxFailed."""

    pod: Key
    uid: str
    hostname: str
    domain: str = ""  # `<subdomain>.<ns>.svc.<cluster domain>`, "" without a subdomain
    nameservers: tuple[str, ...] = ()  # () is the runtime's own cluster DNS
    searches: tuple[str, ...] = ()
    dns_options: tuple[str, ...] = ()
    host_aliases: tuple[tuple[str, str], ...] = ()  # (ip, host name)
    is_host_network: bool = False
    annotations: Json = field(default_factory=dict)  # simulated containers read their script here
    volumes: tuple[VolumeFiles | EmptyDir, ...] = ()
    fs_group: int | None = None  # the group that owns what is in the pod's volumes
    uses_host_dns: bool = False  # dnsPolicy Default: the node's resolv.conf
    processes: Literal["own", "shared", "host"] = "own"  # whose processes a container of the pod sees
    is_host_ipc: bool = False
    sysctls: tuple[tuple[str, str], ...] = ()
    seccomp: tuple[str, ...] = ()  # the profiles of its containers, sorted; "" (Unconfined) is none
    memory_limit_bytes: int | None = None  # of all its containers together
    cpu_limit_millis: int | None = None


class PullImage(Struct, frozen=True):
    """Have the image ready. `policy` is Always, IfNotPresent or Never. Answered by ImageReady or ImageFailed.

    `credentials` are the texts of the pod's imagePullSecrets: Docker's config.json, keyed by registry under `auths`.
    """

    pod: Key
    uid: str
    container: str
    image: str
    policy: str
    credentials: tuple[bytes, ...] = ()

    def __repr__(self) -> str:
        """Without the credentials: this may end in a log."""
        return f"PullImage({self.container}, {self.image}, {self.policy})"


class StartContainer(Struct, frozen=True):
    """Start one attempt of one container. Answered by ContainerStarted, ContainerNotCreated or, at last,
    ContainerExited.

    `environment` is final (all sources resolved, `$(VAR)` expanded by the kubelet) except POD_IP-like downward values,
    which the kubelet knows once the sandbox runs. `command` and `arguments` override the image's, as in Kubernetes.
    """

    pod: Key
    uid: str
    container: str
    attempt: int
    image: str
    command: tuple[str, ...] | None = None
    arguments: tuple[str, ...] | None = None
    environment: tuple[tuple[str, str], ...] = ()
    working_directory: str = ""
    mounts: tuple[Mount, ...] = ()
    run_as_user: int | None = None
    run_as_group: int | None = None
    groups: tuple[int, ...] = ()  # more groups of its user, beside the sandbox's `fs_group`
    capabilities_added: tuple[str, ...] = ()  # names without `CAP_`, or `ALL`
    capabilities_dropped: tuple[str, ...] = ()
    may_gain_privileges: bool = True  # by programs with the setuid bit
    is_root_read_only: bool = False
    memory_limit_bytes: int | None = None
    cpu_limit_millis: int | None = None
    has_tty: bool = False
    has_stdin: bool = False
    is_stdin_once: bool = False  # its input ends with that of the first who attached
    stop_signal: str = ""  # `SIGQUIT`; "" is the image's, else SIGTERM
    termination_message_path: str = "/dev/termination-log"  # what stands there at the end is ContainerExited.message
    falls_back_to_log: bool = False  # ... or, where nothing stands there and it failed, the end of its log
    target: str = ""  # the container whose processes this one sees (an ephemeral container's targetContainerName)
    seccomp: str = ""  # `RuntimeDefault` or `Localhost/<path>`, "" is Unconfined


class ResizeContainer(Struct, frozen=True):
    """Give a running container other limits, None: none. Answered by ContainerResized."""

    pod: Key
    uid: str
    container: str
    attempt: int
    memory_limit_bytes: int | None = None
    cpu_limit_millis: int | None = None


class ResizeSandbox(Struct, frozen=True):
    """Give all of a pod's containers together other limits, None: none. Answered by SandboxResized."""

    pod: Key
    uid: str
    memory_limit_bytes: int | None = None
    cpu_limit_millis: int | None = None


class StopContainer(Struct, frozen=True):
    """Stop signal (the image's, else SIGTERM), then SIGKILL after `grace_seconds`. Answered by ContainerExited."""

    pod: Key
    uid: str
    container: str
    grace_seconds: float


class RunProbe(Struct, frozen=True):
    """Try `handler` (exec, httpGet, tcpSocket or grpc, as in a Probe) once. Answered by Probed.

    `probe` names what asks: `startup`, `liveness`, `readiness`, or a hook, `postStart` and `preStop`.
    Named ports are already numbers. The thresholds are not the runtime's business: they come back into the record.
    """

    pod: Key
    uid: str
    container: str
    attempt: int
    probe: str
    handler: Json
    timeout_seconds: float
    success_threshold: int = 1
    failure_threshold: int = 1


class MeasureStorage(Struct, frozen=True):
    """How much of the disk these volumes and containers of a pod take. Answered by StorageMeasured."""

    pod: Key
    uid: str
    volumes: tuple[str, ...]
    containers: tuple[str, ...]


class UpdateVolume(Struct, frozen=True):
    """Let a running pod see these files from now on (a ConfigMap changed). Not answered."""

    pod: Key
    uid: str
    volume: VolumeFiles


class RemoveSandbox(Struct, frozen=True):
    """Take everything of the pod away (its logs too). Answered by SandboxRemoved."""

    pod: Key
    uid: str


PodAction: TypeAlias = (
    RunSandbox
    | PullImage
    | StartContainer
    | ResizeSandbox
    | ResizeContainer
    | StopContainer
    | RunProbe
    | MeasureStorage
    | UpdateVolume
    | RemoveSandbox
)


class RemoveVolume(Struct, frozen=True):
    """Delete a provisioned volume's directory for good. Answered by VolumeRemoved."""

    volume: str
    path: str


RuntimeAction: TypeAlias = PodAction | RemoveVolume


class SandboxRunning(Struct, frozen=True):
    pod: Key
    uid: str
    ips: tuple[str, ...]
    note: str = ""  # what the tier cannot do, for people
    is_new: bool = False  # made just now: nothing that an earlier sandbox of this pod ran is alive


class SandboxFailed(Struct, frozen=True):
    """The sandbox could not be made, or one that ran is gone with all its containers (a reboot)."""

    pod: Key
    uid: str
    message: str


class SandboxRemoved(Struct, frozen=True):
    pod: Key
    uid: str


class ImagePulling(Struct, frozen=True):
    """A registry is asked for the image: it is not here, or may have changed. What comes of it follows."""

    pod: Key
    uid: str
    container: str


class ImageReady(Struct, frozen=True):
    """`image_id` is what really runs. `alias` is the reference that stood in for the asked one, "" if none did.

    `pulled_seconds` is what a pull took, None where the image was there already. `user` is whom the image names, ""
    nobody.
    """

    pod: Key
    uid: str
    container: str
    image_id: str
    alias: str = ""
    pulled_seconds: float | None = None
    size_bytes: int = 0
    user: str = ""


class ImageFailed(Struct, frozen=True):
    """`reason` is ErrImagePull, ErrImageNeverPull or InvalidImageName."""

    pod: Key
    uid: str
    container: str
    reason: str
    message: str


class ContainerStarted(Struct, frozen=True):
    pod: Key
    uid: str
    container: str
    attempt: int
    container_id: str  # `stead://<hex>`
    image_id: str
    started: float  # wall seconds


NotCreated: TypeAlias = Literal["CreateContainerError", "CreateContainerConfigError", "ContainerCreating"]


class ContainerNotCreated(Struct, frozen=True):
    """There is no container, and nothing was run: the attempt has not happened. `reason` is why the container waits,
    ContainerCreating where a volume is not there.
    """

    pod: Key
    uid: str
    container: str
    attempt: int
    reason: NotCreated
    message: str


class ContainerExited(Struct, frozen=True):
    """`reason` is Completed, Error, OOMKilled, StartError or ContainerStatusUnknown."""

    pod: Key
    uid: str
    container: str
    attempt: int
    container_id: str
    exit_code: int
    reason: Literal["Completed", "Error", "OOMKilled", "StartError", "ContainerStatusUnknown"]
    started: float
    finished: float
    signal: int = 0
    message: str = ""


class SandboxResized(Struct, frozen=True):
    """`trouble` is "" where the limits hold now, Infeasible where this node has none, Error where it was refused."""

    pod: Key
    uid: str
    trouble: Literal["", "Infeasible", "Error"] = ""
    message: str = ""


class ContainerResized(Struct, frozen=True):
    """`trouble` as in SandboxResized."""

    pod: Key
    uid: str
    container: str
    attempt: int
    trouble: Literal["", "Infeasible", "Error"] = ""
    message: str = ""


class Probed(Struct, frozen=True):
    pod: Key
    uid: str
    container: str
    attempt: int
    probe: str
    is_success: bool
    message: str = ""


class StorageMeasured(Struct, frozen=True):
    """Bytes by name; of a container its own layer and its logs."""

    pod: Key
    uid: str
    volumes: dict[str, int]
    containers: dict[str, int]


PodEvent: TypeAlias = (
    SandboxRunning
    | SandboxFailed
    | SandboxRemoved
    | ImagePulling
    | ImageReady
    | ImageFailed
    | ContainerStarted
    | ContainerNotCreated
    | ContainerExited
    | SandboxResized
    | ContainerResized
    | Probed
    | StorageMeasured
)


class VolumeRemoved(Struct, frozen=True):
    """`error` is "" when nothing of the directory is left."""

    volume: str
    error: str = ""


RuntimeEvent: TypeAlias = PodEvent | VolumeRemoved


class Runtime(Protocol):
    """A mailbox in front of whatever runs containers. Two real plugs: `runtimes/simulated`, `runtimes/native`.

    A runtime that finds pods still alive (stead was killed) reports each of them with its first `take`, before
    anything is sent: SandboxRunning first, then ContainerStarted or ContainerExited for the last attempt of each
    container. So the first round already knows what lives, and adopts it. A repeated RunSandbox or StartContainer is
    answered as the first was. Events about one pod come in the order in which things happened.
    """

    name: str

    def send(self, action: RuntimeAction, now: Now) -> None:
        """Take an action; never waits."""

    def take(self, now: Now) -> list[RuntimeEvent]:
        """What has happened since the last call."""

    def next_wake(self) -> float | None:
        """Monotonic seconds at which `take` will have something, where the runtime knows (simulated), else None."""
