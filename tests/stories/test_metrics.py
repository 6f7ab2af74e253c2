"""What operators read off `GET /metrics`: queues, rounds, waits, the store, and a roll-out's budget."""

import re
from typing import Any

import pytest

from stead.api.request import Request, Response, User
from stead.cluster.config import Config
from stead.machinery.metrics import MEDIA, Metric, exposition
from stead.simulation.shell import Simulation
from tests.stories.test_explain import CLASS, NOT_READY, SERVICE, a_web

GAUGE = "statefulset_controller_statefulset_"


def page(simulation: Simulation) -> str:
    answer = simulation.request("GET", "/metrics")
    assert (answer.code, answer.media) == (200, MEDIA)
    return answer.body.decode()


def value(text: str, sample: str) -> float:
    found = re.search(rf"^{re.escape(sample)} (\S+)$", text, re.MULTILINE)
    assert found is not None, f"{sample} is not in\n{text}"
    return float(found[1])


def up(profile: str = "v1_36", **spec: Any) -> Simulation:
    simulation = Simulation(seed=1, config=Config(runtime="simulated", profile=profile))
    simulation.run_for(1)
    simulation.apply(SERVICE, CLASS, a_web(**spec))
    simulation.run_for(60)
    return simulation


def test_numbers_are_written_as_prometheus_reads_them() -> None:
    samples = [((("a", 'say "x\\y"\n'), ("b", "")), 3.0), ((), 0.25)]
    assert exposition([Metric("m", "Told.", "counter", samples), Metric("none", "Nothing.", "gauge", [])]) == (
        b"# HELP m Told.\n# TYPE m counter\n" + rb'm{a="say \"x\\y\"\n",b=""} 3' + b"\nm 0.25\n"
    )


def test_every_line_is_a_comment_or_a_sample() -> None:
    line = re.compile(r'# (HELP|TYPE) \w+ .+|\w+(\{(\w+="[^"]*",?)+\})? -?[0-9.e+-]+')
    assert [wrong for wrong in page(up()).splitlines() if not line.fullmatch(wrong)] == []


def test_the_page_counts_work_waits_and_objects() -> None:
    simulation = up(annotations=NOT_READY)
    text = page(simulation)
    assert value(text, 'stead_store_objects{kind="Pod"}') == 1
    assert value(text, 'workqueue_depth{name="statefulset"}') == 0
    assert value(text, 'workqueue_adds_total{name="statefulset"}') > 1
    assert value(text, 'stead_rounds_total{name="kubelet"}') > 1
    assert value(text, 'stead_waits{controller="statefulset"}') == 1
    assert value(text, "stead_store_revision") == simulation.store.revision
    assert value(text, "statefulset_controller_stale_sync_skips_total") == 0
    assert value(page(simulation), 'apiserver_request_total{code="200",verb="GET"}') == 1


def test_retries_are_counted() -> None:
    simulation = up()
    hard = {"hard": {"pods": "3"}}
    simulation.apply({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "small"}, "spec": hard})
    simulation.run_for(5)
    simulation.scale("web", 4)
    simulation.run_for(1)
    assert value(page(simulation), 'workqueue_retries_total{name="statefulset"}') > 3


@pytest.mark.parametrize(("profile", "is_told"), [("v1_36", False), ("v1_37", True)])
def test_the_budget_of_a_roll_out_is_told_where_the_switch_is_on(profile: str, is_told: bool) -> None:
    """1.14: both gauges, labelled by set and policy."""
    strategy = {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": "70%"}}
    text = page(up(profile, annotations=NOT_READY, updateStrategy=strategy, podManagementPolicy="Parallel"))
    labels = '{pod_management_policy="Parallel",statefulset_name="web",statefulset_namespace="default"}'
    assert (GAUGE in text) is is_told
    if is_told:
        assert value(text, f"{GAUGE}max_unavailable{labels}") == 2
        assert value(text, f"{GAUGE}unavailable_replicas{labels}") == 3


def test_only_who_may_read_the_path_does() -> None:
    simulation = up()
    jane = User("jane", ("system:authenticated",))

    def asked() -> int:
        (answer,) = simulation.cluster.handle([Request("GET", "/metrics", user=jane)], simulation.now)
        assert isinstance(answer, Response)
        return answer.code

    assert asked() == 403
    group = "rbac.authorization.k8s.io"
    rules = [{"nonResourceURLs": ["/metrics"], "verbs": ["get"]}]
    subject = {"kind": "User", "name": "jane", "apiGroup": group}
    role = {"kind": "ClusterRole", "name": "watcher", "apiGroup": group}
    simulation.apply(
        {"apiVersion": f"{group}/v1", "kind": "ClusterRole", "metadata": {"name": "watcher"}, "rules": rules},
        {
            "apiVersion": f"{group}/v1",
            "kind": "ClusterRoleBinding",
            "metadata": {"name": "watcher"},
            "roleRef": role,
            "subjects": [subject],
        },
    )
    assert asked() == 200
