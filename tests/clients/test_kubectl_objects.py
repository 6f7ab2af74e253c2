"""kubectl 1.35: making, changing, comparing and removing objects, the ways people do it every day."""

import json
import re
import subprocess
from pathlib import Path

import pytest

from tests.clients.space import SET, Space
from tests.shells.cluster import KUBECTL, until

pytestmark = pytest.mark.shell


# --- apply


def test_apply_client_side(space: Space) -> None:
    assert space.apply(SET) == "service/db created\nstatefulset.apps/db created\n"
    version = space.path("sts/db", ".metadata.generation")
    told = "service/db unchanged\nstatefulset.apps/db configured\n"
    assert space.apply(SET) == told, "claim templates are an atomic list: kubectl always sends them again"
    assert space.path("sts/db", ".metadata.generation") == version
    assert "statefulset.apps/db configured" in space.apply(SET.replace("replicas: 2", "replicas: 1"))
    space.apply(SET.replace("            - {name: MODE, value: quiet}\n", "            - {name: TONE, value: loud}\n"))
    assert space.path("sts/db", ".spec.template.spec.containers[0].env[*].name") == "TONE", "the last one is forgotten"
    assert space.path("sts/db", ".spec.template.spec.containers[0].ports[*].name") == "sql"


def test_apply_prune(space: Space) -> None:
    """Objects that an apply set no longer names go."""
    two = json.dumps({"apiVersion": "v1", "kind": "List", "items": [config_map("one"), config_map("two")]})
    one = json.dumps(config_map("one"))
    options = ("--prune", "-l", "app=maps", "--prune-allowlist=core/v1/ConfigMap")
    space.apply(two, *options)
    assert "configmap/two pruned" in space.apply(one, *options)


def config_map(name: str) -> dict[str, object]:
    labels = {"app": "maps"}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "labels": labels}, "data": {"a": "b"}}


def test_apply_server_side(space: Space) -> None:
    server_side = ("--server-side", "--field-manager=first")
    assert "statefulset.apps/db serverside-applied" in space.apply(SET, *server_side)
    version = space.path("sts/db", ".metadata.generation")
    space.apply(SET, *server_side)
    assert space.path("sts/db", ".metadata.generation") == version
    managers = space.get("sts/db", "--show-managed-fields")["metadata"]["managedFields"]
    assert [m["operation"] for m in managers if m["manager"] == "first"] == ["Apply"]


def test_apply_server_side_conflicts(space: Space) -> None:
    space.apply(SET, "--server-side", "--field-manager=first")
    second = SET.replace("replicas: 2", "replicas: 3")
    told = space.kubectl("apply", "--server-side", "--field-manager=second", "-f", "-", stdin=second, check=False)
    assert 'conflicts with "first"' in told
    assert "- .spec.replicas" in told
    space.apply(second, "--server-side", "--field-manager=second", "--force-conflicts")
    assert space.path("sts/db", ".spec.replicas") == "3"
    without = SET.replace("  replicas: 2\n", "")
    space.apply(without, "--server-side", "--field-manager=second", "--force-conflicts")
    assert space.path("sts/db", ".spec.replicas") == "1", "nobody owns it any more: the default"


def test_apply_moves_from_client_side_to_server_side(space: Space) -> None:
    space.apply(SET)
    told = space.kubectl("apply", "--server-side", "-f", "-", stdin=SET, check=False)
    assert ".spec.volumeClaimTemplates" in told, "an atomic list, which defaults have changed since"
    space.apply(SET, "--server-side", "--force-conflicts")
    changed = SET.replace("            - {name: MODE, value: quiet}\n", "            - {name: TONE, value: loud}\n")
    space.apply(changed, "--server-side")
    assert space.path("sts/db", ".spec.template.spec.containers[0].env[*].name") == "TONE"


@pytest.mark.parametrize("options", [(), ("--server-side",)], ids=["client-side", "server-side"])
def test_diff(space: Space, options: tuple[str, ...]) -> None:
    space.apply(SET, *options)
    assert space.kubectl("diff", "-f", "-", *options, stdin=SET) == ""
    told = space.kubectl("diff", "-f", "-", *options, stdin=SET.replace("db:1", "db:2"), check=False)
    assert re.search(r"^-.* image: registry.example/db:1$", told, re.MULTILINE)
    assert re.search(r"^\+.* image: registry.example/db:2$", told, re.MULTILINE)
    assert space.path("sts/db", ".spec.template.spec.containers[0].image") == "registry.example/db:1"


def test_dry_run(space: Space) -> None:
    assert "statefulset.apps/db created (server dry run)" in space.apply(SET, "--dry-run=server")
    assert space.names("sts") == []


def test_wrong_manifests_are_refused(space: Space) -> None:
    """Strict validation, and the causes of a 422."""
    told = space.kubectl("apply", "-f", "-", stdin=SET.replace("replicas: 2", "replcas: 2"), check=False)
    assert 'strict decoding error: unknown field "spec.replcas"' in told
    told = space.kubectl("create", "-f", "-", stdin=SET.replace("replicas: 2", "replicas: -2"), check=False)
    assert "spec.replicas: Invalid value: -2: must be greater than or equal to 0" in told
    told = space.kubectl(
        "create", "-f", "-", "--validate=warn", stdin=SET.replace("replicas: 2", "replcas: 2"), check=False
    )
    assert 'Warning: unknown field "spec.replcas"' in told


def test_apply_a_kustomization(space: Space) -> None:
    (space.folder / "db.yaml").write_text(SET)
    told = {"namePrefix": "a-", "resources": ["db.yaml"], "replicas": [{"name": "db", "count": 1}]}
    (space.folder / "kustomization.yaml").write_text(json.dumps(told))
    assert "statefulset.apps/a-db created" in space.kubectl("apply", "-k", str(space.folder))
    assert space.path("sts/a-db", ".spec.replicas") == "1"
    space.kubectl("delete", "-k", str(space.folder), "--timeout=30s")


# --- edit, patch, replace and friends


@pytest.mark.parametrize(
    "old, new, told",
    [
        ("replicas: 2", "replicas: 1", "statefulset.apps/db edited"),
        ("nothing", "at all", "Edit cancelled, no changes made."),
    ],
    ids=["changed", "unchanged"],
)
def test_edit(space: Space, monkeypatch: pytest.MonkeyPatch, old: str, new: str, told: str) -> None:
    space.apply(SET)
    monkeypatch.setenv("KUBE_EDITOR", f"sed -i 's/{old}/{new}/'")
    assert told in space.kubectl("edit", "sts/db", check=False)


def test_edit_refused(space: Space, monkeypatch: pytest.MonkeyPatch) -> None:
    """The editor is opened again with the reason; unchanged a second time, the edit is given up."""
    space.apply(SET)
    monkeypatch.setenv("KUBE_EDITOR", "sed -i 's/podManagementPolicy: Parallel/podManagementPolicy: OrderedReady/'")
    told = space.kubectl("edit", "sts/db", check=False)
    copy = re.search(r'stored to "([^"]+)"', told)
    assert copy is not None, told
    reasons = Path(copy[1]).read_text()
    Path(copy[1]).unlink()
    assert "# * spec: Forbidden: updates to statefulset spec for fields other than" in reasons


PATCHES = {
    "strategic": '{"spec":{"template":{"spec":{"containers":[{"name":"db","image":"registry.example/db:2"}]}}}}',
    "merge": '{"spec":{"replicas":3},"metadata":{"labels":{"app":null}}}',
    "json": '[{"op":"test","path":"/spec/replicas","value":2},{"op":"replace","path":"/spec/replicas","value":3}]',
}


@pytest.mark.parametrize("type_, path, expected", [
    ("strategic", ".spec.template.spec.containers[*].image", "registry.example/db:2"),
    ("merge", ".metadata.labels", ""),
    ("json", ".spec.replicas", "3"),
])  # fmt: skip
def test_patch(space: Space, type_: str, path: str, expected: str) -> None:
    space.apply(SET)
    assert space.kubectl("patch", "sts/db", "--type", type_, "-p", PATCHES[type_]) == "statefulset.apps/db patched\n"
    assert space.path("sts/db", path) == expected
    assert (
        space.kubectl("patch", "sts/db", "--type", "merge", "-p", "{}") == "statefulset.apps/db patched (no change)\n"
    )


def test_patch_subresources(space: Space) -> None:
    space.apply(SET)
    space.kubectl("patch", "sts/db", "--subresource=scale", "--type=merge", "-p", '{"spec":{"replicas":1}}')
    assert space.path("sts/db", ".spec.replicas") == "1"
    assert space.kubectl("get", "sts/db", "--subresource=scale").split()[:4] == ["NAME", "DESIRED", "AVAILABLE", "AGE"]


def test_replace(space: Space) -> None:
    space.apply(SET)
    uid = space.path("sts/db", ".metadata.uid")
    space.kubectl("replace", "-f", "-", stdin=SET.replace("replicas: 2", "replicas: 1"))
    assert space.path("sts/db", ".spec.replicas") == "1"
    space.kubectl("replace", "--force", "-f", "-", stdin=SET)
    assert space.path("sts/db", ".metadata.uid") != uid


def test_replace_stale(space: Space) -> None:
    """Someone else was faster: 409, in the words people search for."""
    space.kubectl("create", "configmap", "a", "--from-literal=a=1")
    stale = space.kubectl("get", "configmap/a", "-o", "yaml")
    space.kubectl("label", "configmap/a", "x=y")
    told = space.kubectl("replace", "-f", "-", stdin=stale, check=False)
    assert 'Operation cannot be fulfilled on configmaps "a": the object has been modified' in told


def test_label_and_annotate(space: Space) -> None:
    space.apply(SET)
    assert space.kubectl("label", "sts/db", "tier=back") == "statefulset.apps/db labeled\n"
    told = space.kubectl("label", "sts/db", "tier=front", check=False)
    assert "'tier' already has a value (back), and --overwrite is false" in told
    space.kubectl("label", "--overwrite", "sts", "--all", "tier=front")
    assert space.kubectl("get", "sts", "-l", "tier in (front)", "-o", "name") == "statefulset.apps/db\n"
    assert space.kubectl("get", "sts", "-L", "tier").splitlines()[1].split()[-1] == "front"
    space.kubectl("label", "sts/db", "tier-")
    assert space.kubectl("get", "sts", "-l", "tier", "-o", "name") == ""
    space.kubectl("annotate", "sts/db", "why=because")
    assert space.path("sts/db", ".metadata.annotations.why") == "because"


def test_set_image_env_and_resources(space: Space) -> None:
    space.apply(SET)
    space.kubectl("set", "image", "sts/db", "db=registry.example/db:7")
    space.kubectl("set", "env", "sts/db", "TONE=loud")
    space.kubectl("set", "resources", "sts/db", "--requests=cpu=10m")
    container = space.get("sts/db")["spec"]["template"]["spec"]["containers"][0]
    assert container["image"] == "registry.example/db:7"
    assert [variable["name"] for variable in container["env"]] == ["MODE", "TONE"]
    assert container["resources"] == {"requests": {"cpu": "10m"}}


# --- create generators

GENERATORS = {
    "configmap a --from-literal=k=v": "configmap/a created",
    "secret generic a --from-literal=k=v": "secret/a created",
    "secret docker-registry b --docker-username=u --docker-password=p --docker-server=r.example": "secret/b created",
    "service clusterip a --tcp=80:8080": "service/a created",
    "service clusterip b --clusterip=None --tcp=80": "service/b created",
    "service nodeport c --tcp=80": "service/c created",
    "service externalname d --external-name=example.org": "service/d created",
    "serviceaccount a": "serviceaccount/a created",
    "role a --verb=get,list --resource=pods": "role.rbac.authorization.k8s.io/a created",
    "rolebinding a --role=a --serviceaccount=x:default": "rolebinding.rbac.authorization.k8s.io/a created",
    "poddisruptionbudget a --selector=app=db --min-available=1": "poddisruptionbudget.policy/a created",
    "token default": "ey",
}


@pytest.mark.parametrize("words, told", GENERATORS.items())
def test_create(shared_space: Space, words: str, told: str) -> None:
    """Generators speak protobuf."""
    assert told in shared_space.kubectl("create", *words.split())


@pytest.mark.parametrize("words", ["deployment a --image=a", "job a --image=a"])
def test_create_what_is_not_served(shared_space: Space, words: str) -> None:
    told = shared_space.kubectl("create", *words.split(), check=False)
    assert "stead does not" in told or "could not find the requested resource" in told


def test_run_and_expose(space: Space) -> None:
    space.kubectl("run", "one", "--image=registry.example/one:1", "--port=80", "--labels=app=one")
    space.kubectl("expose", "pod/one", "--port=80", "--target-port=8080")
    assert space.path("svc/one", ".spec.selector.app") == "one"
    assert space.path("svc/one", ".spec.ports[0].targetPort") == "8080"
    space.kubectl("wait", "pod/one", "--for=condition=Ready", "--timeout=20s")


# --- delete


@pytest.mark.parametrize("cascade, left", [("background", []), ("foreground", []), ("orphan", ["db-0", "db-1"])])
def test_delete_cascade(space: Space, cascade: str, left: list[str]) -> None:
    space.apply(SET)
    space.wait_ready(2)
    assert "deleted" in space.kubectl("delete", "sts/db", f"--cascade={cascade}", "--timeout=30s")
    assert space.names("sts") == []
    until(lambda: space.names("pods") == left, wish=f"pods are {left}")
    assert space.names("pvc") == ["data-db-0", "data-db-1"]
    owners = space.path("pods", ".items[*].metadata.ownerReferences[*].name")
    assert owners == ""


def test_delete_by_label_and_all(space: Space) -> None:
    space.apply(SET)
    space.kubectl("delete", "sts,svc", "-l", "app=db", "--wait=true", "--timeout=30s")
    assert space.names("sts,svc") == []
    space.kubectl("delete", "pvc", "--all", "--timeout=30s")
    assert space.names("pvc") == []


def test_delete_force(space: Space) -> None:
    space.kubectl("run", "one", "--image=registry.example/one:1")
    assert "force deleted" in space.kubectl("delete", "pod/one", "--force", "--grace-period=0")
    assert space.names("pods") == []
    assert 'pods "one" not found' in space.kubectl("delete", "pod/one", check=False)
    assert space.kubectl("delete", "pod/one", "--ignore-not-found") == ""


def test_delete_namespace(space: Space) -> None:
    space.cluster.kubectl("create", "namespace", "leaving")
    space.cluster.kubectl("apply", "-n", "leaving", "-f", "-", stdin=SET)
    space.cluster.kubectl("delete", "namespace", "leaving", "--timeout=60s")
    assert "NotFound" in space.cluster.kubectl("get", "namespace", "leaving", check=False)


def test_watch_events(space: Space) -> None:
    """`get -w --output-watch-events` tells ADDED, MODIFIED and DELETED in order."""
    space.kubectl("create", "configmap", "a")
    words = [str(KUBECTL), "-n", space.name, "get", "configmap/a", "-w", "--output-watch-events", "--no-headers"]
    watch = subprocess.Popen(words, stdout=subprocess.PIPE, text=True, env=space.environment())
    assert watch.stdout is not None
    seen = [watch.stdout.readline().split()[0]]
    for doing in (("label", "configmap/a", "x=y"), ("delete", "configmap/a")):
        space.kubectl(*doing)
        seen.append(watch.stdout.readline().split()[0])
    watch.terminate()
    watch.wait()
    assert seen == ["ADDED", "MODIFIED", "DELETED"]
