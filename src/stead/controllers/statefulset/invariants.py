"""Promises: what must be true of every decision, of every change, and of every calm, whatever happened before.

They are written apart from the walks, over plain pods and claims, so that one mistake is not made twice. The
simulation checks them after every step; a controller that is `is_sworn` checks its own decisions.
"""

from collections.abc import Container, Iterator

from stead.controllers.statefulset import identity, spec
from stead.controllers.statefulset.identity import revision_of
from stead.controllers.statefulset.observed import Observed
from stead.controllers.statefulset.spec import Spec
from stead.kinds.pod import PodView
from stead.machinery import meta
from stead.machinery.cache import Cache
from stead.machinery.intstr import scaled
from stead.machinery.keys import Key
from stead.machinery.objects import Json, dig
from stead.machinery.plan import Create, Delete, Patch, Plan
from stead.machinery.times import Now
from stead.machinery.watch import WatchEvent

_COMPLETE = ("replicas", "readyReplicas", "updatedReplicas")


def broken_by(observed: Observed, plan: Plan, now: Now) -> list[str]:
    """Promises that a decision breaks. It looks at every pod, and so is for simulations and tests."""
    if observed.spec.is_terminating:
        return [f"{observed.key}: something is done to a terminating set" for a in plan.actions if _is_on_pod(a)]
    return [f"{observed.key}: {text}" for check in _DECISIONS for text in check(observed, plan, now)]


def violations(before: Cache, event: WatchEvent, *, deleted_by_user: Container[Key] = ()) -> list[str]:
    """Promises that one change breaks; `before` is the cache that has not seen it yet.

    `deleted_by_user` are the claims and pods that somebody else was told to delete.
    """
    checks = _CHANGES.get(event.key.kind, ())
    return [f"{event.key}: {text}" for check in checks for text in check(before, event, deleted_by_user)]


def restless(cache: Cache, key: Key, now: Now) -> list[str]:
    """What is not true of a set in a calm: no change for long, every pod given time, nobody interfering."""
    obj = cache.get(key)
    if obj is None or meta.is_terminating(obj):
        return []
    read = spec.read(obj)
    pods = {meta.name(pod): pod for pod in cache.owned_by(read.uid).values() if pod["kind"] == "Pod"}
    return [f"{key}: {text}" for check in _CALM for text in check(cache, obj, read, pods)]


def untrue(cache: Cache, key: Key) -> list[str]:
    """Where a set's status is not true though nobody has anything to do about the set."""
    obj = cache.get(key)
    if obj is None or meta.is_terminating(obj):
        return []
    read, status = spec.read(obj), obj.get("status") or {}
    owned = [pod for pod in cache.owned_by(read.uid).values() if pod["kind"] == "Pod" and _is_replica(meta.name(pod))]
    alive = [revision_of(pod) for pod in owned if not meta.is_terminating(pod)]
    counts = {
        "replicas": len(owned),
        "readyReplicas": sum(PodView(pod).is_running_and_ready for pod in owned),
        "currentReplicas": alive.count(str(status.get("currentRevision"))),
        "updatedReplicas": alive.count(str(status.get("updateRevision"))),
    }
    wrong = {name: count for name, count in counts.items() if status.get(name, 0) != count}
    return [f"{key}: status.{name} is {status.get(name, 0)} and should be {count}" for name, count in wrong.items()]


# --- decisions


def _ordered_is_ordered(observed: Observed, plan: Plan, now: Now) -> Iterator[str]:
    """SD-1, SD-3, PR-10: one pod at a time, and never while one below it is in trouble."""
    if not observed.is_ordered:
        return
    touched = [key for key in _created(plan) + _deleted(plan) if _ordinal(key) >= 0]
    budget = _most_unavailable(observed)
    if len(touched) > max(1, budget):
        yield f"an ordered set touches {len(touched)} pods in one round"
    for key in touched:
        high = _ordinal(key) if observed.spec.wants(_ordinal(key)) else observed.spec.last + 1
        for ordinal in range(observed.spec.first, high):
            if not _is_well(observed, ordinal, now):
                yield f"{key.name} is touched while {identity.pod_name(observed.spec, ordinal)} is not available"


def _one_bearer_of_a_name(observed: Observed, plan: Plan, now: Now) -> Iterator[str]:
    """No replica is made whose name a member still bears."""
    for key in _created(plan):
        if key.name in {slot.name for slot in observed.roster.at.values()}:
            yield f"{key.name} is created while it is there"
        if not observed.spec.wants(_ordinal(key)):
            yield f"{key.name} is created though nobody wants it"


def _roll_out_keeps_its_bounds(observed: Observed, plan: Plan, now: Now) -> Iterator[str]:
    """RU-3, RU-5: only old pods, only from the partition on, and no more at once than may be away."""
    low = observed.spec.first + observed.spec.partition
    rolled = [key for key in _deleted(plan) if observed.spec.wants(_ordinal(key)) and not _is_over(observed, key)]
    for key in rolled:
        if _ordinal(key) < low:
            yield f"{key.name} is rolled below the partition"
        if observed.spec.is_on_delete:
            yield f"{key.name} is rolled though the strategy is OnDelete"
    if len(rolled) > _most_unavailable(observed):
        yield f"{len(rolled)} pods are rolled at once"


def _claims_are_kept(observed: Observed, plan: Plan, now: Now) -> Iterator[str]:
    """RP-1, RP-2: the controller deletes no claim, and gives none an owner that the policy does not name."""
    for action in (*plan.actions, *plan.always):
        if isinstance(action, Delete) and action.key.kind == "PersistentVolumeClaim":
            yield f"claim {action.key.name} is deleted"
        if isinstance(action, Patch) and action.key.kind == "PersistentVolumeClaim" and observed.spec.retains_all:
            owners = dig(action.body, "metadata", "ownerReferences", default=[])
            if any(owner["uid"] == observed.spec.uid or _is_pod_of(owner, action.key.name) for owner in owners):
                yield f"claim {action.key.name} is owned though the policy keeps it"


def _history_that_lives_is_kept(observed: Observed, plan: Plan, now: Now) -> Iterator[str]:
    """RV-7."""
    named = {slot.revision for slot in observed.roster.at.values()}
    for action in plan.always:
        if isinstance(action, Delete) and action.key.name in named:
            yield f"revision {action.key.name} is deleted while a pod names it"


_DECISIONS = (
    _ordered_is_ordered,
    _one_bearer_of_a_name,
    _roll_out_keeps_its_bounds,
    _claims_are_kept,
    _history_that_lives_is_kept,
)


def _created(plan: Plan) -> list[Key]:
    objs = [action.obj for action in plan.actions if isinstance(action, Create) and action.obj["kind"] == "Pod"]
    return [Key("Pod", meta.namespace(obj), meta.name(obj)) for obj in objs]


def _deleted(plan: Plan) -> list[Key]:
    return [action.key for action in plan.actions if isinstance(action, Delete) and action.key.kind == "Pod"]


def _is_on_pod(action: object) -> bool:
    made = isinstance(action, Create) and action.obj["kind"] == "Pod"
    return made or (isinstance(action, Delete | Patch) and action.key.kind == "Pod")


def _is_over(observed: Observed, key: Key) -> bool:
    """Whether the pod ended by itself, so that replacing it is no roll-out."""
    slot = observed.roster.at.get(_ordinal(key))
    return slot is not None and PodView(slot.pod).is_terminal


def _is_well(observed: Observed, ordinal: int, now: Now) -> bool:
    slot = observed.roster.at.get(ordinal)
    view = PodView(slot.pod) if slot is not None else None
    if view is None or view.is_terminating or not view.is_running_and_ready:
        return False
    return view.is_available(observed.spec.min_ready_seconds, now.wall)


def _most_unavailable(observed: Observed) -> int:
    written = dig(observed.spec.rolling, "maxUnavailable")
    if not observed.profile.has_max_unavailable or written is None:
        return 1
    return max(1, scaled(written, observed.spec.replicas, rounds_up=False))


def _ordinal(key: Key) -> int:
    found = identity.parse(key.name)
    return found.ordinal if found else -1


# --- changes


def _a_name_is_borne_once(before: Cache, event: WatchEvent, told: Container[Key]) -> Iterator[str]:
    """3.6: no second pod of an identity before the first is gone for good."""
    there = before.get(event.key)
    if there is not None and event.type != "DELETED" and meta.uid(there) != meta.uid(event.obj):
        yield f"uid {meta.uid(event.obj)} comes while {meta.uid(there)} is still there"


def _a_new_replica_is_itself(before: Cache, event: WatchEvent, told: Container[Key]) -> Iterator[str]:
    """ID-6: what a set has made carries the set's identity."""
    owner = meta.controller_of(event.obj)
    if event.type != "ADDED" or owner is None or owner.get("kind") != "StatefulSet":
        return
    made_by = before.get(Key("StatefulSet", event.key.namespace, owner["name"]))
    if made_by is None or meta.uid(made_by) != owner["uid"]:
        return
    if not identity.matches(spec.read(made_by), event.obj):
        yield "its name and its pod-name label do not agree"


def _one_process_for_one_identity(before: Cache, event: WatchEvent, told: Container[Key]) -> Iterator[str]:
    """Never two live pods of one identity: no container runs for two uids of one pod name."""
    if event.type == "DELETED" or not _runs(event.obj):
        return
    for other in before.all("Sandbox"):
        is_same_pod = other.get("pod") == event.obj.get("pod")
        if is_same_pod and meta.name(other) != event.key.name and _runs(other):
            yield f"containers of {dig(event.obj, 'pod', 'name')} run for two uids at once"


def _a_kept_claim_stays(before: Cache, event: WatchEvent, told: Container[Key]) -> Iterator[str]:
    """Nothing deletes a claim that the policy keeps.

    But for one that went with its pod when the policy was another: what was decided about it stays (RP-7).
    """
    was_going = event.old is not None and meta.is_terminating(event.old)
    is_going = event.type == "DELETED" or meta.is_terminating(event.obj)
    if not is_going or was_going or event.key in told:
        return
    if any(_is_pod_of(owner, event.key.name) for owner in meta.owners(event.old or event.obj)):
        return
    for obj in before.all("StatefulSet", event.key.namespace):
        read = spec.read(obj)
        if read.retains_all and _is_claim_of(read, event.key.name):
            yield f"it is deleted though {read.name} keeps its claims"


_CHANGES = {
    "Pod": (_a_name_is_borne_once, _a_new_replica_is_itself),
    "Sandbox": (_one_process_for_one_identity,),
    "PersistentVolumeClaim": (_a_kept_claim_stays,),
}


def _is_pod_of(owner: Json, claim: str) -> bool:
    """Whether an owner is the pod that a claim is for: `web-1` of `www-web-1`."""
    return owner.get("kind") == "Pod" and claim.endswith(f"-{owner.get('name')}")


def _runs(sandbox: Json) -> bool:
    containers = (sandbox.get("containers") or {}).values()
    return any(container.get("state") in ("running", "stopping") for container in containers)


def _is_claim_of(read: Spec, name: str) -> bool:
    found = identity.parse(name)
    return found is not None and any(
        found.parent == f"{meta.name(template)}-{read.name}" for template in read.claim_templates
    )


# --- calm


def _all_are_there(cache: Cache, obj: Json, read: Spec, pods: dict[str, Json]) -> Iterator[str]:
    """Every wanted replica is there, and no other."""
    wanted = {identity.pod_name(read, ordinal) for ordinal in range(read.first, read.last + 1)}
    usable = {name for name in pods if (found := identity.parse(name)) and found.ordinal >= 0}
    for name in sorted(wanted - usable):
        yield f"{name} is missing"
    for name in sorted(usable - wanted):
        yield f"{name} is still there"


def _the_status_is_true(cache: Cache, obj: Json, read: Spec, pods: dict[str, Json]) -> Iterator[str]:
    """Status never lies about a finished generation. Members without a slot do not count (ST-3)."""
    slots = [pod for name, pod in pods.items() if _is_replica(name)]
    status, views = obj.get("status") or {}, [PodView(pod) for pod in slots]
    if status.get("observedGeneration", 0) != (obj["metadata"].get("generation") or 0):
        yield f"generation {obj['metadata'].get('generation')} was never reported"
    ready = sum(view.is_running_and_ready for view in views)
    for field, count in (("replicas", len(views)), ("readyReplicas", ready)):
        if status.get(field, 0) != count:
            yield f"status.{field} is {status.get(field, 0)} and should be {count}"
    is_told = all(status.get(field, 0) == read.replicas for field in _COMPLETE)
    if is_told and any(revision_of(view.obj) != status.get("updateRevision") for view in views):
        yield "status says that all is updated, and it is not"


def _all_are_at_their_revision(cache: Cache, obj: Json, read: Spec, pods: dict[str, Json]) -> Iterator[str]:
    """A roll-out reaches all from the partition on."""
    update = dig(obj, "status", "updateRevision", default="")
    if read.is_on_delete:
        return
    for name, pod in sorted(pods.items()):
        found = identity.parse(name)
        is_due = found is not None and read.first + read.partition <= found.ordinal <= read.last
        if is_due and revision_of(pod) != update:
            yield f"{name} is at {revision_of(pod)} and should be at {update}"


def _is_replica(name: str) -> bool:
    found = identity.parse(name)
    return found is not None and found.ordinal >= 0 and name == f"{found.parent}-{found.ordinal}"


def _history_is_short(cache: Cache, obj: Json, read: Spec, pods: dict[str, Json]) -> Iterator[str]:
    """RV-7: no more revisions than the limit allows beside those in use."""
    known = [kept for kept in cache.owned_by(read.uid).values() if kept["kind"] == "ControllerRevision"]
    used = {dig(obj, "status", name) for name in ("currentRevision", "updateRevision")}
    used |= {revision_of(pod) for pod in pods.values()}
    spare = [kept for kept in known if meta.name(kept) not in used]
    if 0 <= read.history_limit < len(spare):
        yield f"{len(spare)} revisions are kept beside those in use, the limit is {read.history_limit}"


_CALM = (_all_are_there, _the_status_is_true, _all_are_at_their_revision, _history_is_short)
