"""The nodes of this cluster as the kernel knows them: what runs containers on each, and who hears of it.

A node that is `cut` off goes on with what it last heard: its kubelet keeps the pods it knows alive, and neither learns
of changes nor is heard. One whose machine is `off` does nothing. Nobody tells the control plane which it is.
"""

from collections.abc import Collection, Iterable
from typing import Any, Literal

from stead.cluster.memory import Heard, Memory
from stead.controllers.kubelet import sandbox
from stead.machinery.cache import Cache
from stead.machinery.keys import Key
from stead.machinery.plan import Action, AnyController, Lost, Outcome, Plan, Reaction
from stead.machinery.runtime import PodAction, Runtime
from stead.machinery.times import Now
from stead.machinery.watch import WatchEvent

State = Literal["on", "cut", "off"]
UNHEARD = Lost("the node is cut off")


class Member:
    """One node. `memory` is what its kubelet last heard, while it is cut off; None where it has heard nothing.

    `told`: what it had heard when it was cut off in an earlier life of stead.
    """

    def __init__(self, name: str, runtime: Runtime, state: State = "on", told: Heard = ()) -> None:
        self.name = name
        self.runtime = runtime
        self.state: State = state
        self.told = told
        self.memory: Memory | None = None

    def hears(self, key: Key) -> bool:
        """Whether its controllers hear of a change: of their own containers even when they are cut off."""
        return self.state == "on" or (self.state == "cut" and key.kind == sandbox.KIND)

    def view(self, cache: Cache) -> Cache | None:
        """The cluster as the node sees it; None where it does not look."""
        return {"on": cache, "cut": self.memory, "off": None}[self.state]

    def answers_instead(self, action: Action) -> Outcome | None:
        """What becomes of an action of its controllers that cannot reach the API; None: it can, or need not."""
        return UNHEARD if self.state != "on" and not isinstance(action, PodAction) else None


class Aboard:
    """A controller that lives on a node: it hears, sees and says what its node does. `name` tells the nodes apart."""

    def __init__(self, controller: AnyController, member: Member, *, is_first: bool) -> None:
        self.name = controller.name if is_first else f"{controller.name}/{member.name}"
        self.member = member
        self.kinds: Collection[str] | None = getattr(controller, "kinds", None)
        self.starts: Iterable[Key] = getattr(controller, "starts", ())
        self._controller = controller

    def wants(self, event: WatchEvent, cache: Cache) -> Iterable[Key]:
        return self._controller.wants(event, cache) if self.member.hears(event.key) else ()

    def observe(self, cache: Cache, key: Key) -> Any:
        view = self.member.view(cache)
        return self._controller.observe(view, key) if view is not None else None

    def reconcile(self, observed: Any, now: Now) -> Plan:
        return self._controller.reconcile(observed, now)

    def react(self, observed: Any, action: Action, outcome: Outcome, now: Now) -> Reaction:
        """What nobody hears is said again when somebody does; until then the node goes on."""
        return (
            Reaction(is_failure=False) if outcome is UNHEARD else self._controller.react(observed, action, outcome, now)
        )
