"""A stead in virtual time with the controllers a test names: real store, real API; the test plays all the others."""

from collections.abc import Callable, Iterable
from typing import Any

from stead.cluster.config import Config
from stead.engine.journal import Round
from stead.machinery import meta
from stead.machinery.errors import ApiError
from stead.machinery.keys import Key
from stead.machinery.objects import Json, dig
from stead.simulation.shell import Simulation

SPACE = "default"


class World(Simulation):
    """`rounds` are those of the controllers, oldest first; names in tests are short, the namespace is `default`."""

    def __init__(self, *controllers: str, seed: int = 0, nodes: int = 1) -> None:
        self.rounds: list[Round] = []
        config = Config(runtime="simulated", controllers=controllers, node_count=nodes)
        super().__init__(seed, config=config, watchers=[self.rounds.append])
        self.put({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default"}})
        self.run()

    def run(self, seconds: float = 0.0) -> None:
        """Let everything that is due happen, and `seconds` pass."""
        self.run_for(seconds)

    def put(self, obj: Json) -> Json:
        """Create an object in the namespace `default`, or in none where it has none."""
        return self.cluster.api.create(in_space(obj), self.now)

    def set_status(self, kind: str, name: str, status: Json, namespace: str = SPACE) -> Json:
        key = Key(kind, namespace, name)
        return self.cluster.api.merge_patch(key, {"status": status}, self.now, subresource="status")

    def all(self, kind: str, namespace: str | None = SPACE) -> list[Json]:
        return [row.obj for row in self.store.rows(kind) if namespace in (None, row.key.namespace)]

    def names(self, kind: str, namespace: str = SPACE) -> list[str]:
        return sorted(meta.name(obj) for obj in self.all(kind, namespace))

    def events(self, name: str = "") -> list[str]:
        """The reasons of the events about an object (or about all), in the order they were first told."""
        found = [event for event in self.all("Event", None) if name in ("", event["involvedObject"]["name"])]
        return [event["reason"] for event in found]

    def messages(self, name: str) -> list[str]:
        return [event["message"] for event in self.all("Event", None) if event["involvedObject"]["name"] == name]

    def waits_of(self, kind: str, name: str, namespace: str = SPACE) -> list[str]:
        return [str(wait) for wait in self.waits(Key(kind, namespace, name))]

    def failures(self) -> list[Round]:
        return [round_ for round_ in self.rounds if round_.is_failed]

    # --- pods, as a kubelet would leave them

    def pod(self, name: str, ip: str = "", *, is_ready: bool = False, node: str = "n1", **fields: Any) -> Json:
        """A pod on a node, running there if it has an address."""
        made = self.put(a_pod(name, **fields))
        if node:
            self.cluster.api.bind(Key("Pod", SPACE, name), "", node, self.now)
        if ip:
            self.tell(name, ip=ip, is_ready=is_ready)
        return made

    def tell(self, name: str, *, ip: str = "", is_ready: bool | None = None, phase: str = "Running") -> None:
        """What the kubelet would report."""
        status: dict[str, Any] = {"phase": phase}
        if ip:
            status |= {"podIP": ip, "podIPs": [{"ip": ip}]}
        if is_ready is not None:
            ready = {"type": "Ready", "status": str(is_ready), "lastTransitionTime": self.now.text}
            pod = self.get("Pod", name) or {}
            others = [one for one in dig(pod, "status", "conditions", default=[]) if one["type"] != "Ready"]
            status["conditions"] = [*others, ready]
        self.set_status("Pod", name, status)

    def end_pod(self, name: str) -> None:
        """What a kubelet does at the end of a pod's grace."""
        self.delete("Pod", name, grace_seconds=0)

    def drop(self, kind: str, name: str, namespace: str = SPACE, policy: str = "Background") -> None:
        """Delete with a policy, as a user would."""
        self.delete(kind, name, namespace, policy=policy)


CLUSTER_WIDE = frozenset(("PersistentVolume", "StorageClass", "Node", "Namespace"))


def in_space(obj: Json) -> Json:
    if obj["kind"] in CLUSTER_WIDE or obj["metadata"].get("namespace"):
        return obj
    return {**obj, "metadata": {**obj["metadata"], "namespace": SPACE}}


def a_pod(
    name: str, labels: Json | None = None, claims: Iterable[str] = (), meta: Json | None = None, **spec: Any
) -> Json:
    volumes = [{"name": claim, "persistentVolumeClaim": {"claimName": claim}} for claim in claims]
    body = {"containers": [{"name": "c", "image": "i"}], "volumes": volumes, **spec}
    metadata = {"name": name, "labels": {"app": "nginx"} if labels is None else labels, **(meta or {})}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": body}


def a_service(name: str = "nginx", labels: Json | None = None, **spec: Any) -> Json:
    body = {"clusterIP": "None", "selector": {"app": "nginx"}, "ports": [{"name": "web", "port": 80}], **spec}
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "labels": labels or {}}, "spec": body}


def a_class(
    name: str = "fast", provisioner: str = "stead.dev/directory", *, is_default: bool = False, **fields: Any
) -> Json:
    marks = {"storageclass.kubernetes.io/is-default-class": "true"} if is_default else {}
    metadata = {"name": name, "annotations": marks}
    return {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": metadata,
        "provisioner": provisioner,
        **fields,
    }


def a_claim(name: str, size: str = "1Gi", *, class_name: str | None = "", **spec: Any) -> Json:
    body: dict[str, Any] = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": size}}, **spec}
    if class_name is not None:
        body["storageClassName"] = class_name
    return {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": name}, "spec": body}


def a_volume(name: str, size: str = "1Gi", *, claim: str = "", labels: Json | None = None, **spec: Any) -> Json:
    body: dict[str, Any] = {
        "accessModes": ["ReadWriteOnce"],
        "capacity": {"storage": size},
        "hostPath": {"path": f"/data/{name}"},
        **spec,
    }
    if claim:
        body["claimRef"] = {"namespace": SPACE, "name": claim}
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": name, "labels": labels or {}},
        "spec": body,
    }


def a_node(name: str, labels: Json | None = None, **spec: Any) -> Json:
    return {"apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "labels": labels or {}}, "spec": spec}


def a_config(name: str, *owners: Json, finalizers: Iterable[str] = (), namespace: str = SPACE) -> Json:
    """The simplest thing that can be owned and own."""
    metadata: dict[str, Any] = {"name": name, "namespace": namespace, "finalizers": list(finalizers)}
    metadata["ownerReferences"] = list(owners)
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata}


def owned_by(owner: Json, *, blocks: bool = False, **fields: Any) -> Json:
    reference = {**meta.owner_reference(owner, controller=False), **fields}
    return {**reference, "blockOwnerDeletion": True} if blocks else reference


def refused(deed: Callable[[], object]) -> str:
    """The reason the API gives for not doing it, "" if it does."""
    try:
        deed()
    except ApiError as error:
        return error.reason
    return ""
