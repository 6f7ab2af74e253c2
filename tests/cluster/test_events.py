"""Events: the same one told again is counted, another is another."""

from stead.cluster.events import Recorder
from stead.machinery.objects import Json
from stead.machinery.plan import Emit
from stead.simulation.shell import Simulation


def told(simulation: Simulation) -> list[tuple[str, str, int]]:
    rows = simulation.store.rows("Event", "default")
    return sorted((row.obj["reason"], row.obj["message"], row.obj["count"]) for row in rows)


def a_config_map(simulation: Simulation) -> Json:
    (made,) = simulation.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}})
    return made


def test_the_same_event_is_counted() -> None:
    simulation = Simulation()
    about = a_config_map(simulation)
    recorder = Recorder(simulation.cluster.api)
    for reason in ("Created", "Created", "Failed", "Created"):
        recorder.tell("statefulset", Emit(about, "Normal", reason, "so it is"), simulation.now)
    assert told(simulation) == [("Created", "so it is", 3), ("Failed", "so it is", 1)]
    event = simulation.store.rows("Event", "default")[0].obj
    assert event["source"] == {"component": "statefulset-controller"}
    assert event["involvedObject"]["uid"] == about["metadata"]["uid"]


def test_an_event_that_was_deleted_is_told_anew() -> None:
    simulation = Simulation()
    about = a_config_map(simulation)
    recorder = Recorder(simulation.cluster.api)
    emit = Emit(about, "Warning", "Failed", "no")
    recorder.tell("statefulset", emit, simulation.now)
    (row,) = simulation.store.rows("Event", "default")
    simulation.delete("Event", row.key.name)
    recorder.tell("statefulset", emit, simulation.now)
    assert told(simulation) == [("Failed", "no", 1)]


def test_an_event_that_cannot_be_written_is_lost_without_harm() -> None:
    simulation = Simulation()
    about = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "namespace": "gone", "uid": "u"}}
    Recorder(simulation.cluster.api).tell("kubelet", Emit(about, "Normal", "Killing", "x"), simulation.now)
    assert simulation.store.rows("Event", "gone") == []
