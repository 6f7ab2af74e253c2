"""The log of a simulation, one line a round: time, controller, key, what was done, what it waits for."""

from stead.engine.journal import Round
from stead.machinery.plan import Action, Bind, Create, Delete, Done, Emit, Fence, Outcome, Patch, Plan, Refused, Update
from stead.machinery.runtime import RunProbe


class RoundLog:
    """Prints rounds as they happen; what only says again what it said last is left out."""

    def __init__(self, began: float = 0.0, *, verbose: bool = False) -> None:
        self._began = began
        self._verbose = verbose
        self._last: dict[tuple[str, object], str] = {}

    def __call__(self, round_: Round) -> None:
        deeds = [in_words(action, outcome) for action, outcome in round_.deeds if self._verbose or _is_telling(action)]
        waits = "; ".join(map(str, round_.waiting))
        told = ", ".join(deeds) + (f"  (waits: {waits})" if waits else "")
        place = (round_.controller, round_.key)
        if told and (deeds or self._last.get(place) != told):
            print(f"{round_.at.mono - self._began:9.3f}  {round_.controller:<11} {round_.key!s:<38} {told}")
        self._last[place] = told

    def step(self, at: float, told: str, answer: str) -> None:
        """A step of the schedule, and why it was refused."""
        print(f"{at - self._began:9.3f}  --- {told}{f'  (refused: {answer})' if answer else ''}")


def in_prospect(plan: Plan) -> list[str]:
    """What a plan would do to objects, its status aside, were it carried out."""
    actions = [action for action in plan.actions if not isinstance(action, Fence | Emit)]
    return [in_words(action, Done()) for action in actions if not (isinstance(action, Patch) and not action.body)]


def _is_telling(action: Action) -> bool:
    if isinstance(action, RunProbe) or (isinstance(action, Patch) and action.key.kind == "Lease"):
        return False
    return not isinstance(action, Emit) and not (isinstance(action, Patch | Update) and action.subresource == "status")


def in_words(action: Action, outcome: Outcome) -> str:
    """`create Pod web-0`, with the refusal if there was one."""
    refused = "" if isinstance(outcome, Done) else f" — {outcome.reason if isinstance(outcome, Refused) else 'lost'}"
    return _deed(action) + refused


def _deed(action: Action) -> str:
    match action:
        case Create(obj):
            return f"create {obj['kind']} {obj['metadata'].get('name') or obj['metadata']['generateName'] + '…'}"
        case Update(obj):
            return f"update {obj['kind']} {obj['metadata']['name']}"
        case Patch(key, _, subresource):
            return f"patch {key.kind} {key.name}{' ' + subresource if subresource else ''}"
        case Delete(key):
            return f"delete {key.kind} {key.name}"
        case Bind(_, _, node):
            return f"bind to {node}"
        case Emit(_, _, reason, message):
            return f"event {reason}: {message}"
    words = [getattr(action, field, "") for field in ("container", "probe", "volume")]
    return " ".join([type(action).__name__, *map(str, filter(None, words))])
