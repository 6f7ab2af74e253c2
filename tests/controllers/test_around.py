"""A set and all that is around it, together, as a user sees them: every controller, the simulated runtime."""

from typing import Any

import pytest

from stead.cluster.config import Config
from stead.engine.journal import Round
from stead.kinds.pod import PodView
from stead.machinery import meta, times
from stead.machinery.objects import Json, dig
from stead.machinery.plan import Create, Refused
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


def _with_a_set_in(namespace: str) -> Stage:
    stage = Stage()
    stage.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
    stage.run_for(1)
    web = a_set()
    stage.apply({**web, "metadata": {**web["metadata"], "namespace": namespace}})
    stage.settle()
    return stage


def test_a_namespace_goes_with_its_set() -> None:
    """3.7: the set's controller is refused, and the namespace is gone in the end."""
    stage = _with_a_set_in("red")
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


# --- what a set's user relies on at the node and around it (3.6 to 3.8)


@pytest.mark.parametrize("policy", ["OrderedReady", "Parallel"])
def test_an_evicted_replica_is_replaced_and_needs_nobody(policy: str) -> None:
    """3.6.4: Failed, reason Evicted, for what it took of the disk; the next one is of the same name, with its data."""
    spec = a_set()["spec"]["template"]["spec"]
    scratch = {**spec, "volumes": [{"name": "scratch", "emptyDir": {"sizeLimit": "1Mi"}}]}
    stage = Stage(podManagementPolicy=policy, template={"metadata": {"labels": {"app": "nginx"}}, "spec": scratch})
    before = {name: pod.uid for name, pod in stage.pods().items()}
    stage.runtime.taken_bytes["scratch"] = 2 << 20
    stage.run_until(lambda: "Evicted" in _reasons(stage), seconds=60)
    stage.runtime.taken_bytes.clear()
    stage.run_for(120)
    after = stage.pods()
    assert sorted(after) == PODS and all(pod.is_running_and_ready for pod in after.values())
    assert any(pod.uid != before[name] for name, pod in after.items())
    assert (stage.names("PersistentVolumeClaim"), len(stage.volumes())) == (CLAIMS, 3)


def _reasons(stage: Stage) -> set[str]:
    return {row.obj["reason"] for row in stage.store.rows("Event")}


def test_a_set_in_a_namespace_that_goes_is_refused_its_replacements() -> None:
    """3.7: 403 with the cause NamespaceTerminating, and the event that would tell of it is refused as well."""
    stage = _with_a_set_in("red")
    stage.rounds.clear()
    stage.delete("Namespace", "red", "")
    stage.run_for(60)
    refused = [
        outcome
        for round_ in stage.rounds
        for deed, outcome in round_.deeds
        if round_.controller == "statefulset" and isinstance(deed, Create) and isinstance(outcome, Refused)
    ]
    assert refused and {outcome.reason for outcome in refused} == {"Forbidden"}
    assert all("because it is being terminated" in outcome.message for outcome in refused)
    assert "FailedCreate" not in _reasons(stage)
    assert stage.get("StatefulSet", "web", "red") is None


CRASHING = {"simulation.stead.dev/exit-after": "1s", "simulation.stead.dev/exit-code": "1"}
MISSING = {"simulation.stead.dev/image-missing": "true"}


@pytest.mark.parametrize(
    ("script", "phase", "reason"), [(CRASHING, "Running", "CrashLoopBackOff"), (MISSING, "Pending", "ImagePullBackOff")]
)
def test_what_fails_in_a_replica_is_not_failed(script: Json, phase: str, reason: str) -> None:
    """3.8: with restartPolicy Always nothing is Failed, so the set waits and replaces nothing."""
    stage = Stage()
    before = {name: pod.uid for name, pod in stage.pods().items()}
    spec = a_set()["spec"]["template"]["spec"]
    template = {"metadata": {"labels": {"app": "nginx"}, "annotations": script}, "spec": spec}
    stage.apply(a_set(minReadySeconds=10, template=template))
    stage.run_for(90)
    pod = stage.pods()["web-2"]
    (status,) = pod.obj["status"]["containerStatuses"]
    assert (pod.phase, dig(status, "state", "waiting", "reason")) == (phase, reason)
    stage.run_for(600)
    assert {name: pod.uid for name, pod in stage.pods().items()} == {**before, "web-2": pod.uid}


def test_ready_is_told_in_whole_seconds() -> None:
    """3.8: a replica that must be Ready for one second is available up to one second later than that."""
    stage = Stage(minReadySeconds=1)
    stage.run_for(0.4)
    before = stage.pods()["web-2"].uid
    stage.delete("Pod", "web-2")
    stage.run_until(lambda: _is_new_and_ready(stage.pods().get("web-2"), before))
    ready = meta.condition(stage.pods()["web-2"].obj, "Ready") or {}
    assert times.from_text(ready["lastTransitionTime"]) == int(stage.now.wall)
    available = dig(stage.get("StatefulSet", "web"), "status", "availableReplicas")
    stage.run_for(1.1)
    assert (available, dig(stage.get("StatefulSet", "web"), "status", "availableReplicas")) == (2, 3)


def _is_new_and_ready(pod: PodView | None, before: str) -> bool:
    return pod is not None and pod.uid != before and pod.has_ready_condition
