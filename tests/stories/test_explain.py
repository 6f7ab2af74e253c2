"""Why is it not there yet? Every wait that people meet, with the chain of its causes as `stead explain` prints it.

Each story is the real kernel in virtual time; the explanation comes through the API, as it does for the command.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from stead.cli.telling import lines
from stead.cluster import manifests
from stead.kinds.explanation import EXPLANATION
from stead.kinds.paths import path_of
from stead.machinery.objects import Json, decode, dig, with_value
from stead.simulation.shell import Simulation

EXAMPLE = Path(__file__).parents[2] / "examples" / "web.yaml"
SERVICE, CLASS, SET = (
    next(m.obj for m in manifests.read([str(EXAMPLE)]) if m.obj["kind"] == kind)
    for kind in ("Service", "StorageClass", "StatefulSet")
)
NOT_READY: Json = {"simulation.stead.dev/unready": "true"}
PROBE = {"httpGet": {"path": "/", "port": 80}}


def a_web(*, annotations: Json | None = None, probe: bool = True, name: str = "web", **spec: Any) -> Json:
    """The example's set; its container has a readiness probe, or the simulation could not say no."""
    web = with_value(SET, ("metadata", "name"), name)
    web = with_value(web, ("spec", "template", "metadata", "annotations"), annotations or {})
    if probe:
        (container,) = dig(web, "spec", "template", "spec", "containers")
        web = with_value(web, ("spec", "template", "spec", "containers"), [{**container, "readinessProbe": PROBE}])
    return with_value(web, ("spec",), {**web["spec"], **spec})


def simulated(*objects: Json) -> Simulation:
    simulation = Simulation(seed=1)
    simulation.run_for(1)
    simulation.apply(*objects)
    return simulation


def up(web: Json | None = None) -> Simulation:
    """The example, whole."""
    simulation = simulated(SERVICE, CLASS, web or a_web())
    simulation.settle()
    return simulation


def stuck(*objects: Json, seconds: float = 60) -> Simulation:
    simulation = simulated(*objects)
    simulation.run_for(seconds)
    return simulation


def revised(simulation: Simulation, annotations: Json, seconds: float = 60) -> None:
    template = {"metadata": {"annotations": annotations}}
    simulation.patch("StatefulSet", "web", {"spec": {"template": template}})
    simulation.run_for(seconds)


def explanation(simulation: Simulation, what: str = "sts/web", namespace: str = "default") -> Any:
    answer = simulation.request("GET", path_of(EXPLANATION, namespace, what.replace("/", ".")))
    return decode(answer.body)


def told(simulation: Simulation, what: str = "sts/web", namespace: str = "default") -> str:
    return "\n".join(lines(explanation(simulation, what, namespace), simulation.now.wall))


def in_order(text: str, *parts: str) -> bool:
    """Whether all the parts are in the text, one behind the other."""
    at = 0
    for part in parts:
        at = text.find(part, at)
        assert at >= 0, f"{part!r} is not (there) in:\n{text}"
        at += len(part)
    return True


# --- the stories


def missing_class() -> Simulation:
    return stuck(SERVICE, a_web())


def unbound_claim() -> Simulation:
    """A class that nobody provisions for."""
    return stuck(SERVICE, {**CLASS, "provisioner": "kubernetes.io/no-provisioner"}, a_web())


def failing_probe() -> Simulation:
    return stuck(SERVICE, CLASS, a_web(annotations=NOT_READY))


def crash_loop() -> Simulation:
    script = {"simulation.stead.dev/exit-after": "3s", "simulation.stead.dev/exit-code": "3"}
    return stuck(SERVICE, CLASS, a_web(annotations=script))


def missing_image() -> Simulation:
    return stuck(SERVICE, CLASS, a_web(annotations={"simulation.stead.dev/image-missing": "true"}))


def missing_secret() -> Simulation:
    web = a_web()
    (container,) = dig(web, "spec", "template", "spec", "containers")
    env = [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "keys", "key": "a"}}}]
    return stuck(
        SERVICE, CLASS, with_value(web, ("spec", "template", "spec", "containers"), [{**container, "env": env}])
    )


def unschedulable() -> Simulation:
    return stuck(SERVICE, CLASS, with_value(a_web(), ("spec", "template", "spec", "nodeSelector"), {"disk": "ssd"}))


def forced_roll_back() -> Simulation:
    """A template that never gets Ready, and then the good one again."""
    simulation = up()
    revised(simulation, NOT_READY)
    revised(simulation, {"simulation.stead.dev/unready": None})
    return simulation


def quota() -> Simulation:
    simulation = up()
    hard = {"hard": {"pods": "3"}}
    simulation.apply({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "small"}, "spec": hard})
    simulation.run_for(5)
    simulation.scale("web", 5)
    simulation.run_for(60)
    return simulation


def dead_node() -> Simulation:
    """web-0 runs on a node that falls silent, and is then deleted."""
    node = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "far", "labels": {"place": "far"}}}
    simulation = simulated({**node, "status": {"conditions": [{"type": "Ready", "status": "True"}]}})
    simulation.apply(
        SERVICE, CLASS, with_value(a_web(), ("spec", "template", "spec", "nodeSelector"), {"place": "far"})
    )
    simulation.run_for(5)
    assert simulation.pods()["web-0"].node == "far"
    simulation.run_for(120)
    simulation.delete("Pod", "web-0")
    simulation.run_for(60)
    return simulation


def no_service() -> Simulation:
    simulation = simulated(CLASS, a_web())
    simulation.settle()
    return simulation


def partition() -> Simulation:
    strategy = {"type": "RollingUpdate", "rollingUpdate": {"partition": 2}}
    simulation = up(a_web(updateStrategy=strategy))
    revised(simulation, {"edition": "two"})
    return simulation


def on_delete() -> Simulation:
    simulation = up(a_web(updateStrategy={"type": "OnDelete"}))
    revised(simulation, {"edition": "two"})
    return simulation


def long_name() -> Simulation:
    return stuck(SERVICE, CLASS, a_web(name="w" * 53))


def leading_zero() -> Simulation:
    """A pod web-01 that nobody owns is adopted as replica 1."""
    simulation = up(a_web(replicas=1))
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web-01", "labels": {"app": "nginx"}}}
    simulation.apply({**pod, "spec": {"containers": [{"name": "nginx", "image": "nginx"}]}})
    simulation.scale("web", 2)
    simulation.run_for(30)
    return simulation


def two_sick() -> Simulation:
    simulation = up()
    for name in ("web-1", "web-2"):
        simulation.runtime.set_ready(simulation.pods()[name].uid, "nginx", False)
    simulation.run_for(60)
    simulation.scale("web", 1)
    simulation.run_for(60)
    return simulation


def terminating_claim() -> Simulation:
    simulation = up()
    simulation.patch("PersistentVolumeClaim", "www-web-0", {"metadata": {"finalizers": ["example.com/keep"]}})
    simulation.delete("PersistentVolumeClaim", "www-web-0")
    simulation.delete("Pod", "web-0")
    simulation.run_for(60)
    return simulation


def foreign_pod() -> Simulation:
    """web-0 is there, and belongs to somebody else."""
    owner = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "somebody"}}
    (made,) = (simulation := simulated(SERVICE, CLASS)).apply(owner)
    reference = {"apiVersion": "v1", "kind": "ConfigMap", "name": "somebody", "uid": made["metadata"]["uid"]}
    metadata = {"name": "web-0", "labels": {"app": "nginx"}, "ownerReferences": [{**reference, "controller": True}]}
    spec = {"containers": [{"name": "nginx", "image": "nginx"}]}
    simulation.apply({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec})
    simulation.apply(a_web())
    simulation.run_for(30)
    return simulation


def leaving_namespace() -> Simulation:
    """A namespace that goes while one of its pods still stops."""
    simulation = simulated({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}}, CLASS)
    simulation.run_for(1)
    web = a_web(annotations={"simulation.stead.dev/stop-after": "20s"})
    web = with_value(web, ("spec", "template", "spec", "terminationGracePeriodSeconds"), 30)
    simulation.apply(*(with_value(obj, ("metadata", "namespace"), "shop") for obj in (SERVICE, web)))
    simulation.settle()
    simulation.delete("Namespace", "shop", "")
    simulation.run_for(5)
    return simulation


def parallel() -> Simulation:
    return stuck(SERVICE, CLASS, a_web(podManagementPolicy="Parallel", replicas=5, annotations=NOT_READY))


def ripening() -> Simulation:
    return stuck(SERVICE, CLASS, a_web(minReadySeconds=300))


def held_pod() -> Simulation:
    simulation = up()
    simulation.patch("Pod", "web-2", {"metadata": {"finalizers": ["example.com/keep"]}})
    simulation.scale("web", 2)
    simulation.run_for(60)
    return simulation


STORIES: list[tuple[Callable[[], Simulation], str, tuple[str, ...]]] = [
    (
        missing_class,
        "sts/web",
        (
            "statefulset/web: 0 of 3 replicas are Ready",
            "has waited 60s: web-0 is not Ready: its claim www-web-0 is not bound: there is no StorageClass",
            "rule PR-5, statefulset controller",
            "what to do: create the StorageClass",
            "because pod/web-0 has waited 60s: 0/1 nodes are available: pod has unbound immediate",
            "because persistentvolumeclaim/www-web-0 has waited 60s: storageclass.storage.k8s.io",
            "rule 3.3, binder controller",
            "what to do: create the StorageClass my-gfs-storageclass",
        ),
    ),
    (
        missing_class,
        "pod/web-0",
        ("pod/web-0: it is Pending, not Ready", "unbound", "because persistentvolumeclaim/www-web-0 has waited"),
    ),
    (missing_class, "pvc/www-web-0", ("persistentvolumeclaim/www-web-0: it is Pending", "not found", "what to do")),
    (missing_class, "pod/web-2", ("pod/web-2: it does not exist yet; StatefulSet web makes it", "web-0 is not Ready")),
    (missing_class, "pvc/www-web-2", ("it does not exist yet; StatefulSet web makes it", "web-0 is not Ready")),
    (
        unbound_claim,
        "sts/web",
        (
            "web-0 is not Ready: its claim www-web-0 is not bound yet",
            "because pod/web-0",
            "create a PersistentVolume of class",
        ),
    ),
    (
        failing_probe,
        "sts/web",
        (
            "web-0 is not Ready: container nginx runs and is not ready",
            "because pod/web-0",
            "container nginx has not passed its readiness probe: simulated: the script says no",
            "rule 3.8, kubelet controller",
        ),
    ),
    (
        crash_loop,
        "sts/web",
        (
            "web-0 is not Ready: container nginx waits: CrashLoopBackOff (back-off 40s), it ended with exit code 3",
            "what to do: see what it says: kubectl logs web-0 -c nginx --previous",
            "because pod/web-0",
            "back-off 40s after 4 starts; the last ended with exit code 3",
        ),
    ),
    (missing_image, "sts/web", ("container nginx waits: ImagePullBackOff", "what to do: correct the image", "because")),
    (
        missing_secret,
        "sts/web",
        ("CreateContainerConfigError", "keys", "what to do: kubectl create secret generic keys"),
    ),
    (
        unschedulable,
        "sts/web",
        ("web-0 is not Ready: it has no node: 0/1 nodes are available", "what to do: correct nodeSelector", "rule 3.4"),
    ),
    (
        forced_roll_back,
        "sts/web",
        (
            "2 of 3 replicas are Ready, 2 at revision",
            "an ordered set does not replace it with",
            "rule RU-11",
            "what to do: kubectl delete pod web-2",
            "because pod/web-2",
            "readiness probe",
        ),
    ),
    (
        quota,
        "sts/web",
        (
            "3 of 5 replicas are Ready",
            "ResourceQuota small is used up: 3 of 3 pods",
            "rule PR-9",
            "what to do: raise it: kubectl patch resourcequota small -p",
            "because pod/web-3",
            'the API refused to create Pod web-3: pods "web-3" is forbidden: exceeded quota: small',
        ),
    ),
    (
        quota,
        "pod/web-4",
        ("it does not exist yet; StatefulSet web makes it", "ResourceQuota small is used up: 3 of 3 pods"),
    ),
    (
        dead_node,
        "sts/web",
        (
            "web-0 is terminating, and its node far is not there to confirm its end",
            "rule PR-4",
            "what to do: bring node far back",
            "because node/far has waited",
            "stopped posting its status",
        ),
    ),
    (
        no_service,
        "sts/web",
        ('there is no Service "nginx" (serviceName)', "what to do: kubectl create service clusterip nginx"),
    ),
    (
        partition,
        "sts/web",
        (
            "3 of 3 replicas are Ready, 1 of 3 at the new revision",
            "(partition 2): as its spec wants it",
            "web-0 and web-1 stay at the old revision: partition is 2",
            "rule RU-3",
            "what to do: to roll them too: kubectl patch statefulset web -p",
        ),
    ),
    (
        on_delete,
        "sts/web",
        (
            "0 of 3 at the new revision",
            "(OnDelete): as its spec wants it",
            "web-0, web-1 and web-2 stay at the old revision until deleted",
            "rule RU-1",
            "what to do: kubectl delete pod web-0",
        ),
    ),
    (
        long_name,
        f"sts/{'w' * 53}",
        (
            "is too long for a label",
            "rule ID-11",
            "what to do: create it anew under a name of at most 52",
            "because",
            "the API refused",
        ),
    ),
    (leading_zero, "sts/web", ("web-01", "rule", "what to do: kubectl delete pod web-01")),
    (
        two_sick,
        "sts/web",
        (
            "web-2 should go but is not Ready, and web-1 below it is not Ready either",
            "rule SD-4",
            "what to do: delete one of them",
            "because pod/web-2",
        ),
    ),
    (
        terminating_claim,
        "sts/web",
        (
            "web-0 waits: its claim www-web-0 is being deleted",
            "rule PVC-4",
            "what to do: whoever set the finalizer example.com/keep",
        ),
    ),
    (
        foreign_pod,
        "sts/web",
        (
            "the name web-0 is taken by a pod that ConfigMap somebody controls",
            "rule CL-4",
            "what to do: if its owner is gone: kubectl delete pod web-0",
            'the API refused to create Pod web-0: pods "web-0" already exists',
        ),
    ),
    (
        parallel,
        "sts/web",
        (
            "0 of 5",
            "web-0 is not Ready",
            "because pod/web-0",
            "web-1 is not",
            "web-2 is not",
            "2 more replicas",
            "PR-11",
        ),
    ),
    (ripening, "sts/web", ("1 of 3 replicas are Ready", "web-0 must stay Ready for 300 s", "rule PR-6")),
    (
        held_pod,
        "sts/web",
        ("web-2 is terminating and held by example.com/keep", "what to do: whoever set the finalizer must remove it"),
    ),
    (leaving_namespace, "ns/shop", ("namespace/shop: it is being deleted", "still there", "rule 3.7")),
]


@pytest.mark.parametrize(
    ("story", "what", "parts"), STORIES, ids=[f"{story.__name__} {what}"[:40] for story, what, _ in STORIES]
)
def test_a_wait_is_told_with_its_causes_in_order(
    story: Callable[[], Simulation], what: str, parts: tuple[str, ...]
) -> None:
    assert in_order(told(story(), what), *parts)


# --- where nothing waits


def test_a_set_that_is_whole_says_so() -> None:
    text = told(up())
    assert in_order(text, "statefulset/web: 3 of 3 replicas are Ready, all at revision web-", "as its spec wants it")
    assert text.endswith("it waits for nothing")


def test_a_pod_and_a_claim_that_are_whole_say_so() -> None:
    simulation = up()
    assert told(simulation, "pod/web-1").startswith("pod/web-1: it is Running on node stead, Ready")
    assert told(simulation, "pvc/www-web-1").startswith("persistentvolumeclaim/www-web-1: it is Bound to pvc-")


def test_a_pod_that_its_node_refused_says_why() -> None:
    simulation = up()
    (container,) = simulation.pods()["web-0"].obj["spec"]["containers"]
    spec = {"containers": [{"name": "c", "image": container["image"]}], "nodeName": "stead", "nodeSelector": {"a": "b"}}
    metadata = {"name": "lost", "namespace": "default"}
    simulation.apply({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec})
    simulation.run_for(5)
    assert told(simulation, "pod/lost").startswith(
        "pod/lost: it is Failed on node stead for good: Pod was rejected: Predicate NodeAffinity failed: "
    )


def test_a_roll_out_on_its_way_says_how_far_it_is() -> None:
    simulation = up()
    simulation.patch("StatefulSet", "web", {"spec": {"template": {"metadata": {"annotations": {"edition": "two"}}}}})
    simulation.run_until(lambda: dig(simulation.get("StatefulSet", "web"), "status", "updatedReplicas") == 1)
    assert in_order(told(simulation), "1 of 3 at the new revision web-", "the others at web-")


def test_a_replica_that_nobody_wants_is_not_waited_for() -> None:
    expected = "it does not exist, and StatefulSet web wants no such replica: its replicas are web-0 to web-2"
    assert in_order(told(up(), "pod/web-7"), expected, "it waits for nothing")


def test_what_is_not_there_is_not_found() -> None:
    assert explanation(up(), "sts/wbe")["code"] == 404
    assert explanation(up(), "nonsense")["code"] == 404


def test_the_list_is_empty_when_all_is_whole_and_shows_everyone_who_waits() -> None:
    whole = decode(up().request("GET", path_of(EXPLANATION)).body)
    assert whole["items"] == []
    waiting = decode(missing_class().request("GET", path_of(EXPLANATION)).body)
    names = [item["metadata"]["name"] for item in waiting["items"]]
    assert names == ["persistentvolumeclaim.www-web-0", "pod.web-0", "statefulset.web"]


def test_an_explanation_names_its_object_whole() -> None:
    simulation = missing_class()
    web = simulation.get("StatefulSet", "web")
    assert web is not None
    assert explanation(simulation)["object"] == {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "namespace": "default",
        "name": "web",
        "uid": web["metadata"]["uid"],
    }


def test_what_ended_is_not_told_any_more() -> None:
    """Claims and Services wake no StatefulSet; whoever asks is told the present all the same."""
    simulation = no_service()
    assert "there is no Service" in told(simulation)
    simulation.apply(SERVICE)
    simulation.step()
    assert "waits for nothing" in told(simulation)


def test_asking_changes_nothing() -> None:
    simulation = quota()
    before = simulation.store.revision, simulation.pods(), simulation.next_wake()
    told(simulation)
    assert before == (simulation.store.revision, simulation.pods(), simulation.next_wake())
