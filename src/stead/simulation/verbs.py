"""Everything that can happen in a schedule, and what must be said with it. What it does stands in `deeds` and `faults`.

Pods, claims and nodes are named as they are in the cluster (`web-1`, `www-web-1`, `stead-2`), sets by their names.
"""

from stead.simulation import fields
from stead.simulation.fields import Field, Fields

_SET = {"set": Field(fields.name)}
_POD = {"pod": Field(fields.name)}
_NODE = {"node": Field(fields.text, "")}  # "" is the first
_COUNT = fields.whole(0, 20_000)
_KEEP = fields.choice("Retain", "Delete")

TROUBLES = ("none", "image", "unready", "crash")
REASONS = ("Conflict", "Forbidden", "AlreadyExists", "TooManyRequests", "InternalError", "Lost", "Unheard")
DEATHS = ("between", "before commit", "before runtime")

VERBS: dict[str, Fields] = {
    # what users do to sets
    "scale": {**_SET, "replicas": Field(_COUNT)},
    "revise": {
        **_SET,
        "image": Field(fields.text),
        "trouble": Field(fields.choice(*TROUBLES), "none"),
    },
    "partition": {**_SET, "partition": Field(_COUNT)},
    "strategy": {**_SET, "type": Field(fields.choice("RollingUpdate", "OnDelete", "bare"))},
    "max-unavailable": {**_SET, "value": Field(fields.or_none(fields.amount), None)},
    "min-ready": {**_SET, "seconds": Field(fields.whole(0, 3600))},
    "start": {**_SET, "start": Field(fields.whole(0, 10_000))},
    "retention": {**_SET, "deleted": Field(_KEEP, "Retain"), "scaled": Field(_KEEP, "Retain")},
    "history": {**_SET, "limit": Field(fields.whole(-1, 100))},
    "delete-set": {**_SET, "policy": Field(fields.choice("Background", "Foreground", "Orphan"), "Background")},
    "create-set": _SET,
    "delete-revision": {**_SET, "which": Field(fields.choice("current", "update", "oldest"), "current")},
    # what users do to pods and claims
    "delete-pod": {**_POD, "grace": Field(fields.or_none(fields.whole(0, 3600)), None)},
    "delete-claim": {"claim": Field(fields.name)},
    "label-pod": {**_POD, "label": Field(fields.text), "value": Field(fields.or_none(fields.text), None)},
    "orphan-pod": _POD,
    "stray-pod": {**_POD, **_SET},
    # what happens to pods and nodes
    "fail-pod": {
        **_POD,
        "phase": Field(fields.choice("Failed", "Succeeded"), "Failed"),
        "reason": Field(fields.text, "Evicted"),
    },
    "crash-container": {**_POD, "code": Field(fields.whole(0, 255), 1)},
    "ready": {**_POD, "says": Field(fields.or_none(fields.flag), None)},
    "lose-node": _NODE,
    "return-node": _NODE,
    "reboot-node": _NODE,
    "stop-node": _NODE,
    "cordon": _NODE,
    "uncordon": _NODE,
    "delete-node": _NODE,
    "out-of-service": _NODE,
    # what goes wrong with writes, eyes, clocks and stead itself
    "refuse": {
        "reason": Field(fields.choice(*REASONS), "Conflict"),
        "times": Field(fields.whole(1, 1000), 1),
        "write": Field(fields.choice("any", "create", "update", "patch", "delete"), "any"),
        "kind": Field(fields.text, ""),
        "by": Field(fields.text, "statefulset"),
    },
    "quota": {"pods": Field(fields.or_none(_COUNT), None)},
    "lag": {"seconds": Field(fields.seconds(600))},
    "die": {"after": Field(fields.whole(0, 1000), 0), "how": Field(fields.choice(*DEATHS), "between")},
    "jump": {"seconds": Field(fields.seconds(1_000_000, is_signed=True))},
}
"""`Unheard`: the write was done, and its answer lost. `die` comes at the next action but `after`."""
