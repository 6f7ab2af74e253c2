"""helm 4: a chart's whole life: installed, upgraded, rolled back, tested, uninstalled."""

import json
import re

import pytest

from tests.clients.space import FIXTURES, Space

pytestmark = pytest.mark.shell

CHART = str(FIXTURES / "chart")
PATIENT = ("--wait", "--timeout", "40s")
OBJECTS = "statefulset,service,configmap,secret,serviceaccount,role,rolebinding,pdb,backup"


@pytest.fixture
def store(space: Space) -> Space:
    """The release `store`, installed and ready."""
    space.helm("install", "store", CHART, *PATIENT)
    return space


def images(space: Space) -> set[str]:
    return set(space.path("pods", ".items[*].spec.containers[*].image").split())


def history(space: Space) -> list[tuple[int, str]]:
    return [(one["revision"], one["status"]) for one in json.loads(space.helm("history", "store", "-o", "json"))]


def test_install_waits_until_all_is_ready(store: Space) -> None:
    assert store.path("sts/store", ".status.readyReplicas") == "2"
    assert set(store.names(OBJECTS)) == {
        "store",
        "store-before",
        "kube-root-ca.crt",
        "default",
        "sh.helm.release.v1.store.v1",
    }
    assert store.path("backup/store", ".spec.every") == "1h", "a custom resource of the chart's own kind"


def test_install_twice_is_refused(store: Space) -> None:
    assert "cannot reuse a name that is still in use" in store.helm("install", "store", CHART, check=False)


def test_install_client_side(space: Space) -> None:
    """As helm 3 does: created whole, changed by three-way patches."""
    space.helm("install", "store", CHART, "--server-side=false", *PATIENT)
    space.helm("upgrade", "store", CHART, "--server-side=false", "--set", "tag=2", *PATIENT)
    assert images(space) == {"registry.example/store:2"}


def test_install_dry_run(space: Space) -> None:
    assert "kind: StatefulSet" in space.helm("install", "store", CHART, "--dry-run=server")
    assert space.names("sts") == []


def test_list_status_and_get(store: Space) -> None:
    listed = json.loads(store.helm("list", "-o", "json"))
    assert [(one["name"], one["status"], one["revision"]) for one in listed] == [("store", "deployed", "1")]
    told = store.helm("status", "store")
    assert "store has 2 replicas." in told
    assert re.search(r"==> v1/StatefulSet\nNAME +READY +AGE\nstore +2/2", told)
    assert "image: registry.example/store:1" in store.helm("get", "manifest", "store")
    assert "replicas: 2" in store.helm("get", "values", "store", "--all")
    assert "helm.sh/hook" in store.helm("get", "hooks", "store")


def test_upgrade(store: Space) -> None:
    store.helm("upgrade", "store", CHART, "--set", "replicas=3,tag=2,settings.mode=loud", *PATIENT)
    assert store.path("sts/store", ".status.readyReplicas") == "3"
    assert images(store) == {"registry.example/store:2"}
    assert store.path("configmap/store", ".data.mode") == "loud"
    assert store.path("configmap/store-before", ".data.revision") == "2", "the hook before the upgrade ran"
    assert history(store) == [(1, "superseded"), (2, "deployed")]


def test_upgrade_install(space: Space) -> None:
    space.helm("upgrade", "--install", "store", CHART, *PATIENT)
    space.helm("upgrade", "--install", "store", CHART, "--reuse-values", "--set", "tag=3", *PATIENT)
    assert images(space) == {"registry.example/store:3"}


def test_upgrade_meets_another_manager(store: Space) -> None:
    """Server-side apply: what somebody else owns is a conflict."""
    store.kubectl("scale", "sts/store", "--replicas=1")
    told = store.helm("upgrade", "store", CHART, "--set", "replicas=3", check=False)
    assert 'conflict with "kubectl"' in told
    assert ".spec.replicas" in told
    store.helm("upgrade", "store", CHART, "--set", "replicas=3", "--force-conflicts", *PATIENT)
    assert store.path("sts/store", ".spec.replicas") == "3"


def test_upgrade_that_fails_goes_back(store: Space) -> None:
    told = store.helm(
        "upgrade", "store", CHART, "--set", "replicas=-1", "--rollback-on-failure", "--timeout=40s", check=False
    )
    assert "spec.replicas: Invalid value: -1" in told
    assert history(store)[-1][1] == "deployed"
    assert store.path("sts/store", ".spec.replicas") == "2"


def test_rollback(store: Space) -> None:
    store.helm("upgrade", "store", CHART, "--set", "replicas=3,tag=2", *PATIENT)
    assert "Rollback was a success" in store.helm("rollback", "store", "1", *PATIENT)
    assert store.path("sts/store", ".spec.replicas") == "2"
    assert images(store) == {"registry.example/store:1"}
    assert history(store) == [(1, "superseded"), (2, "superseded"), (3, "deployed")]


def test_hooks_of_tests(store: Space) -> None:
    assert re.search(r"Phase: +Succeeded", store.helm("test", "store", "--timeout=20s"))
    store.helm("upgrade", "store", CHART, "--set", "testEndsWith=1", *PATIENT)
    told = store.helm("test", "store", "--timeout=20s", check=False)
    assert "pod store-test failed" in told or re.search(r"Phase: +Failed", told)


@pytest.mark.parametrize("options, left", [((), []), (("--keep-history",), ["uninstalled"])], ids=["", "keep-history"])
def test_uninstall(store: Space, options: tuple[str, ...], left: list[str]) -> None:
    store.helm("uninstall", "store", *options, *PATIENT)
    assert store.names("statefulset,service,serviceaccount,role,rolebinding,pdb,backup") == ["default"]
    assert store.names("pods") == []
    assert store.names("pvc") == ["data-store-0", "data-store-1"]
    listed = json.loads(store.helm("list", "--uninstalled", "-o", "json"))
    assert [one["status"] for one in listed] == left
