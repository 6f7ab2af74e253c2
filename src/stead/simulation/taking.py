"""A cluster as it is now, taken into a simulation: its objects into the store, its running pods into the runtime.

What owns things and is not taken is believed to be there. Containers that fail now go on failing; whatever starts anew
starts well. Volumes are made at once, whoever makes them there.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from stead.cluster.bootstrap import PROVISIONER
from stead.cluster.config import Config
from stead.controllers.nodes import Facts
from stead.kinds.pod import PodView
from stead.kinds.registry import BUILT_IN
from stead.machinery import meta
from stead.machinery.keys import key_of
from stead.machinery.objects import Json, dig, with_value
from stead.runtimes.scripts import PREFIX
from stead.simulation.shell import START, Simulation

NAMESPACED = (
    "StatefulSet",
    "Pod",
    "PersistentVolumeClaim",
    "ControllerRevision",
    "Service",
    "ConfigMap",
    "Secret",
    "ServiceAccount",
    "ResourceQuota",
    "LimitRange",
    "PodDisruptionBudget",
)
OF_THE_CLUSTER = ("Namespace", "Node", "StorageClass", "PersistentVolume")
MOST_NODES = 200
NO_PROVISIONER = "kubernetes.io/no-provisioner"
BROKEN_IMAGES = ("ErrImagePull", "ImagePullBackOff", "ErrImageNeverPull", "InvalidImageName")


def simulation_of(objects: Sequence[Json], seed: int, wall: float) -> Simulation:
    """A simulation that begins at `wall` with `objects` (of the kinds above, as their API answers them)."""
    nodes = [obj for obj in objects if obj["kind"] == "Node"]
    names = tuple(map(meta.name, nodes))[:MOST_NODES]
    named: Any = {"node": names[0], "other_nodes": names[1:], "node_count": len(names)} if names else {}
    facts = {meta.name(node): _facts(node) for node in nodes}
    simulation = Simulation(seed, config=Config(runtime="simulated", **named), facts=facts)
    simulation.jump(wall - START)
    if objects:
        _put(simulation, objects)
        _adopt(simulation, objects)
        simulation.crash()  # everything in memory is made anew of what is there now
    for node in nodes:
        if not meta.has_condition(node, "Ready") and meta.name(node) in names:
            simulation.lose_node(meta.name(node))
    return simulation


def provision(simulation: Simulation) -> None:
    """Let every class that makes volumes have them made here, whoever does it there."""
    for row in simulation.store.rows("StorageClass"):
        if row.obj["provisioner"] not in (PROVISIONER, NO_PROVISIONER):
            simulation.store.put(row.key, {**row.obj, "provisioner": PROVISIONER})


def _facts(node: Json) -> Facts:
    status = node.get("status") or {}
    room = status.get("allocatable") or status.get("capacity") or {}
    cidr = dig(node, "spec", "podCIDR", default="10.244.0.0/24")
    return Facts(meta.name(node), capacity=room, info=status.get("nodeInfo") or {}, pod_cidr=cidr)


def _put(simulation: Simulation, objects: Iterable[Json]) -> None:
    """All in one transaction; the classes of a new stead are not those of this cluster."""
    with simulation.store.transaction():
        for row in list(simulation.store.rows("StorageClass")):
            simulation.store.remove(row.key, row.obj)
        for obj in objects:
            kind = BUILT_IN.by_type(obj["apiVersion"], obj["kind"])
            assert kind is not None, obj["kind"]
            simulation.store.put(key_of(kind.id, obj), _with_known_owners(obj))


def _with_known_owners(obj: Json) -> Json:
    """Without the owners of kinds that are not taken: they would be missed, and their things collected."""
    owners = meta.owners(obj)
    known = [owner for owner in owners if owner["kind"] in NAMESPACED]
    return obj if known == owners else with_value(obj, ("metadata", "ownerReferences"), known)


def _adopt(simulation: Simulation, objects: Iterable[Json]) -> None:
    for obj in objects:
        runtime = simulation.runtimes.get(PodView(obj).node) if obj["kind"] == "Pod" else None
        if runtime is not None and dig(obj, "status", "phase") in ("Running", "Pending"):
            runtime.adopt(obj, _script(obj), simulation.now)


def _script(pod: Json) -> dict[str, str]:
    """What its containers will go on doing: those that fail now, fail."""
    script: dict[str, str] = dict(meta.annotations(pod))
    for told in dig(pod, "status", "containerStatuses", default=()):
        state, name = told.get("state") or {}, f"{PREFIX}{told['name']}."
        why = dig(state, "waiting", "reason", default="")
        if why in BROKEN_IMAGES:
            script[f"{name}image-missing"] = "true"
        elif why == "CrashLoopBackOff":
            script |= {f"{name}exit-after": "1s", f"{name}exit-code": "1"}
        elif "running" in state and not told.get("ready"):
            script[f"{name}unready"] = "true"
    return script
