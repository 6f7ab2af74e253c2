"""What a controller may answer: actions, what it waits for, and when to look again."""

from collections.abc import Iterable
from typing import Any, Protocol, TypeAlias, TypeVar

from msgspec import Struct

from stead.machinery.cache import Cache
from stead.machinery.keys import Key
from stead.machinery.objects import Json
from stead.machinery.runtime import RuntimeAction
from stead.machinery.times import Now
from stead.machinery.watch import WatchEvent


class Create(Struct, frozen=True):
    """Create `obj` (its apiVersion and kind say what). `generateName` is allowed."""

    obj: Json


class Update(Struct, frozen=True):
    """Replace the object whole; its metadata.resourceVersion, when there, must still be current."""

    obj: Json
    subresource: str = ""


class Patch(Struct, frozen=True):
    """A JSON merge patch (RFC 7386). `uid` and `if_revision`, when given, must still be true, else Conflict."""

    key: Key
    body: Json
    subresource: str = ""
    uid: str = ""
    if_revision: str = ""


class Delete(Struct, frozen=True):
    """Delete the bearer `uid` of a name. `grace_seconds` None is the object's own grace, 0 is at once."""

    key: Key
    uid: str
    grace_seconds: int | None = None
    policy: str = "Background"


class Bind(Struct, frozen=True):
    """Give a pod its node: the `binding` subresource."""

    pod: Key
    uid: str
    node: str


class Emit(Struct, frozen=True):
    """Tell an event about `about` (an object); the same event told again is counted, not repeated.

    `part` is which part of the object it is about, as a path (`spec.containers{nginx}`), "" for all of it.
    """

    about: Json
    type: str
    reason: str
    message: str
    part: str = ""


class Fence(Struct, frozen=True):
    """Go no further in this plan's `actions` if one of those before was refused."""


Action: TypeAlias = Create | Update | Patch | Delete | Bind | Emit | RuntimeAction


class Waiting(Struct, frozen=True):
    """Why a key is not where it should be: a rule, for whom, since when, and what would end it.

    `text` is one plain sentence without a full stop ("web-1 is not Ready"); `remedy` says what a person can do, ""
    where waiting is the remedy. `rule` is an id of the spec (`PR-5`). `since` is RFC 3339 or "".
    """

    text: str
    rule: str = ""
    about: Key | None = None
    since: str = ""
    remedy: str = ""

    def __str__(self) -> str:
        return self.text


class Plan(Struct, frozen=True):
    """All that a controller may answer. Plans add up with `+`: actions in order, first waits first.

    `actions` are carried out in order (see Fence); `always` after them, whatever became of them (a status write).
    """

    actions: tuple[Action | Fence, ...] = ()
    always: tuple[Action, ...] = ()
    waiting: tuple[Waiting, ...] = ()
    wake_after_seconds: float | None = None
    is_failed: bool = False  # the round met an error of its own, which is tried again with back-off

    def __add__(self, other: "Plan") -> "Plan":
        wakes = [w for w in (self.wake_after_seconds, other.wake_after_seconds) if w is not None]
        return Plan(
            self.actions + other.actions,
            self.always + other.always,
            self.waiting + other.waiting,
            min(wakes) if wakes else None,
            self.is_failed or other.is_failed,
        )


NOTHING = Plan()


class Done(Struct, frozen=True):
    """The action was carried out; `obj` is what the API answered (None for runtime actions and removals)."""

    obj: Json | None = None


class Refused(Struct, frozen=True):
    """The API refused: `reason` is a Status reason (`Conflict`, `AlreadyExists`, `Forbidden`, ...)."""

    reason: str
    message: str = ""
    retry_after_seconds: float | None = None


class Lost(Struct, frozen=True):
    """Nobody knows what became of the action (remote mode: a broken connection)."""

    error: str


Outcome: TypeAlias = Done | Refused | Lost

ObservedT = TypeVar("ObservedT")


class Reaction(Struct, frozen=True):
    """What follows from one action's outcome.

    `actions` are carried out now (events, mostly). Actions of the plan on a key in `skip`, those of `always` too, are
    dropped (a pod whose claim could not be created; a status that a refused deletion made untrue). `is_failure`
    overrides whether a refusal counts as one (a pod already gone does not).
    """

    actions: tuple[Action, ...] = ()
    skip: frozenset[Key] = frozenset()
    is_failure: bool | None = None


NO_REACTION = Reaction()


class Controller(Protocol[ObservedT]):
    """One controller.

    wants     whom does this event concern? keys of the controller's own kind; one that has `kinds` is told of no others
    observe   freeze what matters out of the cache; None: nothing to do (and nothing to wait for)
    reconcile decide
    react     what follows from an action's outcome within the same round; most answer NO_REACTION
    """

    name: str

    def wants(self, event: WatchEvent, cache: Cache) -> Iterable[Key]: ...

    def observe(self, cache: Cache, key: Key) -> ObservedT | None: ...

    def reconcile(self, observed: ObservedT, now: Now) -> Plan: ...

    def react(self, observed: ObservedT, action: Action, outcome: Outcome, now: Now) -> Reaction: ...


AnyController: TypeAlias = Controller[Any]


class Calm:
    """A controller to whom the outcomes of its actions say nothing."""

    def react(self, observed: Any, action: Action, outcome: Outcome, now: Now) -> Reaction:
        return NO_REACTION
