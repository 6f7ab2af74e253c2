"""Sets and their pods drawn in a line: `"0Ra 1Rb 2P"`, and plans put back into words.

A pod is its ordinal, its state and its revision, in that order:

    R  Running and Ready          U  Running, not Ready       P  Pending
    Y  Ready since this moment    T  terminating              -  not there
    F  Failed                     S  Succeeded                a  b  c   the revision, a if not said

A set is its replicas and what else is said of it: `"3"`, `"3 b"` (wants revision b), `"3 b partition=2 start=100"`,
`parallel`, `ondelete`, `null` (`type: RollingUpdate` and nothing else), `max=25%`, `ready=10` (minReadySeconds),
`claims` (one claim template), `deleted=Delete`, `scaled=Delete`, `deleting` (the set itself), `limit=2` (history).
"""

import re
from collections.abc import Iterable
from typing import Any

from stead.controllers.statefulset.controller import StatefulSetController
from stead.controllers.statefulset.observed import Observed
from stead.controllers.statefulset.profile import V1_36, Profile
from stead.controllers.statefulset.slots import Slots
from stead.machinery import meta
from stead.machinery.cache import Cache
from stead.machinery.keys import Key, key_of
from stead.machinery.objects import Json, dig
from stead.machinery.plan import Action, Create, Delete, Emit, Fence, Patch, Plan, Update
from stead.testing.builders import (
    AN_HOUR_AGO,
    NOON,
    a_claim_template,
    a_pod,
    a_revision,
    a_stateful_set,
    a_template,
)

WEB = Key("StatefulSet", "default", "web")
_POD = re.compile(r"([0-9]+)([RYUPTFS-])([a-c]?)")
_LETTERS = "abc"


def picture(spec: str, pods: str = "", *others: Json, profile: Profile = V1_36) -> Observed:
    """What the controller observes of the set `web`, drawn; `others` are more objects to be there, pods included."""
    observed = StatefulSetController(profile).observe(drawn(spec, pods, *others, profile=profile), WEB)
    assert observed is not None
    return observed


def drawn(spec: str, pods: str = "", *others: Json, profile: Profile = V1_36) -> Cache:
    """The same as a cache, filled in an order that the index must not care about."""
    web = a_set(spec)
    revisions = [a_revision(web, a_template(letter), number) for number, letter in enumerate(_known(spec, pods), 1)]
    members = a_line(web, pods)
    current = sum(not meta.is_terminating(pod) and _letter(pod) == "a" for pod in members)
    status = {
        "currentReplicas": current,
        "currentRevision": meta.name(revisions[0]),
        "collisionCount": 0,
        "observedGeneration": 1,
        **web["status"],
    }
    cache = Cache([Slots(profile)])
    for obj in (*revisions, *members, {**web, "status": status}, *others):
        cache.put(key_of(obj["kind"], obj), obj)
    return cache


def a_set(spec: str) -> Json:
    """The set that a line says."""
    words = spec.split()
    said: dict[str, str] = dict(word.partition("=")[::2] for word in words)
    letter = next((word for word in words if word in _LETTERS), "a")
    fields: dict[str, Any] = {"template": a_template(letter), "updateStrategy": _strategy(said)}
    if "parallel" in said:
        fields["podManagementPolicy"] = "Parallel"
    if "start" in said:
        fields["ordinals"] = {"start": int(said["start"])}
    if "claims" in said:
        fields["volumeClaimTemplates"] = [a_claim_template()]
    policy = {"whenDeleted": said.get("deleted"), "whenScaled": said.get("scaled")}
    fields["persistentVolumeClaimRetentionPolicy"] = {name: value for name, value in policy.items() if value}
    fields["minReadySeconds"] = int(said.get("ready", 0))
    fields["revisionHistoryLimit"] = int(said.get("limit", 10))
    metadata = {"deletionTimestamp": AN_HOUR_AGO} if "deleting" in said else {}
    return a_stateful_set("web", int(words[0]), metadata=metadata, **fields)


def a_line(web: Json, pods: str) -> list[Json]:
    """The pods that a line says, of the set `web`."""
    found = []
    for word in pods.split():
        read = _POD.fullmatch(word)
        assert read is not None, f'"{word}" is no pod: ordinal, state and revision'
        ordinal, state, letter = int(read[1]), read[2], read[3] or "a"
        if state != "-":
            since = NOON.text if state == "Y" else AN_HOUR_AGO
            revision = a_revision(web, a_template(letter))
            found.append(a_pod(web, ordinal, "R" if state == "Y" else state, revision=revision, ready_since=since))
    return found


def in_picture(observed: Observed) -> str:
    """The members of a set as a line: what `picture` read."""
    return " ".join(
        f"{ordinal}{_state(slot.pod)}{_letter(slot.pod)}" for ordinal, slot in sorted(observed.roster.at.items())
    )


def in_words(plan: Plan) -> str:
    """What a plan does, in order: `create 1b, delete 2`; without deeds why it waits: `wait PR-5 web-1`; else `-`."""
    deeds = [word for action in (*plan.actions, *plan.always) if (word := _word(action))]
    if deeds:
        return ", ".join(deeds)
    reason = next(iter(plan.waiting), None)
    about = reason.about.name if reason and reason.about else ""
    return f"wait {reason.rule} {about}".rstrip() if reason else "-"


def status_in(plan: Plan) -> Json:
    """The status that a plan writes, {} if none; nothing in it that says nothing."""
    for action in (*plan.always, *plan.actions):
        if isinstance(action, Patch) and action.subresource == "status":
            written: Json = action.body["status"]
            return {name: value for name, value in written.items() if value is not None}
    return {}


def events_in(actions: Iterable[Action | Fence]) -> list[str]:
    """The events told, as `Reason: message`."""
    return [f"{action.reason}: {action.message}" for action in actions if isinstance(action, Emit)]


def _strategy(said: dict[str, str]) -> Json:
    if "ondelete" in said:
        return {"type": "OnDelete"}
    rolling: dict[str, Any] = {"partition": int(said.get("partition", 0))}
    if "max" in said:
        rolling["maxUnavailable"] = int(said["max"]) if said["max"].isdigit() else said["max"]
    return {"type": "RollingUpdate"} if "null" in said else {"type": "RollingUpdate", "rollingUpdate": rolling}


def _known(spec: str, pods: str) -> list[str]:
    """The letters that have a revision: those of the pods, and those before the wanted one."""
    wanted = next((word for word in spec.split() if word in _LETTERS), "a")
    seen = {found[3] or "a" for found in map(_POD.fullmatch, pods.split()) if found}
    return [letter for letter in _LETTERS if letter in seen or letter <= wanted]


def _word(action: Action | Fence) -> str:
    match action:
        case Create(obj) if obj["kind"] == "Pod":
            return f"create {_number(meta.name(obj))}{_letter(obj)}"
        case Create(obj):
            return f"create {_SHORT[obj['kind']]} {meta.name(obj)}"
        case Update(obj):
            return f"repair {_number(meta.name(obj))}"
        case Delete(key) if key.kind == "Pod":
            return f"delete {_number(key.name)}"
        case Delete(key):
            return f"delete {_SHORT[key.kind]} {key.name}"
        case Patch(key, body) if key.kind != "StatefulSet":
            owners = dig(body, "metadata", "ownerReferences", default=[])
            owned = f"own by {'+'.join(owner['name'] for owner in owners) or 'nobody'}"
            return f"renumber {key.name}" if "revision" in body else f"{owned} {_SHORT[key.kind]} {key.name}"
        case Emit(reason=reason):
            return f"tell {reason}"
    return ""


_SHORT = {"PersistentVolumeClaim": "claim", "ControllerRevision": "revision", "Pod": "pod"}


def _number(name: str) -> str:
    return name.rpartition("-")[2]


def _letter(pod: Json) -> str:
    return str(pod["spec"]["containers"][0]["image"])


def _state(pod: Json) -> str:
    if meta.is_terminating(pod):
        return "T"
    phase = dig(pod, "status", "phase", default="Pending")
    if phase != "Running":
        return str(phase)[0]
    return "R" if meta.has_condition(pod, "Ready") else "U"
