"""kubectl 1.35: a StatefulSet's days: scaled, rolled out, rolled back, waited for, drained, looked at."""

import json
import re
import subprocess
from collections.abc import Iterator

import pytest

from tests.clients.space import SET, Space
from tests.shells.cluster import KUBECTL, Cluster, until

pytestmark = pytest.mark.shell


@pytest.fixture
def db(space: Space) -> Space:
    """The set, applied and ready."""
    space.apply(SET)
    space.wait_ready(2)
    return space


def image(space: Space) -> str:
    return space.path("pods", ".items[*].spec.containers[*].image")


def roll(space: Space, tag: str) -> None:
    space.kubectl("set", "image", "sts/db", f"db=registry.example/db:{tag}")
    space.kubectl("rollout", "status", "sts/db", "--timeout=30s")


# --- scale, rollout, wait


def test_scale(db: Space) -> None:
    assert db.kubectl("scale", "sts/db", "--replicas=4", "--current-replicas=2") == "statefulset.apps/db scaled\n"
    told = db.kubectl("scale", "sts/db", "--replicas=3", "--current-replicas=2", check=False)
    assert "Expected replicas to be 2, was 4" in told
    db.wait_ready(4)
    db.kubectl("scale", "sts", "--all", "--replicas=1", "--timeout=20s")
    until(lambda: db.names("pods") == ["db-0"], wish="only db-0 is left")


def test_rollout_status_history_and_undo(db: Space) -> None:
    db.kubectl("annotate", "sts/db", "kubernetes.io/change-cause=the first")
    roll(db, "2")
    assert image(db) == "registry.example/db:2 registry.example/db:2"
    assert re.findall(r"^(\d+) ", db.kubectl("rollout", "history", "sts/db"), re.MULTILINE) == ["1", "2"]
    assert "registry.example/db:1" in db.kubectl("rollout", "history", "sts/db", "--revision=1")
    assert db.kubectl("rollout", "undo", "sts/db") == "statefulset.apps/db rolled back\n"
    told = db.kubectl("rollout", "status", "sts/db", "--timeout=30s")
    assert "partitioned roll out complete: 2 new pods have been updated..." in told
    assert image(db) == "registry.example/db:1 registry.example/db:1"
    assert re.findall(r"^(\d+) ", db.kubectl("rollout", "history", "sts/db"), re.MULTILINE) == ["2", "3"]
    assert "skipped rollback" in db.kubectl("rollout", "undo", "sts/db", "--to-revision=3")


def test_rollout_undo_to_a_revision(db: Space) -> None:
    for tag in ("2", "3"):
        roll(db, tag)
    db.kubectl("rollout", "undo", "sts/db", "--to-revision=1")
    db.kubectl("rollout", "status", "sts/db", "--timeout=30s")
    assert image(db) == "registry.example/db:1 registry.example/db:1"


def test_rollout_restart(db: Space) -> None:
    uids = db.path("pods", ".items[*].metadata.uid").split()
    assert db.kubectl("rollout", "restart", "sts/db") == "statefulset.apps/db restarted\n"
    db.kubectl("rollout", "status", "sts/db", "--timeout=30s")
    assert not set(uids) & set(db.path("pods", ".items[*].metadata.uid").split())
    assert "pausing is not supported" in db.kubectl("rollout", "pause", "sts/db", check=False)


def test_wait(db: Space) -> None:
    db.kubectl("wait", "sts/db", "--for=jsonpath={.status.readyReplicas}=2", "--timeout=20s")
    db.kubectl("wait", "pods", "-l", "app=db", "--for=condition=Ready", "--timeout=20s")
    db.kubectl("wait", "pvc", "--all", "--for=jsonpath={.status.phase}=Bound", "--timeout=20s")
    told = db.kubectl("wait", "sts/db", "--for=jsonpath={.status.readyReplicas}=9", "--timeout=1s", check=False)
    assert "timed out waiting for the condition on statefulsets/db" in told
    db.kubectl("wait", "configmap/later", "--for=delete", "--timeout=1s")


def test_wait_for_what_comes(space: Space) -> None:
    words = [str(KUBECTL), "-n", space.name, "wait", "configmap/later", "--for=create", "--timeout=20s"]
    waiting = subprocess.Popen(words, stdout=subprocess.PIPE, env=space.environment())
    space.kubectl("create", "configmap", "later")
    told, _ = waiting.communicate(timeout=20)
    assert (waiting.returncode, told) == (0, b"configmap/later condition met\n")


# --- looking


OUTPUTS = {
    ("sts/db",): r"NAME +READY +AGE\ndb +2/2 +\S+\n",
    ("sts/db", "-o", "wide"): r"NAME +READY +AGE +CONTAINERS +IMAGES\ndb +2/2 +\S+ +db +registry.example/db:1\n",
    ("pods",): r"NAME +READY +STATUS +RESTARTS +AGE\ndb-0 +1/1 +Running +0 +\S+\ndb-1 +1/1 .*\n",
    ("pods", "-o", "wide"): r"NAME .* IP +NODE +NOMINATED NODE +READINESS GATES\ndb-0 .* stead +<none> +<none>\n[^$]*",
    ("pods", "-o", "name"): r"pod/db-0\npod/db-1\n",
    ("pods", "--show-labels"): r"NAME .* LABELS\ndb-0 .* app=db,apps.kubernetes.io/pod-index=0,[^$]*",
    ("pods", "--sort-by=.metadata.uid", "-o", "name"): r"(pod/db-\d\n){2}",
    ("pods", "--field-selector=metadata.name=db-1", "-o", "name"): r"pod/db-1\n",
    ("pvc",): r"NAME +STATUS +VOLUME +CAPACITY +ACCESS MODES +STORAGECLASS .* AGE\ndata-db-0 +Bound [^$]*",
    ("svc/db",): r"NAME .*\ndb +ClusterIP +None +<none> +5432/TCP +\S+\n",
    ("controllerrevisions",): r"NAME +CONTROLLER +REVISION +AGE\ndb-\w+ +statefulset.apps/db +1 +\S+\n",
    ("sts/db", "-o", "jsonpath={.status.replicas}"): r"2",
    ("pods", "-o", "custom-columns=N:.metadata.name,H:.spec.hostname"): r"N +H\ndb-0 +db-0\ndb-1 +db-1\n",
    ("pods", "-o", "go-template={{len .items}}"): r"2",
    ("sts/db", "-o", "yaml"): r"apiVersion: apps/v1\nkind: StatefulSet\n[^$]*",
    ("all",): r"NAME .*\npod/db-0 [^$]*service/db [^$]*statefulset.apps/db [^$]*",
}  # fmt: skip


@pytest.fixture(scope="module")
def shown(shared_space: Space) -> Space:
    shared_space.apply(SET)
    shared_space.wait_ready(2)
    return shared_space


@pytest.mark.parametrize("words", OUTPUTS, ids=" ".join)
def test_get(shown: Space, words: tuple[str, ...]) -> None:
    assert re.fullmatch(OUTPUTS[words], shown.kubectl("get", *words))


def test_get_in_all_namespaces_in_chunks(shown: Space) -> None:
    told = shown.cluster.kubectl("get", "pods", "-A", "--chunk-size=1", "-o", "name")
    assert {"pod/db-0", "pod/db-1"} <= set(told.split())


def test_get_again_what_get_printed(shown: Space) -> None:
    """A List goes back in as it came out: checked by kubectl against OpenAPI 2, item by item."""
    printed = shown.kubectl("get", "sts,svc", "-o", "json")
    assert json.loads(printed)["kind"] == "List"
    assert "statefulset.apps/db configured" in shown.kubectl("apply", "-f", "-", stdin=printed)
    wrong = printed.replace('"replicas"', '"replcas"', 1)
    told = shown.kubectl("replace", "-f", "-", stdin=wrong, check=False)
    assert 'ValidationError(StatefulSet.spec): unknown field "replcas"' in told


DESCRIBED = {
    "sts/db": ["Replicas:           2 desired | 2 total", "Pods Status:        2 Running", "SuccessfulCreate"],
    "pod/db-0": ["Controlled By:  StatefulSet/db", "Ready:          True", "ClaimName:  data-db-0", "Scheduled"],
    "pvc/data-db-0": ["Status:        Bound", "Used By:       db-0"],
    "svc/db": ["Selector:                 app=db", "TargetPort:               5432/TCP"],
    "node/stead": ["Ready            True", "Allocatable:", "Non-terminated Pods:"],
    "endpointslice": ["Addresses:  ", "Hostname:", "TargetRef:  Pod/db-"],
    "serviceaccount/default": ["Name:                default"],
    "sc/standard": ["IsDefaultClass:        Yes"],
}  # fmt: skip


@pytest.mark.parametrize("what", DESCRIBED)
def test_describe(shown: Space, what: str) -> None:
    told = shown.kubectl("describe", what)
    for line in DESCRIBED[what]:
        assert line in told


def test_events(shown: Space) -> None:
    assert re.search(r"Normal +SuccessfulCreate +StatefulSet/db +Create Pod db-0", shown.kubectl("events"))
    assert "Create Pod db-0" not in shown.kubectl("events", "--for=pod/db-0")
    assert re.search(r"Scheduled +pod/db-0", shown.kubectl("get", "events", "--field-selector=reason=Scheduled"))


# --- asking about the API


@pytest.mark.parametrize("words, told", [
    (("sts",), r"GROUP: +apps\nKIND: +StatefulSet\nVERSION: +v1"),
    (("sts.spec.updateStrategy.rollingUpdate",), r"partition\t<integer>"),
    (("sts", "--recursive"), r"      volumeClaimTemplates\t|    volumeClaimTemplates\t<\[\]PersistentVolumeClaim>"),
    (("pods.spec.containers.resources",), r"limits\t<map\[string\]Quantity>"),
    (("pvc",), r"KIND: +PersistentVolumeClaim"),
    (("sts.spec.podManagementPolicy",), r"ENUM:\n +OrderedReady\n +Parallel"),
])  # fmt: skip
def test_explain(shown: Space, words: tuple[str, ...], told: str) -> None:
    assert re.search(told, shown.kubectl("explain", *words))


def test_explain_is_complete(shown: Space) -> None:
    """Every field of the pod template is told, down to the last."""
    told = shown.kubectl("explain", "sts", "--recursive")
    for field in ("topologySpreadConstraints", "ephemeralContainers", "resizePolicy", "whenScaled", "maxUnavailable"):
        assert f" {field}\t" in told
    assert len(told.splitlines()) > 1000


ASKED = {
    ("version",): r"Server Version: v1\.36\.\d+",
    ("cluster-info",): r"control plane.* is running at .*https://127\.0\.0\.1:\d+",
    ("api-versions",): r"^apps/v1$[^$]*^v1$",
    ("api-resources", "--namespaced=true", "-o", "name"): r"^statefulsets\.apps$",
    ("api-resources", "-o", "wide"): r"^statefulsets +sts +apps/v1 +true +StatefulSet +create,[a-z,]+,watch +all$",
    ("auth", "whoami"): r"Groups +\[system:masters system:authenticated\]",
    ("auth", "can-i", "delete", "statefulsets"): r"^yes$",
    ("auth", "can-i", "--list"): r"\*\.\* +\[\] +\[\] +\[\*\]",
    ("get", "--raw", "/livez"): r"^ok$",
    ("config", "view", "--minify"): r"current-context: stead",
}  # fmt: skip


@pytest.mark.parametrize("words", ASKED, ids=" ".join)
def test_asking(shown: Space, words: tuple[str, ...]) -> None:
    assert re.search(ASKED[words], shown.kubectl(*words), re.MULTILINE)


@pytest.mark.parametrize("words, told", [
    (("top", "pods"), "Metrics API not available"),
    (("get", "deployments"), 'doesn\'t have a resource type "deployments"'),
    (("logs", "db-0"), "simulated runtime runs no processes"),
    (("exec", "db-0", "--", "true"), "simulated runtime runs no processes"),
    (("get", "sts/none"), 'Error from server (NotFound): statefulsets.apps "none" not found'),
], ids=["top", "deployments", "logs", "exec", "missing"])  # fmt: skip
def test_what_is_not_there_is_told(shown: Space, words: tuple[str, ...], told: str) -> None:
    assert told in shown.kubectl(*words, check=False)


# --- access


def test_roles_bind_and_refuse(space: Space) -> None:
    space.kubectl("create", "serviceaccount", "robot")
    who = f"--as=system:serviceaccount:{space.name}:robot"
    assert space.kubectl("auth", "can-i", "list", "pods", who, check=False) == "no\n"
    told = space.kubectl("get", "pods", who, check=False)
    assert f'pods is forbidden: User "system:serviceaccount:{space.name}:robot" cannot list resource "pods"' in told
    space.kubectl("create", "role", "reader", "--verb=get,list,watch", "--resource=pods,statefulsets.apps")
    space.kubectl("create", "rolebinding", "reader", "--role=reader", f"--serviceaccount={space.name}:robot")
    assert space.kubectl("auth", "can-i", "list", "pods", who) == "yes\n"
    assert "No resources found" in space.kubectl("get", "pods", who, check=False)
    assert space.kubectl("auth", "can-i", "delete", "pods", who, check=False) == "no\n"
    token = space.kubectl("create", "token", "robot").strip()
    bare = [
        "--kubeconfig=/dev/null",
        f"--server={server(space.cluster)}",
        f"--token={token}",
        "--insecure-skip-tls-verify",
    ]
    assert space.kubectl("auth", "whoami", "-o", "jsonpath={.status.userInfo.username}", *bare).endswith(":robot")
    assert "Forbidden" in space.kubectl("delete", "pod/any", *bare, check=False)


def server(space: Space) -> str:
    return space.kubectl("config", "view", "--minify", "-o", "jsonpath={.clusters[0].cluster.server}")


def test_reconcile_and_describe_roles(space: Space) -> None:
    reader = {"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}
    metadata = {"name": "r", "namespace": space.name}
    role = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": metadata, "rules": [reader]}
    told = space.kubectl("auth", "reconcile", "-f", "-", stdin=json.dumps(role), check=False)
    assert "reconciliation required create" in told
    assert re.search(r"pods +\[\] +\[\] +\[get\]", space.kubectl("describe", "role", "r"))
    told = space.kubectl("auth", "reconcile", "-f", "-", stdin=json.dumps(role), check=False)
    assert told == "role.rbac.authorization.k8s.io/r reconciled\n"


# --- the node


@pytest.fixture
def node(stead: Cluster) -> Iterator[str]:
    """The only node; whatever a test did to it is undone."""
    yield "stead"
    stead.kubectl("uncordon", "stead")


def test_cordon_and_drain(db: Space, node: str) -> None:
    assert db.kubectl("cordon", node) == f"node/{node} cordoned\n"
    assert "SchedulingDisabled" in db.kubectl("get", "node", node)
    uids = db.path("pods", ".items[*].metadata.uid")
    told = db.kubectl("drain", node, "--pod-selector=app=db", "--timeout=30s")
    assert f"evicting pod {db.name}/db-0" in told + db.kubectl("get", "pods")
    assert set(db.path("pods", ".items[*].status.phase").split()) <= {"Pending"}
    assert db.path("pods", ".items[*].metadata.uid") != uids
    db.kubectl("uncordon", node)
    db.wait_ready(2)


def test_drain_keeps_a_disruption_budget(db: Space, node: str) -> None:
    db.kubectl("create", "poddisruptionbudget", "db", "--selector=app=db", "--min-available=2")
    until(lambda: db.path("pdb/db", ".status.currentHealthy") == "2", wish="the budget is counted")
    told = db.kubectl("drain", node, "--pod-selector=app=db", "--timeout=1s", check=False)
    assert "Cannot evict pod as it would violate the pod's disruption budget." in told
    assert len(db.names("pods")) == 2


def test_taint(db: Space, node: str) -> None:
    assert "tainted" in db.kubectl("taint", "node", node, "tests=here:NoSchedule")
    db.kubectl("delete", "pod", "db-0")
    until(lambda: db.path("pods", ".items[?(@.metadata.name=='db-0')].status.phase") == "Pending", wish="it waits")
    assert "untolerated taint" in db.kubectl("describe", "pod", "db-0")
    db.kubectl("taint", "node", node, "tests-")
    db.wait_ready(2)
