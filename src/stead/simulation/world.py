"""A simulation that a schedule's steps happen to: one function for each verb, and what must be remembered of them.

Users are refused like anybody else; that is part of life and ends nothing.
"""

from collections.abc import Callable, Mapping
from typing import Any

from stead.cluster.config import Config
from stead.kinds.placed import Placed, node_of
from stead.machinery import meta
from stead.machinery.errors import ApiError, BadRequest
from stead.machinery.keys import Key
from stead.machinery.objects import Json, dig
from stead.simulation import faults, shapes
from stead.simulation.faults import Mischief
from stead.simulation.schedules import Schedule, Step
from stead.simulation.shell import Simulation

OUT_OF_SERVICE = "node.kubernetes.io/out-of-service"


class World:
    """`interfered`: what users have deleted or failed by hand. `forced`: pods they tore out of the cluster."""

    def __init__(self, schedule: Schedule, simulation: Simulation | None = None) -> None:
        self.schedule = schedule
        self.simulation = simulation or Simulation(
            schedule.seed,
            config=Config(
                runtime="simulated", profile=schedule.profile, node_count=schedule.nodes, zones=schedule.zones
            ),
            is_distant=schedule.distant,
            is_sworn=True,
            piece=schedule.piece,
        )
        self.shapes = {shape["name"]: shape for shape in schedule.sets}
        self.manifests = {shape["name"]: shapes.created(shapes.manifest(shape)) for shape in schedule.sets}
        self.mischief = self.simulation.refuse = Mischief(self.simulation)
        self.interfered: dict[Key, None] = {}
        self.forced: dict[str, None] = {}
        self.once_troubled: dict[str, None] = {}
        self._set_lag(schedule.lag)

    def begin(self) -> None:
        """The sets of the schedule and their Services are created."""
        self.simulation.run_for(1)
        self.create_sets()

    def create_sets(self) -> None:
        for name, shape in self.shapes.items():
            self.simulation.apply(shapes.service(shape))
            self._create_set(name)

    def take(self, obj: Json) -> None:
        """An object of a manifest; raises ApiError."""
        self.simulation.apply(obj)
        if obj["kind"] == "StatefulSet" and meta.namespace(obj) in ("", "default"):
            self.manifests[meta.name(obj)] = obj

    def happen(self, step: Step) -> str:
        """Let one step happen; answers why it was refused, "" if it was not."""
        try:
            _DEEDS[step.verb](self, **step.said)
        except ApiError as error:
            return f"{error.reason}: {error.message}"
        return ""

    def calm(self) -> None:
        """Nothing goes wrong any more, and every set wants a template that works."""
        self.mischief.end()
        self._set_lag(0)
        for node in self.simulation.config.nodes:
            self.happen(Step(0, "return-node", {"node": node}))
            self.happen(Step(0, "uncordon", {"node": node}))
        for name in self.manifests:
            self.happen(Step(0, "create-set", {"set": name}))
            if name in self.once_troubled:
                self.happen(Step(0, "partition", {"set": name, "partition": 0}))
                self.happen(Step(0, "revise", {"set": name, "image": "good", "trouble": "none"}))
        for pod in self.simulation.pods():
            faults.say_ready(self.simulation, pod, None)

    # --- sets

    def _edit(self, name: str, **spec: Any) -> None:
        self.simulation.patch("StatefulSet", name, {"spec": spec})

    def _create_set(self, set: str) -> None:
        if set in self.manifests and self.simulation.get("StatefulSet", set) is None:
            self.simulation.apply(self.manifests[set])

    def _revise(self, name: str, image: str, trouble: str) -> None:
        found = self.simulation.get("StatefulSet", name)
        if name in self.shapes:
            self._edit(name, template=shapes.template(self.shapes[name], image, trouble))
        elif found is not None:
            self._edit(name, template=shapes.revised(found["spec"]["template"], image, trouble))
        if trouble != "none":
            self.once_troubled[name] = None

    def _roll(self, name: str, **said: Any) -> None:
        """A change of the strategy; what it is now comes first."""
        found = self.simulation.get("StatefulSet", name)
        if found is None:
            return
        written = shapes.strategy({**shapes.strategy_of(found), **said})
        nulled = {"rollingUpdate": None} if "rollingUpdate" not in written else {}
        self._edit(name, updateStrategy={**written, **nulled})

    def _delete_set(self, name: str, policy: str) -> None:
        found = self.simulation.get("StatefulSet", name)
        self.simulation.delete("StatefulSet", name, policy=policy)
        if found is not None and policy != "Orphan":
            for key in self.simulation.cluster.cache.owned_by(meta.uid(found)):
                self.interfered[key] = None

    def _delete_revision(self, name: str, which: str) -> None:
        found = self.simulation.get("StatefulSet", name) or {}
        named = dig(found, "status", f"{which}Revision", default="")
        if which == "oldest":
            rows = self.simulation.store.rows("ControllerRevision", "default")
            owned = [row.obj for row in rows if meta.is_controlled_by(row.obj, meta.uid(found))] if found else []
            named = meta.name(min(owned, key=lambda one: one["revision"])) if owned else ""
        if named:
            self.interfered[Key("ControllerRevision", "default", named)] = None
            self.simulation.delete("ControllerRevision", named)

    def nudge(self, name: str) -> None:
        """An event for a set that changes nothing."""
        nudged = {"metadata": {"annotations": {"simulation.stead.dev/nudged": self.simulation.now.text}}}
        self.simulation.patch("StatefulSet", name, nudged)

    # --- pods and claims

    def _delete_pod(self, pod: str, grace: int | None) -> None:
        self.interfered[Key("Pod", "default", pod)] = None
        if grace == 0:
            self.forced[pod] = None
        self.simulation.delete("Pod", pod, grace_seconds=grace)

    def _delete_claim(self, claim: str) -> None:
        self.interfered[Key("PersistentVolumeClaim", "default", claim)] = None
        self.simulation.delete("PersistentVolumeClaim", claim)

    def _label_pod(self, pod: str, label: str, value: str | None) -> None:
        self.interfered[Key("Pod", "default", pod)] = None
        self.simulation.patch("Pod", pod, {"metadata": {"labels": {label: value}}})

    def _orphan_pod(self, pod: str) -> None:
        self.interfered[Key("Pod", "default", pod)] = None
        self.simulation.patch("Pod", pod, {"metadata": {"ownerReferences": None}})

    def _stray_pod(self, pod: str, set: str) -> None:
        if set in self.shapes and self.simulation.get("Pod", pod) is None:
            self.interfered[Key("Pod", "default", pod)] = None
            self.simulation.apply(shapes.stray(self.shapes[set], pod))

    def _fail_pod(self, pod: str, phase: str, reason: str) -> None:
        self.interfered[Key("Pod", "default", pod)] = None
        if self.simulation.state_of(node_of(self.simulation.get("Pod", pod))) != "on":
            self.forced[pod] = None  # the API takes it for ended, and its node does not know
        faults.fail_pod(self.simulation, pod, phase, reason)

    # --- nodes

    def _node(self, name: str) -> str:
        """Raises BadRequest where there is no such node."""
        nodes = self.simulation.config.nodes
        if name not in ("", *nodes):
            raise BadRequest(f"there is no node {name}; there is {', '.join(nodes)}")
        return name or nodes[0]

    def _return_node(self, name: str) -> None:
        """What says that it is out of service must go by hand, as upstream wants it."""
        self.simulation.return_node(name)
        found = self.simulation.get("Node", name, "") or {}
        taints = dig(found, "spec", "taints", default=[])
        kept = [taint for taint in taints if taint["key"] != OUT_OF_SERVICE]
        if kept != taints:
            self.simulation.patch("Node", name, {"spec": {"taints": kept}}, "")

    def _cordon(self, name: str, is_closed: bool | None) -> None:
        if self.simulation.get("Node", name, "") is not None:
            self.simulation.patch("Node", name, {"spec": {"unschedulable": is_closed}}, "")

    def _delete_node(self, name: str) -> None:
        """3.6.3: whoever does that says that nothing runs there any more."""
        self._force(name)
        self.simulation.delete("Node", name, "")

    def _give_up(self, name: str) -> None:
        self._force(name)
        taint = {"key": OUT_OF_SERVICE, "value": "nodeshutdown", "effect": "NoExecute"}
        found = self.simulation.get("Node", name, "") or {}
        taints = [one for one in dig(found, "spec", "taints", default=[]) if one["key"] != OUT_OF_SERVICE]
        self.simulation.patch("Node", name, {"spec": {"taints": [*taints, taint]}}, "")

    def _force(self, node: str) -> None:
        """Its pods may be torn out of the cluster while they still run."""
        for key in self.simulation.cluster.cache.index(Placed).on(node):
            self.interfered[key] = None
            if self.simulation.state_of(node) != "off":
                self.forced[key.name] = None

    # --- eyes

    def _set_lag(self, seconds: float) -> None:
        if self.simulation.distant is not None:
            self.simulation.distant.lag_seconds = seconds


Deed = Callable[..., Any]
_DEEDS: Mapping[str, Deed] = {
    "scale": lambda w, set, replicas: w._edit(set, replicas=replicas),
    "revise": lambda w, set, image, trouble: w._revise(set, image, trouble),
    "partition": lambda w, set, partition: w._roll(set, partition=partition, strategy="RollingUpdate"),
    "strategy": lambda w, set, type: w._roll(set, strategy=type),
    "max-unavailable": lambda w, set, value: w._roll(set, maxUnavailable=value, strategy="RollingUpdate"),
    "min-ready": lambda w, set, seconds: w._edit(set, minReadySeconds=seconds),
    "start": lambda w, set, start: w._edit(set, ordinals={"start": start}),
    "retention": lambda w, set, deleted, scaled: w._edit(
        set, persistentVolumeClaimRetentionPolicy={"whenDeleted": deleted, "whenScaled": scaled}
    ),
    "history": lambda w, set, limit: w._edit(set, revisionHistoryLimit=limit),
    "delete-set": lambda w, set, policy: w._delete_set(set, policy),
    "create-set": World._create_set,
    "delete-revision": lambda w, set, which: w._delete_revision(set, which),
    "delete-pod": World._delete_pod,
    "delete-claim": World._delete_claim,
    "label-pod": World._label_pod,
    "orphan-pod": World._orphan_pod,
    "stray-pod": World._stray_pod,
    "fail-pod": World._fail_pod,
    "crash-container": lambda w, pod, code: faults.crash_container(w.simulation, pod, code),
    "ready": lambda w, pod, says: faults.say_ready(w.simulation, pod, says),
    "lose-node": lambda w, node: w.simulation.lose_node(w._node(node)),
    "return-node": lambda w, node: w._return_node(w._node(node)),
    "reboot-node": lambda w, node: w.simulation.reboot_node(w._node(node)),
    "stop-node": lambda w, node: w.simulation.stop_node(w._node(node)),
    "cordon": lambda w, node: w._cordon(w._node(node), True),
    "uncordon": lambda w, node: w._cordon(w._node(node), None),
    "delete-node": lambda w, node: w._delete_node(w._node(node)),
    "out-of-service": lambda w, node: w._give_up(w._node(node)),
    "refuse": lambda w, **said: w.mischief.refuse(said),
    "quota": lambda w, pods: setattr(w.mischief, "most_pods", pods),
    "lag": lambda w, seconds: w._set_lag(seconds),
    "die": lambda w, after, how: w.simulation.crash_after(after, how),
    "jump": lambda w, seconds: w.simulation.jump(seconds),
}
