"""A kopf operator with a kind of its own: it watches, patches, posts events, keeps finalizers."""

import re
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.clients.space import FIXTURES, SET, Space
from tests.shells.cluster import ROOT, Cluster, until

pytestmark = pytest.mark.shell

FOLDER = FIXTURES / "snapshots"
SNAPSHOT = """
apiVersion: tests.stead.dev/v1
kind: Snapshot
metadata: {name: nightly}
spec: {set: db, copies: 2}
"""


@pytest.fixture(scope="module")
def operated(stead: Cluster) -> Iterator[Space]:
    """A namespace in which the operator runs."""
    stead.kubectl("apply", "-f", str(FOLDER / "crd.yaml"))
    stead.kubectl("wait", "--for=condition=Established", "crd/snapshots.tests.stead.dev", "--timeout=20s")
    stead.kubectl("create", "namespace", "operated")
    with tempfile.TemporaryDirectory(prefix="stead-") as folder:
        space = Space(stead, "operated", Path(folder))
        log = Path(folder) / "kopf.log"
        kopf = [str(ROOT / ".tools" / "python" / "bin" / "kopf"), "run", "--standalone", "-n", "operated"]
        with log.open("wb") as told:
            operator = subprocess.Popen(
                [*kopf, str(FOLDER / "operator.py")], stdout=told, stderr=told, env=space.environment()
            )
        until(lambda: "Initial authentication has finished" in log.read_text() or operator.poll(), wish="kopf is up")
        yield space
        operator.terminate()
        assert operator.wait(timeout=20) == 0, log.read_text()[-4000:]


def test_create_update_and_delete(operated: Space) -> None:
    """One life of a custom resource, in this order."""
    operated.apply(SNAPSHOT)
    until(lambda: operated.path("snap", ".items[*].status.taken") == "2", wish="the status is patched")
    assert operated.path("snap/nightly", ".status.take.copies") == "2", "what the handler answered"
    assert operated.path("snap/nightly", ".metadata.finalizers[*]") == "kopf.zalando.org/KopfFinalizerMarker"
    assert operated.path("configmap/nightly", ".data.set") == "db"
    assert operated.path("configmap/nightly", ".metadata.ownerReferences[*].kind") == "Snapshot"
    assert re.search(r"nightly +db +2 +2 *\n", operated.kubectl("get", "snap"))

    operated.kubectl("patch", "snap/nightly", "--type=merge", "-p", '{"spec":{"copies":3}}')
    until(lambda: operated.path("configmap/nightly", ".data.copies") == "3", wish="the update is handled")
    until(lambda: operated.path("snap/nightly", ".status.taken") == "3", wish="the status follows")

    operated.kubectl("delete", "snap/nightly", "--timeout=20s")
    assert "nightly-forgotten" in operated.names("configmaps"), "the handler had the last word"
    until(lambda: "nightly" not in operated.names("configmaps"), wish="the garbage collector takes what it owned")


def test_events(operated: Space) -> None:
    operated.apply(SNAPSHOT.replace("nightly", "told"))
    until(lambda: "2 of db" in operated.kubectl("events", "--for=snapshot/told"), wish="the event is posted")


def test_wrong_resources_are_refused(operated: Space) -> None:
    told = operated.kubectl("apply", "-f", "-", stdin=SNAPSHOT.replace("copies: 2", "copies: 0"), check=False)
    assert "spec.copies: Invalid value: 0: spec.copies in body should be greater than or equal to 1" in told
    told = operated.kubectl("apply", "-f", "-", stdin=SNAPSHOT.replace("copies: 2", "copies: 12"), check=False)
    assert 'spec: Invalid value: "object": 12 copies are too many' in told
    told = operated.kubectl("apply", "-f", "-", stdin=SNAPSHOT.replace("copies: 2", "copis: 2"), check=False)
    assert 'unknown field "spec.copis"' in told


def test_handlers_of_built_in_kinds(operated: Space) -> None:
    wanted = SET.replace(
        "  labels: {app: db}\nspec:\n  serviceName", "  labels: {app: db, snapshots: wanted}\nspec:\n  serviceName"
    )
    operated.apply(wanted)
    until(lambda: operated.path("sts/db", ".metadata.annotations.snapshots") == "followed", wish="the set is followed")
    operated.kubectl("annotate", "pods", "--all", "snapshots=wanted")
    until(lambda: operated.kubectl("get", "pods", "-l", "seen=by-operator", "-o", "name"), wish="pods are seen")


def test_explain_and_columns(operated: Space) -> None:
    assert re.search(r"copies\t<integer>", operated.kubectl("explain", "snapshot.spec"))
    assert operated.kubectl("get", "snap", "-A").split()[:5] == ["NAMESPACE", "NAME", "SET", "COPIES", "TAKEN"]
