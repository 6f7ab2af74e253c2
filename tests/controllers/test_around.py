"""A set and all that is around it, together, as a user sees them: every controller, the simulated runtime."""

from typing import Any

import pytest

from stead.cluster.config import Config
from stead.engine.journal import Round
from stead.machinery import meta
from stead.machinery.objects import Json, dig
from stead.machinery.plan import Refused
from stead.simulation.shell import Simulation
from tests.controllers.world import a_class, a_service, in_space

SLOWLY = {"simulation.stead.dev/stop-after": "5s"}


class Stage(Simulation):
    """A stead with everything, three replicas of `web` with a claim each, and the service `nginx`."""

    def __init__(self, *, nodes: int = 1, **spec: Any) -> None:
        self.rounds: list[Round] = []
        super().__init__(watchers=[self.rounds.append], config=Config(runtime="simulated", node_count=nodes))
        self.apply(in_space(a_service()), a_class(allowVolumeExpansion=True), a_set(**spec))
        self.settle()
        self.run_for(5)

    def names(self, kind: str, namespace: str = "default") -> list[str]:
        return sorted(row.key.name for row in self.store.rows(kind, namespace))

    def volumes(self) -> list[Json]:
        return [row.obj for row in self.store.rows("PersistentVolume")]

    def shown(self) -> list[str]:
        """Pods behind the service that are ready."""
        slices = [row.obj for row in self.store.rows("EndpointSlice", "default")]
        found = [one for each in slices for one in each.get("endpoints") or [] if one["conditions"]["ready"]]
        return sorted(one["targetRef"]["name"] for one in found if "targetRef" in one)


def a_set(**spec: Any) -> Json:
    mounts = [{"name": "www", "mountPath": "/data"}]
    pod = {"containers": [{"name": "c", "image": "i", "volumeMounts": mounts}], "terminationGracePeriodSeconds": 10}
    wanted = {
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": "1Gi"}},
        "storageClassName": "fast",
    }
    body = {
        "replicas": 3,
        "serviceName": "nginx",
        "selector": {"matchLabels": {"app": "nginx"}},
        "template": {"metadata": {"labels": {"app": "nginx"}, "annotations": SLOWLY}, "spec": pod},
        "volumeClaimTemplates": [{"metadata": {"name": "www"}, "spec": wanted}],
        **spec,
    }
    metadata = {"name": "web", "namespace": "default"}
    return {"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": metadata, "spec": body}


PODS = ["web-0", "web-1", "web-2"]
CLAIMS = [f"www-{name}" for name in PODS]


def test_all_is_there_and_at_rest() -> None:
    stage = Stage()
    assert (stage.names("Pod"), stage.names("PersistentVolumeClaim"), stage.shown()) == (PODS, CLAIMS, PODS)
    assert {dig(volume, "status", "phase") for volume in stage.volumes()} == {"Bound"}
    stage.rounds.clear()
    stage.run_for(3600)
    busy = {round_.controller for round_ in stage.rounds if round_.deeds}
    assert busy == {"node"}
    assert [round_ for round_ in stage.rounds if round_.is_failed] == []


@pytest.mark.parametrize(
    ("policy", "pods", "revisions"), [("Background", [], 0), ("Foreground", [], 0), ("Orphan", PODS, 1)]
)
def test_the_set_goes(policy: str, pods: list[str], revisions: int) -> None:
    """DL-1 to DL-3; claims stay."""
    stage = Stage()
    stage.delete("StatefulSet", "web", policy=policy)
    stage.run_for(1)
    assert (stage.get("StatefulSet", "web") is None) == (policy != "Foreground")
    stage.run_for(30)
    assert stage.get("StatefulSet", "web") is None
    assert (stage.names("Pod"), len(stage.names("ControllerRevision"))) == (pods, revisions)
    assert stage.names("PersistentVolumeClaim") == CLAIMS


def test_orphans_are_adopted_by_the_next_of_that_name() -> None:
    """DL-2"""
    stage = Stage()
    before = {name: pod.uid for name, pod in stage.pods().items()}
    stage.delete("StatefulSet", "web", policy="Orphan")
    stage.run_for(5)
    stage.apply(a_set())
    stage.settle()
    assert {name: pod.uid for name, pod in stage.pods().items()} == before


@pytest.mark.parametrize("policy", ["Background", "Foreground"])
def test_claims_that_the_set_owns_go_with_it_and_their_volumes_too(policy: str) -> None:
    """DL-7 and 3.3.6: held by their pods until those are gone."""
    stage = Stage(persistentVolumeClaimRetentionPolicy={"whenDeleted": "Delete"})
    stage.delete("StatefulSet", "web", policy=policy)
    stage.run_for(1)
    assert stage.names("PersistentVolumeClaim") == CLAIMS
    stage.run_for(60)
    assert (stage.names("Pod"), stage.names("PersistentVolumeClaim"), stage.volumes()) == ([], [], [])


def test_foreground_with_a_condemned_pod_that_owns_its_claim() -> None:
    """DL-6: pod waits for claim, claim for pod? The claim's reference to the pod does not hold the pod back."""
    stage = Stage(persistentVolumeClaimRetentionPolicy={"whenDeleted": "Delete", "whenScaled": "Delete"})
    stage.scale("web", 2)
    stage.run_for(1)
    stage.delete("StatefulSet", "web", policy="Foreground")
    stage.run_for(120)
    assert (stage.names("Pod"), stage.names("StatefulSet"), stage.names("PersistentVolumeClaim")) == ([], [], [])


def test_a_claim_deleted_under_a_running_pod() -> None:
    """3.3.8: Terminating until the pod goes; then the replica gets a new, empty volume."""
    stage = Stage()
    volume = dig(stage.get("PersistentVolumeClaim", "www-web-1"), "spec", "volumeName")
    stage.delete("PersistentVolumeClaim", "www-web-1")
    stage.run_for(60)
    assert meta.is_terminating(stage.get("PersistentVolumeClaim", "www-web-1") or {})
    stage.delete("Pod", "web-1")
    stage.run_for(120)
    stage.settle()
    claim = stage.get("PersistentVolumeClaim", "www-web-1")
    assert dig(claim, "status", "phase") == "Bound"
    assert dig(claim, "spec", "volumeName") != volume
    assert stage.shown() == PODS


def test_a_claim_grows_under_a_running_pod() -> None:
    """3.3.10"""
    stage = Stage()
    stage.patch("PersistentVolumeClaim", "www-web-0", {"spec": {"resources": {"requests": {"storage": "5Gi"}}}})
    stage.run_for(5)
    assert dig(stage.get("PersistentVolumeClaim", "www-web-0"), "status", "capacity", "storage") == "5Gi"


def test_a_namespace_goes_with_its_set() -> None:
    """3.7: the set's controller is refused, and the namespace is gone in the end."""
    stage = Stage()
    stage.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "red"}})
    stage.run_for(1)
    web = a_set()
    stage.apply({**web, "metadata": {**web["metadata"], "namespace": "red"}})
    stage.settle()
    stage.delete("Namespace", "red", "")
    stage.run_for(300)
    assert stage.get("Namespace", "red", "") is None
    assert [row.key for row in stage.store.rows("PersistentVolumeClaim") if row.key.namespace == "red"] == []
    assert len(stage.volumes()) == 3


def test_a_silent_node_never_has_its_replicas_doubled() -> None:
    """3.6: pods go after five minutes and stay Terminating; the set waits; the Node's deletion frees the names."""
    stage = Stage(nodes=2)
    before = {name: pod.uid for name, pod in stage.pods().items()}
    lost = [name for name, pod in stage.pods().items() if pod.node == stage.config.node]
    assert lost == ["web-0", "web-2"]
    stage.lose_node()
    stage.run_for(60)
    assert stage.shown() == ["web-1"]
    stage.run_for(400)
    assert [name for name, pod in stage.pods().items() if pod.is_terminating] == lost
    assert {name: pod.uid for name, pod in stage.pods().items()} == before
    stage.delete("Node", stage.config.node, "")
    stage.run_for(60)
    assert not {before[name] for name in lost} & {pod.uid for pod in stage.pods().values()}
    stage.return_node()
    stage.run_for(60)
    stage.settle()
    assert stage.shown() == PODS


def test_an_hour_of_sleep_is_not_a_lost_node() -> None:
    stage = Stage()
    before = {name: pod.uid for name, pod in stage.pods().items()}
    stage.jump(3600)
    stage.run_for(600)
    assert {name: pod.uid for name, pod in stage.pods().items()} == before
    assert stage.shown() == PODS


@pytest.mark.parametrize("silent", [("node",), ("node", "kubelet")])
def test_a_node_that_is_back_in_time_keeps_its_replicas(silent: tuple[str, ...]) -> None:
    """3.6.3: whether its kubelet was cut off too, or only its heartbeat was lost."""
    stage = Stage()
    before = {name: pod.uid for name, pod in stage.pods().items()}
    stage.refuse = lambda controller, action: Refused("Timeout") if controller.name in silent else None
    stage.run_for(200)
    stage.refuse = lambda controller, action: None
    stage.run_for(600)
    assert {name: pod.uid for name, pod in stage.pods().items()} == before
    assert stage.shown() == PODS
    assert dig(stage.get("Node", stage.config.node, ""), "spec", "taints", default=[]) == []
