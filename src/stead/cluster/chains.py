"""From one wait to the next: what an object waits for, and why that is not there, down to what somebody can change.

A StatefulSet waits for a pod, the pod for its claim, the claim for a class. Each controller knows its own step and has
told it with its last round; here the steps are put behind one another. The StatefulSet controller is asked anew, for
claims and Services do not wake it.
"""

import re
from collections.abc import Iterator
from functools import partial

from msgspec import Struct
from msgspec.structs import replace

from stead.controllers.statefulset.controller import KIND as STATEFUL_SET
from stead.controllers.statefulset.controller import StatefulSetController
from stead.engine.rounds import Engine
from stead.kinds.pod import PodView
from stead.machinery import meta, times
from stead.machinery.keys import Key, key_of
from stead.machinery.objects import Json, dig
from stead.machinery.plan import Action, Create, Delete, Fence, Patch, Plan, Update, Waiting
from stead.machinery.times import Now

CLAIM = "PersistentVolumeClaim"
_QUOTA = re.compile(r"exceeded quota: (\S+), requested: ([^ =,]+)=(\d+), used: [^ =,]+=(\d+), limited")
_REFUSED = {
    re.compile(
        r"exceeded quota: ([^ ,]+)"
    ): "free some of what it counts, or raise it: {kubectl} edit resourcequota {0}",
    re.compile(r"failed quota: \S+ must specify (limits|requests)\.(cpu|memory)"): (
        "say so in the template: {kubectl} set resources statefulset {name} --{0}={1}=AMOUNT"
    ),
    re.compile(r"no PriorityClass with name"): "leave out priorityClassName: {kubectl} edit statefulset {name}",
    re.compile(r"RuntimeClass \S+ not found"): "leave out runtimeClassName: {kubectl} edit statefulset {name}",
    re.compile(r'serviceaccount "([^"]+)" not found'): "{kubectl} create serviceaccount {0}",
    re.compile(r"(maximum|minimum) \S+ (usage|amount)|limit to request ratio"): (
        "ask for what the LimitRange allows (it is in {kubectl} describe limitrange), or change it"
    ),
}


class Link(Struct, frozen=True):
    """One wait of one controller since `since` (wall seconds). `because`: why whom it is about is not there."""

    controller: str
    about: Key
    wait: Waiting
    since: float
    because: tuple["Link", ...] = ()

    @property
    def remedy(self) -> str:
        """What a person can do, here or further down."""
        return self.wait.remedy or next(filter(None, (link.remedy for link in self.because)), "")


def of(engine: Engine, key: Key, now: Now, path: tuple[Key, ...] = ()) -> tuple[Link, ...]:
    """All that `key` waits for, first things first. `path`: whom it was asked through; they are not asked again."""
    path = (*path, key)
    follow = partial(of, engine, now=now, path=path)
    links = []
    for link in _own(engine, key, now):
        links.append(replace(link, because=follow(link.about)) if link.about not in path else link)
    links = _with_refusals(links, list(_refusals(engine, key)))
    asked = {*path, *(link.about for link in links)}
    causes = tuple(link for lead in _leads(engine, key) if lead not in asked for link in follow(lead))
    if not links or not causes:
        return (*links, *causes)
    return (replace(links[0], because=(*links[0].because, *causes)), *links[1:])


def suspects(engine: Engine) -> list[Key]:
    """Every key that may wait for something; `of` may find that it does not."""
    sets = (key_of(STATEFUL_SET, obj) for obj in engine.cache.all(STATEFUL_SET))
    told = (key for _, key, _, _ in engine.journal.all_waits())
    return list(dict.fromkeys((*sets, *told, *engine.journal.failing())))


def _own(engine: Engine, key: Key, now: Now) -> Iterator[Link]:
    """What the controllers say of the key itself."""
    told = engine.journal.waits(key)
    anew = engine.reconsider(StatefulSetController.name, key, now) if key.kind == STATEFUL_SET else None
    if anew is not None:
        began = {(wait.rule, wait.about): since for _, wait, since in told}
        told = [(one, wait, since) for one, wait, since in told if one != StatefulSetController.name]
        found = ((wait, began.get((wait.rule, wait.about), now.wall)) for wait in anew.waiting)
        told = [*((StatefulSetController.name, wait, since) for wait, since in found), *told]
        if _is_stalled(engine, key, anew):
            told.insert(0, (StatefulSetController.name, _stall(key), now.wall))
    for controller, wait, since in told:
        yield Link(controller, wait.about or key, wait, times.from_text(wait.since) if wait.since else since)


def _is_stalled(engine: Engine, key: Key, anew: Plan) -> bool:
    """PVC-7, PVC-8: there is something to do, and no round is coming in which it would be done.

    A set that goes does nothing that anybody waits for.
    """
    obj = engine.cache.get(key)
    if obj is None or meta.is_terminating(obj):
        return False
    has_deeds = bool(anew.always) or any(not isinstance(action, Fence) for action in anew.actions)
    return has_deeds and not engine.is_appointed(StatefulSetController.name, key)


def _stall(key: Key) -> Waiting:
    place = "" if key.namespace == "default" else f" -n {key.namespace}"
    remedy = (
        f'any event will do: kubectl{place} annotate statefulset {key.name} stead.dev/woken="$(date +%s)" --overwrite'
    )
    return Waiting(f"{key.name} could go on and nobody has told it: claims wake no set", "PVC-7", key, remedy=remedy)


def _leads(engine: Engine, key: Key) -> list[Key]:
    """Whom an object needs without saying so: a pod its claims and its node."""
    obj = engine.cache.get(key) if key.kind == "Pod" else None
    if obj is None:
        return []
    pod = PodView(obj)
    claims = [Key(CLAIM, key.namespace, name) for name in pod.claim_names()]
    return [*claims, Key("Node", "", pod.node)] if pod.node else claims


def _refusals(engine: Engine, key: Key) -> Iterator[Link]:
    """What the API refused in the last round, if that failed."""
    for controller, action, refused, since in engine.journal.refusals(key):
        target = _target(action) or key
        said = refused.message.partition("\n")[0]
        text = f"the API refused to {type(action).__name__.lower()} {target.kind} {target.name}: {said}"
        remedy = _remedy_of(refused.message, key, engine.cache.get(key))
        yield Link(controller, target, Waiting(text.rstrip("."), "Q-1", target, remedy=remedy), since)


def _remedy_of(message: str, key: Key, obj: Json | None) -> str:
    """What can be done about a refusal of what was written for `key`, where its words say enough."""
    kubectl = "kubectl" if key.namespace == "default" else f"kubectl -n {key.namespace}"
    if found := _QUOTA.search(message):
        quota, resource, asked, used = found.groups()
        hard = int(used) + int(asked) * _lacking(obj, resource)
        return f'raise it: {kubectl} patch resourcequota {quota} -p \'{{"spec":{{"hard":{{"{resource}":"{hard}"}}}}}}\''
    for pattern, remedy in _REFUSED.items():
        if found := pattern.search(message):
            return remedy.format(*found.groups(), kubectl=kubectl, name=key.name)
    return ""


def _lacking(obj: Json | None, resource: str) -> int:
    """How many times a set will ask for the same until it is whole."""
    wanted, there = dig(obj, "spec", "replicas", default=1), dig(obj, "status", "replicas", default=0)
    each = len(dig(obj, "spec", "volumeClaimTemplates", default=[])) if "persistentvolumeclaims" in resource else 1
    return max(1, int(wanted) - int(there)) * max(1, each)


def _target(action: Action) -> Key | None:
    if isinstance(action, Create | Update):
        return key_of(action.obj["kind"], action.obj)
    return action.key if isinstance(action, Patch | Delete) else None


def _with_refusals(links: list[Link], refusals: list[Link]) -> list[Link]:
    """A refusal goes under the wait that it is the reason of."""
    for refusal in refusals:
        place = next((at for at, link in enumerate(links) if link.about == refusal.about), None)
        if place is None:
            links.append(refusal)
        else:
            links[place] = replace(_refused(links[place]), because=(*links[place].because, refusal))
    return links


def _refused(link: Link) -> Link:
    """What was about to be made and is refused is not about to be made (PR-9)."""
    if link.wait.rule != "PR-2":
        return link
    return replace(link, wait=replace(link.wait, text=f"{link.about.name} cannot be created", rule="PR-9"))
