"""How objects are shown: the columns a real API server recorded, and the cells of many a pod."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from stead.kinds.paths import target_of
from stead.kinds.registry import BUILT_IN
from stead.machinery.objects import Json
from stead.machinery.times import Now, from_text

SHARED = Path(os.environ.get("STEAD_SHARED") or Path(__file__).parents[3] / "shared")
NOON = Now(from_text("2026-11-22T12:00:00Z"), 0.0)


def recorded_tables() -> list[Any]:
    found = []
    for file in sorted((SHARED / "recordings").glob("*.json")):
        for name, conversation in json.loads(file.read_text()).items():
            for step in conversation:
                body, path = step["answer"]["body"], step["request"]["path"].partition("?")[0]
                if isinstance(body, dict) and body.get("kind") == "Table" and target_of(path, BUILT_IN):
                    found.append(pytest.param(path, body["columnDefinitions"], id=f"{name} {path}"))
    return found


@pytest.mark.parametrize(("path", "definitions"), recorded_tables())
def test_columns_are_the_recorded_ones(path: str, definitions: list[Json]) -> None:
    target = target_of(path, BUILT_IN)
    assert target is not None
    ours = [
        {"name": column.name, "type": column.type, "format": column.format, "priority": column.priority}
        for column in target.kind.columns
    ]
    assert ours == definitions


def cells(id: str, obj: Json) -> dict[str, Any]:
    obj = {"metadata": {"name": "x", "creationTimestamp": "2026-11-22T11:55:00Z"}, "spec": {}, **obj}
    return {column.name: column.cell(obj, NOON) for column in BUILT_IN.by_id(id).columns}


def waiting(reason: str) -> Json:
    return {"waiting": {"reason": reason}}


def ended(code: int, **more: Any) -> Json:
    return {"terminated": {"exitCode": code, **more}}


RUNNING: Json = {"running": {}}
READY = [{"type": "Ready", "status": "True"}]
GATED = [{"type": "PodScheduled", "status": "False", "reason": "SchedulingGated"}]


def pod(status: Json, *, init: int = 0, sidecar: bool = False, deleted: bool = False, containers: int = 1) -> Json:
    initial = [{"name": f"i{index}", **({"restartPolicy": "Always"} if sidecar else {})} for index in range(init)]
    metadata = {"name": "web-0", "creationTimestamp": "2026-11-22T11:55:00Z"}
    if deleted:
        metadata["deletionTimestamp"] = "2026-11-22T12:00:30Z"
    spec = {"containers": [{"name": f"c{index}"} for index in range(containers)], "initContainers": initial}
    return {"metadata": metadata, "spec": spec, "status": status}


def one(state: Json, *, name: str = "c0", ready: bool = False, **more: Any) -> Json:
    return {"name": name, "state": state, "ready": ready, "restartCount": 0, **more}


@pytest.mark.parametrize(
    ("pod_", "status", "ready"),
    [
        (pod({"phase": "Pending"}), "Pending", "0/1"),
        (pod({"phase": "Pending", "conditions": GATED}), "SchedulingGated", "0/1"),
        (pod({"phase": "Failed", "reason": "Evicted"}), "Evicted", "0/1"),
        (pod({"phase": "Running", "containerStatuses": [one(RUNNING, ready=True)]}), "Running", "1/1"),
        (pod({"phase": "Pending", "containerStatuses": [one(waiting("ErrImagePull"))]}), "ErrImagePull", "0/1"),
        (pod({"phase": "Running", "containerStatuses": [one(ended(1, reason="Error"))]}), "Error", "0/1"),
        (pod({"phase": "Running", "containerStatuses": [one(ended(137, signal=9))]}), "Signal:9", "0/1"),
        (pod({"phase": "Running", "containerStatuses": [one(ended(3))]}), "ExitCode:3", "0/1"),
        (
            pod(
                {"phase": "Pending", "initContainerStatuses": [one(ended(0), name="i0"), one(RUNNING, name="i1")]},
                init=2,
            ),
            "Init:1/2",
            "0/1",
        ),
        (
            pod({"phase": "Pending", "initContainerStatuses": [one(waiting("CrashLoopBackOff"), name="i0")]}, init=1),
            "Init:CrashLoopBackOff",
            "0/1",
        ),
        (
            pod({"phase": "Pending", "initContainerStatuses": [one(ended(2), name="i0")]}, init=1),
            "Init:ExitCode:2",
            "0/1",
        ),
        (
            pod(
                {
                    "phase": "Running",
                    "initContainerStatuses": [one(RUNNING, name="i0", ready=True, started=True)],
                    "containerStatuses": [one(RUNNING, ready=True)],
                },
                init=1,
                sidecar=True,
            ),
            "Running",
            "2/2",
        ),
        (
            pod(
                {
                    "phase": "Running",
                    "conditions": READY,
                    "containerStatuses": [one(ended(0, reason="Completed")), one(RUNNING, name="c1", ready=True)],
                },
                containers=2,
            ),
            "Running",
            "1/2",
        ),
        (
            pod(
                {
                    "phase": "Running",
                    "containerStatuses": [one(ended(0, reason="Completed")), one(RUNNING, name="c1", ready=True)],
                },
                containers=2,
            ),
            "NotReady",
            "1/2",
        ),
        (pod({"phase": "Running", "containerStatuses": [one(RUNNING)]}, deleted=True), "Terminating", "0/1"),
        (pod({"phase": "Failed"}, deleted=True), "Failed", "0/1"),
        (pod({"phase": "Running", "reason": "NodeLost"}, deleted=True), "Unknown", "0/1"),
    ],
)
def test_one_word_says_how_a_pod_is(pod_: Json, status: str, ready: str) -> None:
    """2.7 in api.md, with its precedence: the last word wins."""
    told = cells("Pod", pod_)
    assert (told["Status"], told["Ready"], told["Age"]) == (status, ready, "5m")


def test_restarts_tell_when_the_last_was() -> None:
    last = {"terminated": {"exitCode": 1, "finishedAt": "2026-11-22T11:50:00Z"}}
    status = {"phase": "Running", "containerStatuses": [one(RUNNING, restartCount=3, lastState=last)]}
    assert cells("Pod", pod(status))["Restarts"] == "3 (10m ago)"


def test_a_pod_that_is_done_says_so_beside_its_row() -> None:
    (condition,) = BUILT_IN.by_id("Pod").row_conditions(pod({"phase": "Succeeded"}))
    assert (condition["type"], condition["reason"]) == ("Completed", "Succeeded")


@pytest.mark.parametrize(
    ("id", "obj", "column", "cell"),
    [
        ("StatefulSet", {"spec": {"replicas": 3}, "status": {"readyReplicas": 2}}, "Ready", "2/3"),
        ("PersistentVolumeClaim", {"spec": {}, "status": {"capacity": {"storage": "1Gi"}}}, "Capacity", ""),
        (
            "PersistentVolumeClaim",
            {"spec": {"volumeName": "v"}, "status": {"accessModes": ["ReadWriteMany", "ReadWriteOnce"]}},
            "Access Modes",
            "RWO,RWX",
        ),
        ("PersistentVolume", {"spec": {"claimRef": {"namespace": "a", "name": "b"}}}, "Claim", "a/b"),
        ("Service", {"spec": {"clusterIP": "None", "type": "ClusterIP"}}, "External-IP", "<none>"),
        ("Service", {"spec": {"type": "LoadBalancer"}}, "External-IP", "<pending>"),
        ("Service", {"spec": {"type": "ExternalName", "externalName": "a.b"}}, "External-IP", "a.b"),
        (
            "Service",
            {"spec": {"ports": [{"port": 80, "nodePort": 30000, "protocol": "TCP"}]}},
            "Port(s)",
            "80:30000/TCP",
        ),
        ("Node", {}, "Status", "Unknown"),
        (
            "Node",
            {"spec": {"unschedulable": True}, "status": {"conditions": [{"type": "Ready", "status": "True"}]}},
            "Status",
            "Ready,SchedulingDisabled",
        ),
        ("Node", {"status": {"addresses": [{"type": "InternalIP", "address": "10.0.0.1"}]}}, "Internal-IP", "10.0.0.1"),
        ("Node", {}, "Kernel-Version", "<unknown>"),
        (
            "Node",
            {"status": {"nodeInfo": {"kernelVersion": "6.8.0-124-generic", "architecture": "amd64"}}},
            "Kernel-Version",
            "6.8.0-124-generic (amd64)",
        ),
        ("PodDisruptionBudget", {"spec": {"maxUnavailable": 1}}, "Min Available", "N/A"),
        ("Event", {"involvedObject": {"kind": "Pod", "name": "web-0"}}, "Object", "pod/web-0"),
        ("Event", {"source": {"component": "kubelet", "host": "here"}}, "Source", "kubelet, here"),
        ("Event", {"series": {"count": 7}}, "Count", 7),
        ("EndpointSlice", {"endpoints": [{"addresses": [f"10.0.0.{n}"]} for n in range(5)]}, "Endpoints", None),
    ],
)
def test_cells(id: str, obj: Json, column: str, cell: Any) -> None:
    expected = "10.0.0.0,10.0.0.1,10.0.0.2 + 2 more..." if cell is None else cell
    assert cells(id, obj)[column] == expected


@pytest.mark.parametrize(
    ("created", "age"),
    [
        ("2026-11-22T11:59:59Z", "1s"),
        ("2026-11-22T12:00:01Z", "0s"),
        ("2026-11-22T12:00:09Z", "<invalid>"),
        ("2026-11-17T09:00:00Z", "5d3h"),
        (None, "<unknown>"),
    ],
)
def test_ages(created: str | None, age: str) -> None:
    assert cells("ConfigMap", {"metadata": {"name": "c", "creationTimestamp": created}})["Age"] == age
