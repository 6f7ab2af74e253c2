"""A set called `web` in a whole simulated stead, told in pictures: `0Ra 1Rb 2Pb` is ordinal, state, image."""

from collections.abc import Iterable, Mapping
from typing import Any

from stead.controllers.statefulset import identity
from stead.kinds.pod import PodView
from stead.machinery import meta
from stead.machinery.keys import Key
from stead.machinery.objects import Json, dig
from stead.machinery.plan import Waiting
from stead.simulation.schedules import Schedule, a_set, a_step
from stead.simulation.world import World

WEB = Key("StatefulSet", "default", "web")


class Tale:
    """`said` are fields of a schedule's set; verbs of schedules happen by name."""

    def __init__(
        self, profile: str = "v1_36", *, others: Iterable[Mapping[str, Any]] = (), nodes: int = 1, **said: Any
    ) -> None:
        shape = a_set(**{"name": "web", "replicas": 3, "grace": 1, **said})
        self.world = World(Schedule((shape, *others), profile=profile, nodes=nodes))
        self.simulation = self.world.simulation
        self.world.begin()

    def do(self, verb: str, **said: Any) -> str:
        """Let it happen to `web`, or to what is named; answers why it was refused."""
        of_set = {"set": "web"} if verb in OF_SET and "set" not in said else {}
        return self.world.happen(a_step(0, verb, **of_set, **said))

    def run(self, seconds: float = 30) -> str:
        self.simulation.run_for(seconds)
        return str(self)

    def settle(self) -> str:
        self.simulation.settle(2000)
        self.simulation.run_for(5)
        return str(self)

    def until(self, picture: str) -> None:
        """Run until the pods look so."""
        self.simulation.run_until(lambda: str(self) == picture, seconds=2000, wish=f"{picture}, it is {self}")

    def __str__(self) -> str:
        """Every pod whose name is a replica's, in order."""
        found = ((identity.parse(name), pod) for name, pod in self.simulation.pods().items())
        ordered = sorted(((name.ordinal, pod) for name, pod in found if name), key=lambda one: one[0])
        return " ".join(f"{ordinal}{_state(pod)}{_image(pod)}" for ordinal, pod in ordered)

    def get(self, kind: str, name: str) -> Json:
        found = self.simulation.get(kind, name)
        assert found is not None, f"there is no {kind} {name}"
        return found

    @property
    def status(self) -> Json:
        found: Json = self.get("StatefulSet", "web")["status"]
        return found

    def uids(self) -> dict[str, str]:
        return {name: pod.uid for name, pod in self.simulation.pods().items()}

    def claims(self) -> list[str]:
        return self.names("PersistentVolumeClaim")

    def names(self, kind: str) -> list[str]:
        return [row.key.name for row in self.simulation.store.rows(kind, "default")]

    def owners(self, kind: str, name: str) -> list[str]:
        return [f"{ref['kind']} {ref['name']}" for ref in meta.owners(self.get(kind, name))]

    def events(self, reason: str) -> list[str]:
        """The messages of a reason told by the controller."""
        rows = self.simulation.store.rows("Event", "default")
        mine = [row.obj for row in rows if row.obj["reason"] == reason]
        return [one["message"] for one in mine if one["source"]["component"] == "statefulset-controller"]

    def waits(self) -> list[Waiting]:
        return self.simulation.waits(WEB)

    def rules(self) -> list[str]:
        return [wait.rule for wait in self.waits()]

    def statuses(self) -> list[Json]:
        """Every status the set ever had."""
        changes = self.simulation.store.changes(0, None)
        return [dig(one.event.obj, "status", default={}) for one in changes if one.event.key == WEB]


OF_SET = (
    "scale",
    "revise",
    "partition",
    "strategy",
    "max-unavailable",
    "min-ready",
    "start",
    "retention",
    "history",
    "delete-set",
    "create-set",
    "delete-revision",
    "stray-pod",
)


def _state(pod: PodView) -> str:
    if pod.is_terminating:
        return "T"
    if pod.is_terminal:
        return pod.phase[0]
    if pod.phase == "Running":
        return "R" if pod.is_running_and_ready else "U"
    return "P"


def _image(pod: PodView) -> str:
    return str(pod.obj["spec"]["containers"][0]["image"])
