"""The circle in virtual time: the stories that `tests/shells` tells again with real processes and a real kubectl."""

from pathlib import Path

import pytest

from stead.cluster import manifests
from stead.engine.journal import Round
from stead.machinery import meta
from stead.machinery.keys import Key
from stead.machinery.objects import Json, dig
from stead.machinery.plan import Create, Delete, Done
from stead.simulation.shell import Simulation

EXAMPLE = Path(__file__).parents[2] / "examples" / "web.yaml"


class Deeds:
    """Which pods were created and deleted by the StatefulSet controller, in order: `+web-0`, `-web-0`."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def __call__(self, round_: Round) -> None:
        for action, outcome in round_.deeds:
            if round_.controller != "statefulset" or not isinstance(outcome, Done):
                continue
            if isinstance(action, Create) and action.obj["kind"] == "Pod":
                self.told.append(f"+{meta.name(action.obj)}")
            if isinstance(action, Delete) and action.key.kind == "Pod":
                self.told.append(f"-{action.key.name}")

    def pop(self) -> str:
        told, self.told = " ".join(self.told), []
        return told


@pytest.fixture
def deeds() -> Deeds:
    return Deeds()


@pytest.fixture
def simulation(deeds: Deeds) -> Simulation:
    """The example, up."""
    simulation = Simulation(seed=1, watchers=[deeds])
    simulation.apply(*(manifest.obj for manifest in manifests.read([str(EXAMPLE)])))
    simulation.settle()
    return simulation


def web(simulation: Simulation) -> Json:
    found = simulation.get("StatefulSet", "web")
    assert found is not None
    return found


def images(simulation: Simulation) -> str:
    return " ".join(pod.obj["spec"]["containers"][0]["image"] for _, pod in sorted(simulation.pods().items()))


def revise(simulation: Simulation, image: str) -> None:
    (container,) = web(simulation)["spec"]["template"]["spec"]["containers"]
    template = {"spec": {"containers": [{**container, "image": image}]}}
    simulation.patch("StatefulSet", "web", {"spec": {"template": template}})


def claims(simulation: Simulation) -> list[str]:
    return [row.key.name for row in simulation.store.rows("PersistentVolumeClaim", "default")]


def test_pods_appear_in_order_each_after_the_one_before_is_ready(simulation: Simulation, deeds: Deeds) -> None:
    assert deeds.pop() == "+web-0 +web-1 +web-2"
    created = {name: pod.obj["metadata"]["creationTimestamp"] for name, pod in simulation.pods().items()}
    ready = {name: meta.condition(pod.obj, "Ready") or {} for name, pod in simulation.pods().items()}
    assert ready["web-0"]["lastTransitionTime"] <= created["web-1"]
    assert ready["web-1"]["lastTransitionTime"] <= created["web-2"]
    assert claims(simulation) == ["www-web-0", "www-web-1", "www-web-2"]
    assert dig(web(simulation), "status", "readyReplicas") == 3


def test_a_deleted_pod_comes_back_in_its_own_stead(simulation: Simulation, deeds: Deeds) -> None:
    before, volume = simulation.pods()["web-1"], simulation.get("PersistentVolumeClaim", "www-web-1")
    deeds.pop()
    simulation.delete("Pod", "web-1")
    simulation.run_for(1)
    simulation.settle()
    after = simulation.pods()["web-1"]
    assert deeds.pop() == "+web-1"
    assert after.uid != before.uid
    assert after.obj["spec"]["hostname"] == "web-1"
    assert meta.labels(after.obj) == meta.labels(before.obj)
    assert after.claim_names() == ["www-web-1"]
    assert simulation.get("PersistentVolumeClaim", "www-web-1") == volume


def test_scaling_goes_up_in_order_and_down_in_reverse_and_claims_stay(simulation: Simulation, deeds: Deeds) -> None:
    deeds.pop()
    simulation.scale("web", 5)
    simulation.settle()
    assert deeds.pop() == "+web-3 +web-4"
    simulation.scale("web", 2)
    simulation.settle()
    assert deeds.pop() == "-web-4 -web-3 -web-2"
    assert claims(simulation) == [f"www-web-{i}" for i in range(5)]
    volumes = [dig(simulation.get("PersistentVolumeClaim", name), "spec", "volumeName") for name in claims(simulation)]
    simulation.scale("web", 5)
    simulation.settle()
    assert deeds.pop() == "+web-2 +web-3 +web-4"
    assert [
        dig(simulation.get("PersistentVolumeClaim", name), "spec", "volumeName") for name in claims(simulation)
    ] == volumes


def test_an_update_rolls_from_the_highest_ordinal_and_back(simulation: Simulation, deeds: Deeds) -> None:
    deeds.pop()
    first = dig(web(simulation), "status", "currentRevision")
    revise(simulation, "b")
    simulation.settle()
    assert deeds.pop() == "-web-2 +web-2 -web-1 +web-1 -web-0 +web-0"
    assert images(simulation) == "b b b"
    revise(simulation, "k8s.gcr.io/nginx-slim:0.8")
    simulation.settle()
    assert dig(web(simulation), "status", "currentRevision") == first


def test_a_partition_stops_the_roll_out(simulation: Simulation, deeds: Deeds) -> None:
    deeds.pop()
    strategy = {"type": "RollingUpdate", "rollingUpdate": {"partition": 2}}
    simulation.patch("StatefulSet", "web", {"spec": {"updateStrategy": strategy}})
    revise(simulation, "b")
    simulation.settle()
    simulation.run_for(60)
    assert deeds.pop() == "-web-2 +web-2"
    assert images(simulation) == "k8s.gcr.io/nginx-slim:0.8 k8s.gcr.io/nginx-slim:0.8 b"


def test_after_a_crash_pods_are_adopted_and_the_roll_out_goes_on(simulation: Simulation, deeds: Deeds) -> None:
    before = {name: pod.uid for name, pod in simulation.pods().items()}
    revise(simulation, "b")
    simulation.run_until(lambda: "web-1" in simulation.pods() and simulation.pods()["web-1"].is_terminating)
    simulation.crash()
    kept = simulation.pods()["web-0"]
    restarts = dig(kept.obj, "status", "containerStatuses")[0]["restartCount"]
    assert (kept.uid, restarts) == (before["web-0"], 0)
    simulation.settle()
    assert images(simulation) == "b b b"
    assert all(dig(p.obj, "status", "containerStatuses")[0]["restartCount"] == 0 for p in simulation.pods().values())


def test_a_crash_alone_restarts_nothing(simulation: Simulation, deeds: Deeds) -> None:
    before = {name: (pod.uid, pod.obj["status"]["containerStatuses"]) for name, pod in simulation.pods().items()}
    deeds.pop()
    simulation.crash()
    simulation.run_for(120)
    assert {
        name: (pod.uid, pod.obj["status"]["containerStatuses"]) for name, pod in simulation.pods().items()
    } == before
    assert deeds.pop() == ""


def test_a_set_deleted_and_created_again_finds_its_volumes(simulation: Simulation) -> None:
    before = {name: simulation.get("PersistentVolumeClaim", name) for name in claims(simulation)}
    simulation.delete("StatefulSet", "web")
    simulation.run_until(lambda: not simulation.pods(), seconds=60, wish="no pods left")
    simulation.apply(*(m.obj for m in manifests.read([str(EXAMPLE)]) if m.obj["kind"] == "StatefulSet"))
    simulation.settle()
    assert {name: simulation.get("PersistentVolumeClaim", name) for name in claims(simulation)} == before


def test_one_seed_is_one_life() -> None:
    def life(seed: int) -> list[str]:
        lines: list[str] = []
        simulation = Simulation(
            seed, watchers=[lambda r: lines.append(f"{r.at.mono} {r.controller} {r.key} {r.deeds}")]
        )
        simulation.apply(*(manifest.obj for manifest in manifests.read([str(EXAMPLE)])))
        simulation.settle()
        return lines

    assert life(7) == life(7)
    assert life(7) != life(8)


def test_a_missing_class_is_told(deeds: Deeds) -> None:
    simulation = Simulation(seed=1, watchers=[deeds])
    wanted = [m.obj for m in manifests.read([str(EXAMPLE)]) if m.obj["kind"] != "StorageClass"]
    simulation.apply(*wanted)
    simulation.run_for(30)
    waits = simulation.cluster.journal.waits(Key("PersistentVolumeClaim", "default", "www-web-0"))
    assert [str(wait) for _, wait, _ in waits] == ['storageclass.storage.k8s.io "my-gfs-storageclass" not found']
    assert deeds.pop() == "+web-0"
