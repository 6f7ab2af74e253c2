"""Events told by controllers: the same one told again is counted on the object it made the first time."""

from itertools import count
from typing import NamedTuple

from stead.api.server import Api
from stead.machinery import meta, telling
from stead.machinery.errors import ApiError
from stead.machinery.keys import Key
from stead.machinery.plan import Emit
from stead.machinery.times import Now

COMPONENTS = {
    "statefulset": "statefulset-controller",
    "kubelet": "kubelet",
    "scheduler": "default-scheduler",
    "binder": "persistentvolume-controller",
    "provisioner": "stead.dev/directory",
    "endpoints": "endpoint-slice-controller",
    "garbage": "garbage-collector-controller",
    "namespace": "namespace-controller",
    "node": "kubelet",
    "nodelife": "node-controller",
    "tainteviction": "taint-eviction-controller",
    "disruption": "controllermanager",
    "podgc": "pod-garbage-collector",
}
KEPT = 4096  # events whose next telling is counted; upstream's correlator keeps as many


class _Same(NamedTuple):
    """What makes two tellings the same event."""

    component: str
    node: str
    uid: str
    part: str
    type: str
    reason: str
    message: str


class Recorder:
    """Writes events through the API, in its own memory of what was told before."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._told: dict[_Same, tuple[Key, int]] = {}
        self._serial = count()  # the events of one moment have names of their own

    def tell(self, controller: str, emit: Emit, now: Now, node: str = "") -> None:
        """Create the event, or count it up; an event that cannot be written is lost, as upstream's are.

        `node` is whose kubelet tells it.
        """
        component = COMPONENTS.get(controller, f"{controller}-controller")
        same = _Same(component, node, meta.uid(emit.about), emit.part, emit.type, emit.reason, emit.message)
        try:
            self._told[same] = self._written(same, emit, now)
        except ApiError:
            self._told.pop(same, None)
        if len(self._told) > KEPT:
            del self._told[next(iter(self._told))]

    def _written(self, same: _Same, emit: Emit, now: Now) -> tuple[Key, int]:
        key, count = self._told.pop(same, (None, 0))
        if key is not None and self._api.get(key) is not None:
            self._api.merge_patch(key, {"count": count + 1, "lastTimestamp": now.text}, now)
            return key, count + 1
        event = telling.first(emit, same.component, now, serial=next(self._serial), host=same.node)
        self._api.create(event, now)
        return Key("Event", event["metadata"]["namespace"], event["metadata"]["name"]), 1
