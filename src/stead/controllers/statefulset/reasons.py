"""Every wait in plain words: which rule, for whom, since when, and what would end it.

Kubernetes keeps all of this to itself; `stead explain` prints what is made here.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import islice

from stead.controllers.statefulset import causes, identity, remedies
from stead.controllers.statefulset.observed import Observed
from stead.controllers.statefulset.revisions import KIND as REVISION
from stead.controllers.statefulset.revisions import History
from stead.controllers.statefulset.roster import NEVER, Slot
from stead.machinery import meta, quantity, times
from stead.machinery.keys import Key
from stead.machinery.objects import Json, dig
from stead.machinery.plan import Waiting

_MOST_NAMED = 3
_LONGEST_LABEL = 63
_OF_THE_COLLECTOR = ("foregroundDeletion", "orphan")


def not_there_yet(observed: Observed, slot: Slot, history: History, rule: str = "") -> Waiting:
    """Why a replica that exists holds others up (PR-1, PR-4 to PR-6, RU-2, RU-11)."""
    about = observed.pod_key(slot.name)
    if slot.is_terminating:
        return _terminating(observed, slot, rule or "PR-4")
    if slot.is_terminal:
        why = str(slot.pod["status"].get("reason") or "")
        ended = f"{slot.name} ended ({slot.phase}{': ' + why if why else ''}) and is replaced"
        return Waiting(ended, "PR-1", about, _since(slot))
    if slot.is_ready:
        seconds = observed.spec.min_ready_seconds
        until = f", until {times.to_text(slot.available_at)}" if slot.available_at < NEVER else ""
        return Waiting(f"{slot.name} must stay Ready for {seconds} s{until}", rule or "PR-6", about, _since(slot))
    return _not_ready(observed, slot, history, rule)


def _not_ready(observed: Observed, slot: Slot, history: History, rule: str) -> Waiting:
    cause, about = causes.of(observed, slot), observed.pod_key(slot.name)
    since = _since(slot)
    is_new = slot.revision == history.update.name or not observed.spec.wants(slot.ordinal)
    if not observed.is_ordered or is_new or cause.is_outside:
        return Waiting(f"{slot.name} is not Ready: {cause.text}", rule or "PR-5", about, since, cause.remedy)
    text = f"{slot.name} is not Ready ({cause.text}) and is still at {slot.revision or 'no revision'}"
    if _is_below_partition(observed, slot):
        text += f": partition is {observed.spec.partition}"
        index = slot.ordinal - observed.spec.first
        other = f"{remedies.partition(observed, index)} && {remedies.delete_pod(observed, slot.name)}"
        helps = f"{cause.remedy}; or let {history.update.name} have it: {other}" if cause.remedy else other
        return Waiting(text, rule or "PR-5", about, since, helps)
    if observed.spec.is_on_delete:
        text += "; OnDelete replaces it when it is deleted"
        return Waiting(text, rule or "PR-5", about, since, remedies.delete_pod(observed, slot.name))
    is_bare = observed.spec.rolling is None and slot.revision == history.current.name
    text += f"; an ordered set does not replace it with {history.update.name} by itself"
    if is_bare:
        text += ", and its bare updateStrategy would bring it back as it is (RE-2)"
    alike = " ".join(_sick_alike(observed, slot))
    return Waiting(text, "RU-11", about, since, remedies.replace(observed, alike, returns_at_current=is_bare))


def _sick_alike(observed: Observed, slot: Slot) -> Iterator[str]:
    """A pod and those above it that would hold the set up next for the same reason: one command for them all."""
    spec, roster = observed.spec, observed.roster
    for ordinal in roster.unready.between(slot.ordinal, spec.last, _MOST_NAMED):
        other = roster.at[ordinal]
        is_alike = other.revision == slot.revision and not other.is_terminating and not other.is_terminal
        if is_alike and not causes.of(observed, other).is_outside:
            yield other.name


def _is_below_partition(observed: Observed, slot: Slot) -> bool:
    """RU-3."""
    spec = observed.spec
    return not spec.is_on_delete and slot.ordinal < spec.first + spec.partition


def _terminating(observed: Observed, slot: Slot, rule: str) -> Waiting:
    since = _asked_to_go(slot.pod)
    node = causes.dead_node(observed, slot.pod)
    text, remedy = f"{slot.name} is terminating", ""
    if node:
        text += f", and its node {node} is not there to confirm its end"
        remedy = f"bring node {node} back or delete its Node object; only if nothing of {slot.name} can still run: "
        remedy += f"{observed.kubectl} delete pod {slot.name} --grace-period=0 --force"
    elif meta.finalizers(slot.pod):
        text += f" and held by {', '.join(meta.finalizers(slot.pod))}"
        remedy = remedies.let_go(observed, "pod", slot.name)
    return Waiting(text, rule, observed.pod_key(slot.name), since, remedy)


def to_be_created(observed: Observed, ordinal: int, revision: str) -> Waiting:
    """A gap about to be filled, or that cannot be (CL-4, CL-6, ID-11)."""
    name = identity.pod_name(observed.spec, ordinal)
    about = observed.pod_key(name)
    if len(revision) > _LONGEST_LABEL:
        text = f"{name} cannot be created: the name of its revision, {revision}, is too long for a label"
        return Waiting(text, "ID-11", about, remedy="create it anew under a name of at most 52 characters")
    bearer = observed.family.pods.get(name)
    if bearer is not None:
        return _taken(observed, name, bearer)
    return next(_barred(observed, name), None) or Waiting(f"{name} to be created", "PR-2", about)


def _barred(observed: Observed, name: str) -> Iterator[Waiting]:
    """What makes the API refuse new pods in this namespace (PR-9)."""
    space, cache = observed.spec.namespace, observed.cache
    about = observed.pod_key(name)
    namespace = cache.get(Key("Namespace", "", space))
    if namespace is not None and meta.is_terminating(namespace):
        text = f"{name} cannot be created: namespace {space} is being deleted"
        yield Waiting(text, "PR-9", about, str(namespace["metadata"]["deletionTimestamp"]))
    for quota in cache.all("ResourceQuota", space):
        for resource, hard in (dig(quota, "status", "hard") or {}).items():
            used = dig(quota, "status", "used", resource, default="0")
            if _is_used_up(used, hard):
                told = f"ResourceQuota {meta.name(quota)} is used up: {used} of {hard} {resource}"
                remedy = remedies.raise_quota(observed, meta.name(quota), resource, used)
                yield Waiting(f"{name} may be refused: {told}", "PR-9", about, remedy=remedy)


def _is_used_up(used: str, hard: str) -> bool:
    try:
        return quantity.parse(used) >= quantity.parse(hard)
    except ValueError:
        return False


def _taken(observed: Observed, name: str, bearer: Json) -> Waiting:
    owner = meta.controller_of(bearer)
    since = str(bearer["metadata"].get("creationTimestamp") or "")
    about = observed.pod_key(name)
    if owner is None:
        why = "is terminating" if meta.is_terminating(bearer) else "has labels that the selector does not match"
        remedy = (
            ""
            if meta.is_terminating(bearer)
            else f"{remedies.delete_pod(observed, name)}, or give it the labels of {observed.spec.name}"
        )
        return Waiting(f"the name {name} is taken by a pod that {why}", "CL-6", about, since, remedy)
    if owner["uid"] == observed.spec.uid:
        text = f"{name} no longer matches the selector and is let go"
        return Waiting(text, "CL-6", about, since, remedies.delete_pod(observed, name))
    by = f"{owner['kind']} {owner['name']}"
    text = f"the name {name} is taken by a pod that {by} controls"
    if owner["name"] == observed.spec.name:
        text += ", an earlier one of this name"
    return Waiting(text, "CL-4", about, since, f"if its owner is gone: {remedies.delete_pod(observed, name)}")


def stale_claim(observed: Observed, ordinal: int, claim: Json) -> Waiting:
    pod, name = identity.pod_name(observed.spec, ordinal), meta.name(claim)
    text = f"{pod} is not created: its claim {name} still belongs to an earlier {pod} and is about to be removed"
    about = Key("PersistentVolumeClaim", observed.spec.namespace, name)
    remedy = f"if it stays: {observed.kubectl} delete pvc {name}, or take its owner references off to keep the data"
    return Waiting(text, "PVC-8", about, _deleted(claim), remedy)


def terminating_claim(observed: Observed, ordinal: int, claim: Json) -> Waiting:
    pod, name = identity.pod_name(observed.spec, ordinal), meta.name(claim)
    text = f"{pod} waits: its claim {name} is being deleted"
    remedy = remedies.release_claim(observed, claim)
    slot = observed.roster.at.get(ordinal)
    if slot is not None and slot.is_pending and not slot.is_terminating:
        remedy = f"{pod} itself holds it: {remedies.delete_pod(observed, pod)}"
    about = Key("PersistentVolumeClaim", observed.spec.namespace, name)
    return Waiting(text, "PVC-4", about, _deleted(claim), remedy)


def odd_name(observed: Observed, slot: Slot) -> Waiting:
    text = f"{slot.name} holds the place of {identity.pod_name(observed.spec, slot.ordinal)} and cannot be renamed"
    about = observed.pod_key(slot.name)
    return Waiting(text, "ID-3", about, _since(slot), remedies.delete_pod(observed, slot.name))


def wrong_volumes(observed: Observed, slot: Slot) -> Waiting:
    text = f"{slot.name} has not the volumes of its claims, and a pod's volumes cannot be changed"
    about = observed.pod_key(slot.name)
    return Waiting(text, "PR-7", about, _since(slot), remedies.delete_pod(observed, slot.name))


def going(observed: Observed, slot: Slot, rule: str) -> Waiting:
    """A condemned replica on its way."""
    if slot.is_terminating:
        return _terminating(observed, slot, rule)
    return Waiting(f"{slot.name} is scaled away", rule, observed.pod_key(slot.name))


def two_sick(observed: Observed, slot: Slot, first: Slot) -> Waiting:
    """SD-4: one unhealthy condemned pod may go, of two neither does."""
    text = f"{slot.name} should go but is not Ready, and {first.name} below it is not Ready either"
    remedy = f"delete one of them: {remedies.delete_pod(observed, slot.name)}"
    return Waiting(text, "SD-4", observed.pod_key(slot.name), _since(slot), remedy)


def rolled(observed: Observed, slot: Slot, history: History) -> Waiting:
    text = f"{slot.name} is replaced to come back at {history.update.name}"
    return Waiting(text, "RU-2", observed.pod_key(slot.name))


def over_budget(observed: Observed, most: int, unavailable: int) -> Waiting:
    text = f"{unavailable} replicas are unavailable and maxUnavailable allows {most}"
    return Waiting(text, "RU-5", observed.key, remedy="see why they are not Ready, or raise maxUnavailable")


def staying_old(observed: Observed, history: History) -> tuple[Waiting, ...]:
    """Pods that stay at an old revision because the strategy says so (RU-1, RU-3)."""
    spec, update = observed.spec, history.update.name
    high = spec.last if spec.is_on_delete else min(spec.last, spec.first + spec.partition - 1)
    old = {name: live for name, live in observed.roster.live.items() if name != update}
    count = sum(live.count(spec.first, high) for live in old.values())
    if not count:
        return ()
    named = sorted(o for live in old.values() for o in live.between(spec.first, high, _MOST_NAMED))[:_MOST_NAMED]
    pods = _listed([identity.pod_name(spec, ordinal) for ordinal in named], count)
    stay = "stays" if count == 1 else "stay"
    if spec.is_on_delete:
        text = f"{pods} {stay} at the old revision until deleted (OnDelete)"
        remedy = remedies.delete_pod(observed, identity.pod_name(spec, named[0]))
        return (Waiting(text, "RU-1", observed.key, remedy=remedy),)
    text = f"{pods} {stay} at the old revision: partition is {spec.partition}"
    return (Waiting(text, "RU-3", observed.key, remedy=f"to roll them too: {remedies.partition(observed, 0)}"),)


def orphan_revisions(observed: Observed) -> Waiting:
    text = "revisions that belong to nobody match, and a set that is being deleted adopts nothing"
    names = [revision.name for revision in observed.orphan_revisions()]
    about = Key(REVISION, observed.spec.namespace, names[0])
    return Waiting(text, "CL-7", about, remedy=f"{observed.kubectl} delete controllerrevision {' '.join(names)}")


def standing(observed: Observed, history: History) -> tuple[Waiting, ...]:
    """What holds nothing up in this round and still keeps the set from being whole."""
    if observed.spec.is_terminating:
        return (_going_itself(observed),)
    return (*_unready_parallel(observed, history), *_without_service(observed))


def _going_itself(observed: Observed) -> Waiting:
    since = str(observed.obj["metadata"]["deletionTimestamp"])
    text, remedy = "the set is being deleted; its pods are only counted", ""
    held = [finalizer for finalizer in meta.finalizers(observed.obj) if finalizer not in _OF_THE_COLLECTOR]
    if held:
        text += f"; it is held by {', '.join(held)}"
        remedy = remedies.let_go(observed, "statefulset", observed.spec.name)
    return Waiting(text, "SY-4", observed.key, since, remedy)


def _unready_parallel(observed: Observed, history: History) -> Iterator[Waiting]:
    """A parallel set waits for nobody, but its user does (PR-11)."""
    if observed.is_ordered:
        return
    spec, roster = observed.spec, observed.roster
    for ordinal in islice(roster.unready.between(spec.first, spec.last), _MOST_NAMED):
        yield not_there_yet(observed, roster.at[ordinal], history)
    more = roster.unready.count(spec.first, spec.last) - _MOST_NAMED
    if more > 0:
        yield Waiting(f"{more} more replicas are not Ready", "PR-11", observed.key)


def _without_service(observed: Observed) -> Iterator[Waiting]:
    name, cache = observed.spec.service_name, observed.cache
    about = Key("Service", observed.spec.namespace, name)
    if name and "Service" in cache.kinds() and cache.get(about) is None:
        text = f'there is no Service "{name}" (serviceName), so the pods have no names in DNS'
        yield Waiting(text, "3.2", about, remedy=remedies.create_service(observed))


def few(waiting: Iterable[Waiting]) -> tuple[Waiting, ...]:
    """The first of each rule: a parallel set may wait for thousands of replicas at once."""
    seen: Counter[str] = Counter()
    kept = []
    for wait in waiting:
        seen[wait.rule] += 1
        if seen[wait.rule] <= _MOST_NAMED:
            kept.append(wait)
    return tuple(kept)


def _listed(names: list[str], count: int) -> str:
    more = count - len(names)
    if more:
        return f"{', '.join(names)} and {more} more"
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _since(slot: Slot) -> str:
    """Since when the pod is as Ready as it is, else since it is there."""
    ready = meta.condition(slot.pod, "Ready") or {}
    return str(ready.get("lastTransitionTime") or slot.pod["metadata"].get("creationTimestamp") or "")


def _asked_to_go(pod: Json) -> str:
    """When the deletion was asked for: its timestamp is when the grace ends."""
    grace = pod["metadata"].get("deletionGracePeriodSeconds") or 0
    return times.to_text(times.from_text(str(pod["metadata"]["deletionTimestamp"])) - grace)


def _deleted(claim: Json) -> str:
    return str(claim["metadata"].get("deletionTimestamp") or "")
