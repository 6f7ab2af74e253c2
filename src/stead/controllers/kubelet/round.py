"""One pod in one round: all that the steps read, put together once."""

from functools import cached_property

from msgspec import Struct, field
from msgspec.structs import replace

from stead.controllers.kubelet.lives import Life, Lives, lives_of
from stead.controllers.kubelet.observed import Observed
from stead.controllers.kubelet.settings import Settings
from stead.controllers.kubelet.volumes import Ground, resolve
from stead.machinery import meta
from stead.machinery.objects import Json, dig
from stead.machinery.plan import NOTHING, Emit, Plan
from stead.machinery.times import Now

NOT_CREATED = ("CreateContainerError", "CreateContainerConfigError", "ContainerCreating")  # by the runtime


class Round(Struct, frozen=True, dict=True):
    observed: Observed
    lives: Lives
    settings: Settings
    now: Now

    @cached_property
    def ground(self) -> Ground:
        """The pod's volumes; most rounds need not know them."""
        return resolve(self.observed, self.settings)

    @cached_property
    def is_asked_anew(self) -> bool:
        """Whether what the pod asks for is not what its status says that it was given (a resize)."""
        lives = [life for life in (*self.lives.inits, *self.lives.mains) if life.told.get("containerID")]
        given = [(life.told.get("allocatedResources"), life.spec.get("resources")) for life in lives]
        if lives:
            given.append((dig(self.pod, "status", "allocatedResources"), self.pod["spec"].get("resources")))
        return any((told or {}) != ((asked or {}).get("requests") or {}) for told, asked in given)

    @property
    def pod(self) -> Json:
        assert self.observed.pod is not None
        return self.observed.pod

    @property
    def uid(self) -> str:
        return meta.uid(self.pod)

    @property
    def is_terminating(self) -> bool:
        return meta.is_terminating(self.pod)

    @property
    def full_name(self) -> str:
        """The pod as the kubelet's messages name it: `web-0_default(<uid>)`."""
        return f"{self.observed.key.name}_{self.observed.key.namespace}({self.uid})"

    def event(self, type_: str, reason: str, message: str, life: Life | None = None) -> Emit:
        """About the pod, or about one of its containers."""
        return Emit(self.pod, type_, reason, message, life.part if life is not None else "")


class Trouble(Struct, frozen=True):
    """Why a container waits, as its status says it: `CrashLoopBackOff` and its message."""

    reason: str
    message: str = ""


class Failure(Struct, frozen=True):
    """Why a pod fails whatever its containers do, as its status says it: `NodePorts` and its message."""

    reason: str
    message: str = ""


class Steps(Struct, frozen=True):
    """What is to be done about a pod's containers, and what holds each of them up."""

    plan: Plan = NOTHING
    troubles: dict[str, Trouble] = field(default_factory=dict)

    def __add__(self, other: "Steps") -> "Steps":
        return Steps(self.plan + other.plan, self.troubles | other.troubles)

    def then(self, plan: Plan) -> "Steps":
        return replace(self, plan=self.plan + plan)


def begin(observed: Observed, settings: Settings, now: Now) -> Round:
    return Round(observed, lives_of(observed, now), settings, now)


def held_up(life: Life, trouble: Trouble, wake_after_seconds: float | None = None) -> Steps:
    """A container that can only wait."""
    return Steps(Plan(wake_after_seconds=wake_after_seconds), {life.name: trouble})
