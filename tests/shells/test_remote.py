"""The third place: the StatefulSet controller alone, over TLS, against an API server that has none."""

import itertools
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.shells.afar import OTHERS, Controller
from tests.shells.cluster import EXAMPLE, ROOT, Cluster, a_cluster, until

pytestmark = [pytest.mark.shell, pytest.mark.anyone]

WEB = ("web-0", "web-1", "web-2")


@pytest.fixture
def far(folder: Path) -> Iterator[Cluster]:
    """A cluster with all controllers but the StatefulSet's."""
    with a_cluster(folder, runtime="simulated") as made:
        yield made.up(options=("--controllers", OTHERS))


@pytest.fixture
def controllers(far: Cluster) -> Iterator[list[Controller]]:
    """Whatever is put in is stopped."""
    started: list[Controller] = []
    yield started
    for controller in started:
        controller.stop()


@pytest.fixture
def web(far: Cluster, controllers: list[Controller]) -> Cluster:
    """The first example, brought up from afar."""
    controllers.append(Controller(far).acts())
    far.kubectl("apply", "-f", str(EXAMPLE))
    far.wait_ready(*WEB)
    return far


def roll(cluster: Cluster, value: str) -> None:
    patch = f'{{"spec":{{"template":{{"metadata":{{"annotations":{{"roll":"{value}"}}}}}}}}}}'
    cluster.kubectl("patch", "sts", "web", "--type=merge", "-p", patch)


def rolled(cluster: Cluster) -> dict[str, str]:
    return {name: pod["metadata"].get("annotations", {}).get("roll", "") for name, pod in cluster.pods().items()}


def uids(cluster: Cluster) -> dict[str, str]:
    return {name: pod["metadata"]["uid"] for name, pod in cluster.pods().items()}


def ready_since(pod: Any) -> str:
    return next(str(c["lastTransitionTime"]) for c in pod["status"]["conditions"] if c["type"] == "Ready")


def test_pods_appear_in_order_and_a_deleted_one_comes_back(web: Cluster) -> None:
    pods = web.pods()
    for before, after in itertools.pairwise(WEB):
        assert ready_since(pods[before]) <= pods[after]["metadata"]["creationTimestamp"]
    claims = [claim["metadata"]["name"] for claim in web.get("pvc")["items"]]
    assert claims == [f"www-{name}" for name in WEB]
    old = uids(web)["web-1"]
    web.kubectl("delete", "pod", "web-1", "--wait=false")
    until(lambda: uids(web).get("web-1", old) != old and web.ready() == list(WEB), wish="another web-1")
    reasons = {event["reason"] for event in web.get("events")["items"]}
    assert "SuccessfulCreate" in reasons
    assert web.get("sts", "web")["status"]["readyReplicas"] == 3


def test_scaling_is_ordered_both_ways_and_claims_stay(web: Cluster) -> None:
    web.kubectl("scale", "sts", "web", "--replicas=5")
    web.wait_ready(*WEB, "web-3", "web-4")
    web.kubectl("scale", "sts", "web", "--replicas=1")
    until(lambda: list(web.pods()) == ["web-0"], wish="one pod")
    assert len(web.get("pvc")["items"]) == 5
    deleted = [e for e in web.get("events")["items"] if e["reason"] == "SuccessfulDelete"]
    told = [event["message"].split()[2] for event in sorted(deleted, key=lambda e: e["metadata"]["resourceVersion"])]
    assert sorted(told, reverse=True) == ["web-4", "web-3", "web-2", "web-1"]


def test_an_update_rolls_stops_at_the_partition_and_is_undone(web: Cluster) -> None:
    first = web.get("sts", "web")["status"]["currentRevision"]
    web.kubectl("patch", "sts", "web", "-p", '{"spec":{"updateStrategy":{"rollingUpdate":{"partition":2}}}}')
    roll(web, "b")
    until(lambda: rolled(web).get("web-2") == "b" and web.ready() == list(WEB), wish="web-2 rolled")
    time.sleep(1)
    assert rolled(web) == {"web-0": "", "web-1": "", "web-2": "b"}
    web.kubectl("patch", "sts", "web", "-p", '{"spec":{"updateStrategy":{"rollingUpdate":{"partition":0}}}}')
    web.kubectl("rollout", "status", "sts/web", "--timeout=60s")
    assert set(rolled(web).values()) == {"b"}
    web.kubectl("rollout", "undo", "sts/web")
    until(lambda: set(rolled(web).values()) == {""} and web.ready() == list(WEB), wish="all undone")
    until(lambda: web.get("sts", "web")["status"]["currentRevision"] == first, wish="the first revision's name")


def test_an_orphan_is_adopted_after_a_live_look(web: Cluster, controllers: list[Controller]) -> None:
    before = uids(web)
    web.kubectl("delete", "sts", "web", "--cascade=orphan")
    until(lambda: all("ownerReferences" not in pod["metadata"] for pod in web.pods().values()), wish="orphans")
    web.kubectl("apply", "-f", str(EXAMPLE))
    until(lambda: all("ownerReferences" in pod["metadata"] for pod in web.pods().values()), wish="adopted")
    assert uids(web) == before
    assert "patch StatefulSet web" in controllers[0].output()  # CL-3: asked, and nothing changed


def test_kill_9_of_the_controller_in_the_middle_of_a_roll_out(web: Cluster, controllers: list[Controller]) -> None:
    web.kubectl("patch", "sts", "web", "--type=merge", "-p", '{"spec":{"minReadySeconds":2}}')
    roll(web, "b")
    until(lambda: rolled(web).get("web-2") == "b", wish="the roll-out to begin")
    controllers[0].crash()
    assert rolled(web)["web-0"] == ""
    web.kubectl("delete", "lease", "-n", "kube-system", "stead-controller")  # else the next waits 15 s for its end
    controllers.append(Controller(web, name="second").acts())
    until(lambda: set(rolled(web).values()) == {"b"} and web.ready() == list(WEB), wish="the roll-out to end")


def test_kill_9_of_the_api_server_is_waited_out(web: Cluster, controllers: list[Controller]) -> None:
    port = web.stead("status").split("127.0.0.1:")[1].split()[0]
    web.crash()
    controllers[0].until_says("cannot be watched: 127.0.0.1:")
    assert "statefulsets" in controllers[0].page("/readyz")
    web.up(options=("--controllers", OTHERS, "--port", port))
    web.kubectl("scale", "sts", "web", "--replicas=4")
    web.wait_ready(*WEB, "web-3")
    controllers[0].until_says("all is well again")
    assert controllers[0].page("/readyz") == "ok"


def test_of_two_only_one_acts_and_the_next_takes_over_at_once(web: Cluster, controllers: list[Controller]) -> None:
    second = Controller(web, name="second")
    controllers.append(second)
    second.until_says("as ")
    time.sleep(3)
    assert "in office" not in second.output()
    assert "stead_leader 0" in second.page("/metrics")
    assert controllers[0].stop() == 0
    second.acts()
    web.kubectl("scale", "sts", "web", "--replicas=4")
    web.wait_ready(*WEB, "web-3")
    assert "create Pod web-3" in second.output()
    lease = web.get("lease", "-n", "kube-system", "stead-controller")["spec"]
    assert lease["leaseDurationSeconds"] == 15 and lease["leaseTransitions"] == 1


def test_where_another_controller_acts_it_refuses(folder: Path) -> None:
    with a_cluster(folder, runtime="simulated") as full:
        full.up(EXAMPLE)
        full.wait_ready(*WEB)
        controller = Controller(full).acts()
        try:
            full.kubectl("delete", "pod", "web-1", "--wait=false")
            assert controller.process.wait(timeout=30) == 1
            told = controller.output()
            assert "acts as StatefulSet controller on default/web, and two must never act at once" in told
            assert "--controllers=*,-statefulset-controller" in told
            assert "create Pod" not in told
            full.wait_ready(*WEB)
        finally:
            controller.stop()


def test_looking_on_writes_nothing(far: Cluster, controllers: list[Controller]) -> None:
    far.kubectl("apply", "-f", str(EXAMPLE))
    before = far.get("sts", "web")["metadata"]["resourceVersion"]
    watcher = Controller(far, "--dry-run")
    controllers.append(watcher)
    watcher.until_says(
        "would create ControllerRevision web-7976d76cdb, create PersistentVolumeClaim www-web-0, create Pod web-0"
    )
    assert far.get("sts", "web")["metadata"]["resourceVersion"] == before
    assert not far.pods()
    assert "stead-controller" not in far.kubectl("get", "leases", "-A")


def test_a_selector_takes_some_sets_only(far: Cluster, controllers: list[Controller]) -> None:
    far.kubectl("apply", "-f", str(EXAMPLE))
    controllers.append(Controller(far, "-l", "who=stead", "--lease", "default/mine").acts())
    time.sleep(3)
    assert not far.pods()
    far.kubectl("label", "sts", "web", "who=stead")
    far.wait_ready(*WEB)


def test_explain_says_why_a_set_of_any_cluster_waits(far: Cluster) -> None:
    """Decided by looking, with nothing written and no controller there."""
    config = str(far.data / "kubeconfig")
    far.kubectl("apply", "-f", str(EXAMPLE))
    told = explain(config, "sts/web")
    assert "to be done by its controller now: create ControllerRevision web-7976d76cdb" in told
    with_controller = Controller(far)
    try:
        far.wait_ready(*WEB)
        assert "as its spec wants it\n  it waits for nothing" in explain(config, "sts/web")
        assert explain(config, "sts") == "1 StatefulSet, none waiting\n"
        far.kubectl("delete", "storageclass", "my-gfs-storageclass")
        far.kubectl("scale", "sts", "web", "--replicas=5")
        until(lambda: "web-3" in far.pods(), wish="web-3")
        told = until(lambda: (said := explain(config, "sts/web")) and "ProvisioningFailed" in said and said, wish="why")
    finally:
        with_controller.stop()
    assert (
        'web-3 is not Ready: its claim www-web-3 is not bound: there is no StorageClass "my-gfs-storageclass"' in told
    )
    assert "because persistentvolumeclaim/www-web-3 has waited" in told
    listed = explain(config, "sts", "-A")
    assert "statefulset/web in namespace default: 3 of 5 replicas are Ready" in listed
    assert listed.endswith("1 StatefulSet, 1 waiting\n")
    as_data = json.loads(explain(config, "pvc/www-web-3", "-o", "json"))
    assert as_data["waits"][0]["controller"] == "persistentvolume-controller"
    assert not explain(config, "sts/wbe", code=1)


def explain(config: str, *words: str, code: int = 0) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "stead", "explain", *words, "--kubeconfig", config],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout


def test_the_service_account_of_the_example_may_do_all_it_needs(far: Cluster, controllers: list[Controller]) -> None:
    """As it would run in a cluster: a token of its own, and nothing but what examples/controller-rbac.yaml allows."""
    far.kubectl("apply", "-f", str(ROOT / "examples" / "controller-rbac.yaml"))
    config = far.data.parent / "kubeconfig"
    config.write_bytes((far.data / "kubeconfig").read_bytes())
    token = far.kubectl("create", "token", "stead-controller", "-n", "kube-system").strip()
    pointing = ("--kubeconfig", str(config))
    far.kubectl("config", "set-credentials", "robot", "--token", token, *pointing)
    far.kubectl("config", "set-context", "robot", "--cluster=stead", "--user=robot", *pointing)
    controllers.append(Controller(far, "--context", "robot", kubeconfig=config).acts())
    far.kubectl("apply", "-f", str(EXAMPLE))
    far.wait_ready(*WEB)
    until(lambda: far.get("sts", "web")["status"].get("readyReplicas") == 3, wish="the status")
    until(lambda: "SuccessfulCreate" in far.kubectl("get", "events"), wish="events")
    roll(far, "b")
    far.kubectl("rollout", "status", "sts/web", "--timeout=60s")
    far.kubectl("delete", "sts", "web", "--cascade=orphan")
    far.kubectl("apply", "-f", str(EXAMPLE))
    until(lambda: all("ownerReferences" in pod["metadata"] for pod in far.pods().values()), wish="adopted")
    assert "Forbidden" not in controllers[0].output() + controllers[0].page("/metrics")


MISTAKES = [
    (("--context", "nope"), 'no context named "nope"; there are stead'),
    (("--lease", "x"), "--lease x: NAMESPACE/NAME is wanted"),
    (("--selector", "a in"), "--selector a in: "),
    (("--qps", "0"), "--qps 0: more than 0 is wanted"),
    (("--listen", "x"), "--listen x: HOST:PORT is wanted"),
    (("--kubeconfig", "/nowhere"), "/nowhere: No such file or directory"),
]


@pytest.mark.parametrize(("options", "told"), MISTAKES)
def test_a_mistake_is_told_at_once(far: Cluster, options: tuple[str, ...], told: str) -> None:
    command = [sys.executable, "-m", "stead", "controller", "--kubeconfig", str(far.data / "kubeconfig"), *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1 and told in done.stderr, done.stderr


def test_who_is_not_known_or_not_trusted_is_told(far: Cluster, controllers: list[Controller]) -> None:
    """A token that may be right tomorrow is waited for; certificates that cannot be read are not."""
    config = far.data.parent / "kubeconfig"
    ours = (far.data / "kubeconfig").read_text()
    without = [line for line in ours.splitlines() if "client-" not in line]
    config.write_text("\n".join("    token: wrong" if "token:" in line else line for line in without))
    controllers.append(Controller(far, kubeconfig=config))
    controllers[0].until_says("lease kube-system/stead-controller: Unauthorized")
    assert "statefulsets" in controllers[0].page("/readyz")
    config.write_text("\n".join("" if "certificate-authority" in line else line for line in without))
    controllers.append(Controller(far, name="second", kubeconfig=config))
    controllers[1].until_says("its certificate is not trusted")
    bad = "    certificate-authority-data: bm8="
    config.write_text("\n".join(bad if "certificate-authority" in line else line for line in ours.splitlines()))
    third = Controller(far, name="third", kubeconfig=config)
    assert third.process.wait(timeout=30) == 1
    assert 'the certificates of context "stead" cannot be used' in third.output()
