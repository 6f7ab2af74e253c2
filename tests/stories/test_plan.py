"""What will happen if I apply this: forecasts from a cluster as its API tells it, and it then does just that."""

from collections.abc import Iterator
from typing import Any

import pytest

from stead.cli.foretelling import page
from stead.cluster import applying
from stead.cluster.manifests import Manifest, ManifestError
from stead.kinds.paths import path_of
from stead.kinds.registry import BUILT_IN
from stead.machinery.objects import Json, decode, with_value, without
from stead.simulation import taking
from stead.simulation.forecast import Forecast, foresee
from stead.simulation.foreseen import differences
from stead.simulation.shell import NotSettled, Simulation
from tests.stories.test_explain import CLASS, SERVICE, in_order, revised, stuck
from tests.stories.test_explain import a_web as an_annotated_web
from tests.stories.test_explain import up as up_with


def a_web(**spec: Any) -> Json:
    return without(an_annotated_web(**spec), "spec", "template", "metadata", "annotations")


def up(**spec: Any) -> Simulation:
    return up_with(a_web(**spec))


def seen(simulation: Simulation) -> Iterator[Json]:
    """All that `stead plan` looks at, through the API."""
    for name in (*taking.OF_THE_CLUSTER, *taking.NAMESPACED):
        kind = BUILT_IN.by_id(name)
        for obj in decode(simulation.request("GET", path_of(kind)).body)["items"]:
            yield {"apiVersion": kind.api_version, "kind": kind.name, **obj}


def without_script(obj: Json) -> Json:
    """Real pods, templates and revisions have none: how containers are is in the status of their pods alone."""
    places = {"Pod": (), "StatefulSet": ("spec", "template"), "ControllerRevision": ("data", "spec", "template")}
    kind = obj["kind"]
    return without(obj, *places[kind], "metadata", "annotations") if kind in places else obj


def forecast(there: Simulation | None, *objects: Json, seconds: float = 600, provisions: bool = False) -> Forecast:
    objects_there = [without_script(obj) for obj in seen(there)] if there else []
    wall = there.now.wall if there else 1_800_000_000.0
    wanted = [Manifest(obj, f"web.yaml, document {number}") for number, obj in enumerate(objects, start=1)]
    simulation = taking.simulation_of(objects_there, 1, wall)
    return foresee(simulation, wanted, seconds=seconds, provisions=provisions)


def told(found: Forecast) -> str:
    return "\n".join(page(found))


def with_image(web: Json, image: str) -> Json:
    (container,) = web["spec"]["template"]["spec"]["containers"]
    return with_value(web, ("spec", "template", "spec", "containers"), [{**container, "image": image}])


def test_an_empty_cluster_gets_everything_in_order() -> None:
    found = forecast(None, SERVICE, CLASS, a_web())
    assert [change.deed for change in found.changes] == ["created"] * 3
    assert in_order(told(found), "web-0 created", "web-1 created", "web-2 created", "claims made: www-web-0, www-web-1")
    assert found.is_settled


def test_what_is_applied_again_changes_nothing_and_no_pod_is_touched() -> None:
    found = forecast(up(), SERVICE, CLASS, a_web())
    assert [change.deed for change in found.changes] == ["unchanged"] * 3
    (web,) = found.sets
    assert (web.happenings, web.kept) == ([], ["web-0", "web-1", "web-2"])
    assert found.seconds == 0


def test_a_release_is_foretold_as_it_then_happens() -> None:
    there, release = up(), with_image(a_web(minReadySeconds=10), "nginx:2")
    found = forecast(there, release)
    assert in_order(told(found), "spec.template.spec.containers[nginx].image: k8s.gcr.io/nginx-slim:0.8 -> nginx:2")
    assert in_order(
        told(found), "web-2 deleted (web-", "created again at web-", "Ready", "web-1 deleted", "web-0 deleted"
    )
    (web,) = found.sets
    assert web.restarted == ["web-0", "web-1", "web-2"]
    began = there.now.mono
    applying.apply([Manifest(release, "")], there.request)
    there.run_until(lambda: not there.is_settled())
    there.settle()
    assert there.now.mono - began == pytest.approx(found.seconds, abs=3)  # moments are written in whole seconds
    made = {one.detail for one in web.happenings if one.what == "created"}
    assert made == {pod.obj["metadata"]["labels"]["controller-revision-hash"] for pod in there.pods().values()}


def test_nothing_is_written_where_it_looks() -> None:
    there = up()
    before = there.store.revision
    first = forecast(there, a_web(replicas=1))
    assert forecast(there, a_web(replicas=1)) == first
    assert there.store.revision == before


def test_where_time_stands_still_it_ends_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stead.simulation.forecast.MOST_AT_ONCE", 3)
    with pytest.raises(NotSettled, match="no end after 3 steps at one moment"):
        forecast(None, SERVICE, CLASS, a_web())


def test_a_partition_holds_pods_back_and_says_how_they_go_on() -> None:
    strategy = {"type": "RollingUpdate", "rollingUpdate": {"partition": 2}}
    found = forecast(up(), with_image(a_web(updateStrategy=strategy), "nginx:2"))
    assert found.is_settled
    assert in_order(told(found), "restart: web-2", "run on: web-0, web-1", "partition is 2", "rule RU-3", "what to do")


def test_on_delete_restarts_nobody() -> None:
    strategy = {"type": "OnDelete"}
    found = forecast(up(updateStrategy=strategy), with_image(a_web(updateStrategy=strategy), "nginx:2"))
    (web,) = found.sets
    assert web.restarted == []
    assert "rule RU-1" in told(found)


@pytest.mark.parametrize(
    ("reclaim", "loud"), [("Delete", "THE DATA IS LOST"), ("Retain", "is kept")], ids=["volume goes", "volume stays"]
)
def test_claims_that_go_by_policy_are_told_loudly(reclaim: str, loud: str) -> None:
    there = stuck(SERVICE, {**CLASS, "reclaimPolicy": reclaim}, a_web())
    policy = {"whenScaled": "Delete", "whenDeleted": "Retain"}
    found = forecast(there, a_web(replicas=2, persistentVolumeClaimRetentionPolicy=policy))
    assert in_order(told(found), "claim www-web-2 IS DELETED", loud, "pods that go for good: web-2")


def test_a_claim_that_nothing_can_fill_never_settles_and_says_why() -> None:
    found = forecast(None, SERVICE, a_web(), seconds=120)
    assert not found.is_settled
    assert in_order(told(found), "my-gfs-storageclass", "what to do", "does NOT settle")


def test_other_peoples_provisioners_are_believed_to_work() -> None:
    other = {**CLASS, "provisioner": "ebs.csi.aws.com"}
    assert forecast(None, SERVICE, other, a_web(), provisions=True).is_settled
    assert not forecast(None, SERVICE, other, a_web(), seconds=60).is_settled


def test_what_the_api_refuses_is_told_with_its_document() -> None:
    with pytest.raises(ManifestError, match=r"document 1: spec: Forbidden: updates to statefulset spec"):
        forecast(up(), a_web(serviceName="other"))


def test_a_broken_pod_stays_broken_and_holds_the_mend_up() -> None:
    """RU-11: the forecast must not heal what is ill now."""
    there = up()
    revised(there, {"simulation.stead.dev/image-missing": "true"})
    mended = with_image(a_web(podManagementPolicy="OrderedReady"), "nginx:2")
    found = forecast(there, mended, seconds=120)
    assert not found.was_settled
    assert not found.is_settled
    assert "RU-11" in told(found)
    assert "web-2 is not Ready" in told(found)
    assert found.sets[0].kept == ["web-0", "web-1", "web-2"]


def test_what_operators_own_is_not_collected() -> None:
    owner = {"apiVersion": "example.com/v1", "kind": "Postgres", "name": "db", "uid": "5", "controller": True}
    objects = [
        with_value(obj, ("metadata", "ownerReferences"), [owner]) for obj in seen(up()) if obj["kind"] == "StatefulSet"
    ]
    rest = [obj for obj in seen(up()) if obj["kind"] != "StatefulSet"]
    simulation = taking.simulation_of([*rest, *objects], 1, 1_800_000_000.0)
    simulation.run_for(60)
    assert simulation.get("StatefulSet", "web") is not None


def test_values_of_secrets_are_not_told() -> None:
    def secret(value: str) -> dict[str, Any]:
        return {"kind": "Secret", "metadata": {"name": "s"}, "data": {"password": value}}

    assert differences(secret("b2xk"), secret("bmV3")) == ["data.password"]
