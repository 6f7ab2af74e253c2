"""Manifests into a running stead: all are tried before one is applied, and what is wrong has its place."""

from pathlib import Path

import pytest

from stead.api.request import Response
from stead.cluster import applying, manifests
from stead.cluster.manifests import Manifest, ManifestError
from stead.machinery.objects import Json
from stead.simulation.shell import Simulation

EXAMPLE = manifests.read([str(Path(__file__).parents[2] / "examples" / "web.yaml")])


@pytest.fixture
def simulation() -> Simulation:
    simulation = Simulation()
    simulation.run_for(1)
    return simulation


def apply(simulation: Simulation, wanted: list[Manifest]) -> list[str]:
    return [str(applied) for applied in applying.apply(wanted, simulation.request)]


def config_map(name: str, namespace: str = "default", **data: object) -> Manifest:
    obj = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": namespace}, "data": data}
    return Manifest(obj, f"{name}.yaml, document 1")


def test_created_then_unchanged_then_configured(simulation: Simulation) -> None:
    assert apply(simulation, EXAMPLE) == [
        "service/nginx created",
        "storageclass.storage.k8s.io/my-gfs-storageclass created",
        "statefulset.apps/web created",
    ]
    assert {line.split()[1] for line in apply(simulation, EXAMPLE)} == {"unchanged"}
    assert apply(simulation, [config_map("a", k="1")]) == ["configmap/a created"]
    assert apply(simulation, [config_map("a", k="2")]) == ["configmap/a configured"]


def test_nothing_is_applied_when_one_document_is_wrong(simulation: Simulation) -> None:
    with pytest.raises(ManifestError) as caught:
        apply(simulation, [config_map("good", k="1"), config_map("Bad_Name", k="1"), config_map("worse", k=5)])
    told = str(caught.value)
    assert "Bad_Name.yaml, document 1: metadata.name: Invalid value" in told
    assert "worse.yaml, document 1" in told
    assert told.endswith("nothing was applied")
    assert simulation.get("ConfigMap", "good") is None


def test_a_kind_that_is_not_served_is_told_with_a_hint(simulation: Simulation) -> None:
    old = Manifest({"apiVersion": "v2", "kind": "ConfigMap", "metadata": {"name": "a"}}, "old.yaml, document 3")
    with pytest.raises(ManifestError, match=r"old\.yaml, document 3: .*stead serves ConfigMap as v1"):
        apply(simulation, [old])


def test_a_namespace_may_be_made_by_the_same_files(simulation: Simulation) -> None:
    space = Manifest({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}}, "all.yaml, document 1")
    done = apply(simulation, [space, config_map("a", "shop", k="1")])
    assert done == ["namespace/shop created", "configmap/a created"]


def test_what_was_applied_before_a_late_refusal_is_told(simulation: Simulation) -> None:
    asked: list[str] = []

    def ask(method: str, path: str, body: Json | None, media: str) -> Response:
        asked.append(path)
        if method == "PATCH" and "dryRun" not in path and "/b?" in path:
            return Response(409, b'{"message": "somebody was faster"}')
        return simulation.request(method, path, body, media)

    with pytest.raises(ManifestError) as caught:
        applying.apply([config_map("a", k="1"), config_map("b", k="1")], ask)
    told = str(caught.value)
    assert told == "b.yaml, document 1: somebody was faster\napplied before that: configmap/a created"
