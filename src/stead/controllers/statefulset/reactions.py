"""What follows from an action's outcome within the same round: events, and what is dropped (EV, SY, CL-5)."""

from collections.abc import Callable

from stead.controllers.statefulset import claims, events, identity, revisions, status, update
from stead.controllers.statefulset.observed import Observed
from stead.machinery import meta
from stead.machinery.keys import Key
from stead.machinery.plan import (
    NO_REACTION,
    Action,
    Create,
    Delete,
    Done,
    Lost,
    Outcome,
    Patch,
    Reaction,
    Refused,
    Update,
)
from stead.machinery.times import Now


def react(observed: Observed, action: Action, outcome: Outcome, now: Now) -> Reaction:
    """A failure in the main pass also takes back what the plan's status said of deletions yet to come (ST-4)."""
    if not isinstance(action, Create | Update | Patch | Delete):
        return NO_REACTION
    kind = action.obj["kind"] if isinstance(action, Create | Update) else action.key.kind
    answer = _ANSWERS.get((type(action), kind))
    reaction = answer(observed, action, outcome) if answer else NO_REACTION
    is_failed = not isinstance(outcome, Done) and reaction.is_failure is not False
    return _with_status(observed, action, reaction, now) if is_failed else reaction


def _with_status(observed: Observed, action: Action, reaction: Reaction, now: Now) -> Reaction:
    if observed.key in reaction.skip or observed.spec.is_terminating or _is_aside(action):
        return reaction
    history = revisions.resolve(observed)
    targets = [observed.pod_key(slot.name) for slot in update.targets(observed, history, now)]
    if not targets:
        return reaction
    rolled = targets.index(action.key) if isinstance(action, Delete) and action.key in targets else 0
    report = status.report(observed, history, now, rolled)
    told = (*reaction.actions, report) if report else reaction.actions
    return Reaction(told, reaction.skip | {observed.key}, reaction.is_failure)


def _is_aside(action: Action) -> bool:
    """The status write itself, and the history's leftovers: they come after the main pass."""
    is_status = isinstance(action, Patch) and action.subresource == "status"
    return is_status or (isinstance(action, Delete) and action.key.kind == revisions.KIND)


def _pod_created(observed: Observed, action: Action, outcome: Outcome) -> Reaction:
    """PR-9; CL-4: a name already taken is an error that nobody is told of."""
    assert isinstance(action, Create)
    name = meta.name(action.obj)
    found = identity.parse(name)
    if _reason(outcome) == "AlreadyExists" and found is not None:
        spec = observed.spec
        return Reaction(skip=frozenset(claims.key(spec, template, found.ordinal) for template in spec.claim_templates))
    return Reaction((events.of_pod(observed, "Create", name, _error(outcome)),))


def _pod_updated(observed: Observed, action: Action, outcome: Outcome) -> Reaction:
    """A conflict only means that the next round decides with newer eyes."""
    assert isinstance(action, Update)
    if _reason(outcome) == "Conflict":
        return NO_REACTION
    return Reaction((events.of_pod(observed, "Update", meta.name(action.obj), _error(outcome)),))


def _pod_deleted(observed: Observed, action: Action, outcome: Outcome) -> Reaction:
    """A pod that is already gone was deleted well (#136812)."""
    assert isinstance(action, Delete)
    if _reason(outcome) == "NotFound":
        return Reaction((events.of_pod(observed, "Delete", action.key.name),), is_failure=False)
    return Reaction((events.of_pod(observed, "Delete", action.key.name, _error(outcome)),))


def _pod_owned(observed: Observed, action: Action, outcome: Outcome) -> Reaction:
    """CL-5: adopted or released. Whoever is gone needs no owner; any other refusal ends the round without a status.

    Nothing more is done to one that should have been adopted; one that should have been let go is made anew.
    """
    assert isinstance(action, Patch)
    is_release = action.key.name not in observed.family.to_adopt
    forgiven = ("NotFound", "Invalid") if is_release else ("NotFound",)
    if _reason(outcome) in forgiven:
        return Reaction(skip=frozenset() if is_release else frozenset((action.key,)), is_failure=False)
    return NO_REACTION if isinstance(outcome, Done) else _aborted(observed)


def _claim_created(observed: Observed, action: Action, outcome: Outcome) -> Reaction:
    """PVC-3: without its claim no pod; an AlreadyExists is no claim event but fails the round all the same."""
    assert isinstance(action, Create)
    name = meta.name(action.obj)
    found = identity.parse(name)
    pod = identity.pod_name(observed.spec, found.ordinal if found else 0)
    error = _error(outcome)
    told = () if _reason(outcome) == "AlreadyExists" else (events.of_claim(observed, name, pod, error),)
    if not error:
        return Reaction(told)
    if found is not None and found.ordinal not in observed.roster.at:
        told = (*told, events.of_pod(observed, "Create", pod, f"failed to create PVC {name}: {error}"))
    return Reaction(told, skip=frozenset((observed.pod_key(pod),)))


def _claim_owned(observed: Observed, action: Action, outcome: Outcome) -> Reaction:
    """A retention write that failed is an update of the pod that failed, of a wanted one at least."""
    assert isinstance(action, Patch)
    found = identity.parse(action.key.name)
    if isinstance(outcome, Done) or found is None or not observed.spec.wants(found.ordinal):
        return NO_REACTION
    pod = identity.pod_name(observed.spec, found.ordinal)
    error = f"could not update claim {action.key.name} for delete policy ownerRefs: {_error(outcome)}"
    return Reaction((events.of_pod(observed, "Update", pod, error),), skip=frozenset((observed.pod_key(pod),)))


def _set_patched(observed: Observed, action: Action, outcome: Outcome) -> Reaction:
    """CL-3: the set is not what it was, so nobody is adopted."""
    assert isinstance(action, Patch)
    is_done = isinstance(outcome, Done) or action.subresource == "status"
    return NO_REACTION if is_done else _aborted(observed)


def _revision_written(observed: Observed, action: Action, outcome: Outcome) -> Reaction:
    """SY-2: without its history a set writes no status, and only pods protect what of it is there."""
    if isinstance(outcome, Done):
        return NO_REACTION
    return Reaction(tuple(revisions.truncate_unresolved(observed)), skip=_history(observed) | {observed.key})


def _revision_patched(observed: Observed, action: Action, outcome: Outcome) -> Reaction:
    """Renumbered is written; adopted is not: who cannot take in what is his ends the round (CL-5, CL-7)."""
    assert isinstance(action, Patch)
    if "revision" in action.body:
        return _revision_written(observed, action, outcome)
    return NO_REACTION if isinstance(outcome, Done) else _aborted(observed)


def _revision_deleted(observed: Observed, action: Action, outcome: Outcome) -> Reaction:
    """RV-7: the first refusal keeps the rest."""
    return NO_REACTION if isinstance(outcome, Done) else Reaction(skip=_history(observed))


def _aborted(observed: Observed) -> Reaction:
    return Reaction(skip=_history(observed) | {observed.key})


def _history(observed: Observed) -> frozenset[Key]:
    return frozenset(revisions.key(observed, revision.name) for revision in observed.revisions)


def _reason(outcome: Outcome) -> str:
    return outcome.reason if isinstance(outcome, Refused) else ""


def _error(outcome: Outcome) -> str:
    """Why it failed, "" if it did not."""
    match outcome:
        case Done():
            return ""
        case Refused():
            return outcome.message or outcome.reason
        case Lost():
            return outcome.error or "connection lost"


_ANSWERS: dict[tuple[type, str], Callable[[Observed, Action, Outcome], Reaction]] = {
    (Create, "Pod"): _pod_created,
    (Update, "Pod"): _pod_updated,
    (Delete, "Pod"): _pod_deleted,
    (Patch, "Pod"): _pod_owned,
    (Create, claims.KIND): _claim_created,
    (Patch, claims.KIND): _claim_owned,
    (Patch, "StatefulSet"): _set_patched,
    (Create, revisions.KIND): _revision_written,
    (Patch, revisions.KIND): _revision_patched,
    (Delete, revisions.KIND): _revision_deleted,
}
