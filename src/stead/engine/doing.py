"""The carrying out of one plan, an action at a time: whoever turns it does the action and answers what became of it."""

from collections.abc import Generator

from stead.machinery.keys import Key
from stead.machinery.plan import (
    Action,
    AnyController,
    Create,
    Delete,
    Done,
    Fence,
    Outcome,
    Patch,
    Plan,
    Refused,
    Update,
)
from stead.machinery.times import Now


class Doing:
    """One plan under way. `action` is what is to be done next, None when all is done; `answer` goes on to the next.

    What follows from an outcome is decided as the outcomes come, with what was observed when the plan was made.
    """

    def __init__(self, controller: AnyController, observed: object, plan: Plan, now: Now) -> None:
        self.controller = controller
        self.plan = plan
        self.now = now
        self.deeds: list[tuple[Action, Outcome]] = []
        self.is_failed = False
        self._observed = observed
        self._skip: set[Key] = set()
        self._steps = self._carry_out()
        self.action: Action | None = next(self._steps, None)

    def answer(self, outcome: Outcome) -> Action | None:
        """What became of `action`; answers the next."""
        try:
            self.action = self._steps.send(outcome)
        except StopIteration:
            self.action = None
        return self.action

    @property
    def retry_after_seconds(self) -> float:
        """How long the API asked to be left alone, if it did."""
        asked = [outcome.retry_after_seconds or 0.0 for _, outcome in self.deeds if isinstance(outcome, Refused)]
        return max(asked, default=0.0)

    def _carry_out(self) -> Generator[Action, Outcome, None]:
        for action in self.plan.actions:
            if isinstance(action, Fence):
                if self.is_failed:
                    break
            elif not (self._skip and _target(action) in self._skip):
                yield from self._do(action)
        for action in self.plan.always:
            if not (self._skip and _target(action) in self._skip):
                yield from self._do(action)

    def _do(self, action: Action) -> Generator[Action, Outcome, None]:
        outcome = yield action
        self.deeds.append((action, outcome))
        reaction = self.controller.react(self._observed, action, outcome, self.now)
        is_failure = reaction.is_failure
        self.is_failed |= not isinstance(outcome, Done) if is_failure is None else is_failure
        self._skip |= reaction.skip
        for follow_up in reaction.actions:
            outcome = yield follow_up
            self.deeds.append((follow_up, outcome))


def _target(action: Action) -> Key | None:
    if isinstance(action, Create | Update):
        meta = action.obj["metadata"]
        return Key(action.obj["kind"], meta.get("namespace", ""), meta.get("name", ""))
    return action.key if isinstance(action, Patch | Delete) else None
