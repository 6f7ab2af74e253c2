"""`stead backup` while stead runs and while it rests, `stead restore`, and what a damaged store leads to."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from stead.runtimes.trees import remove_tree
from tests.shells.cluster import EXAMPLE, Cluster, a_cluster

pytestmark = [pytest.mark.shell, pytest.mark.anyone]


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    with (
        tempfile.TemporaryDirectory(prefix="stead-", ignore_cleanup_errors=True) as name,
        a_cluster(Path(name), runtime="simulated") as made,
    ):
        yield made


def names(cluster: Cluster) -> list[str]:
    found = [item["metadata"]["name"] for item in cluster.get("configmaps")["items"]]
    return [name for name in found if name != "kube-root-ca.crt"]


def test_a_copy_is_taken_while_stead_runs_and_put_back(cluster: Cluster) -> None:
    copy = cluster.data.parent / "copy.db"
    cluster.up()
    cluster.kubectl("create", "configmap", "before", "--from-literal=a=b")
    revision = int(cluster.get("configmap", "before")["metadata"]["resourceVersion"])
    assert "stead restore" in cluster.stead("backup", str(copy))
    assert copy.stat().st_mode & 0o777 == 0o600
    cluster.kubectl("create", "configmap", "after", "--from-literal=a=b")
    assert names(cluster) == ["after", "before"]
    assert "stead down first" in cluster.stead("restore", str(copy), check=False)
    cluster.crash()
    said = cluster.stead("restore", str(copy))
    assert "before-restore-1" in said
    cluster.up()
    assert names(cluster) == ["before"]
    cluster.kubectl("create", "configmap", "new", "--from-literal=a=b")
    assert int(cluster.get("configmap", "new")["metadata"]["resourceVersion"]) > revision + 1000
    told = cluster.kubectl("get", "--raw", f"/api/v1/configmaps?watch=1&resourceVersion={revision}", check=False)
    assert "too old resource version" in told


def test_a_copy_is_taken_of_a_stead_at_rest(cluster: Cluster) -> None:
    copy = cluster.data.parent / "copy.db"
    assert "there is no store" in cluster.stead("backup", str(copy), check=False)
    cluster.up()
    cluster.kubectl("create", "configmap", "kept", "--from-literal=a=b")
    cluster.crash()
    cluster.stead("backup", str(copy))
    other = Cluster(cluster.data.parent / "other", runtime="simulated")
    other.stead("restore", str(copy))
    other.up()
    assert names(other) == ["kept"]
    other.down()


def test_a_damaged_store_is_told_by_up_and_doctor_and_a_copy_is_the_way_out(cluster: Cluster) -> None:
    copy, store = cluster.data.parent / "copy.db", cluster.data / "store.db"
    cluster.up()
    cluster.kubectl("create", "configmap", "kept", "--from-literal=a=b")
    cluster.stead("backup", str(copy))
    cluster.down()
    data = bytearray(store.read_bytes())
    place = data.index(b'"name":"kept"') + 8
    data[place : place + 4] = b"lost"
    store.write_bytes(bytes(data))
    said = cluster.stead("up", "--port", "0", "--runtime", "simulated", check=False)
    assert "ConfigMap default/kept" in said
    assert "not as it was written" in said
    assert "stead restore FILE" in said
    assert store.read_bytes() == bytes(data)
    doctor = " ".join(cluster.stead("doctor").split())
    assert "were written" in doctor  # the table may break the line before
    assert "stead restore" in doctor
    cluster.stead("restore", str(copy))
    cluster.up()
    assert names(cluster) == ["kept"]


def test_nothing_that_is_no_copy_is_put_back(cluster: Cluster) -> None:
    wrong = cluster.data.parent / "wrong.db"
    wrong.write_text("no database at all" * 1000)
    assert "file is not a database" in cluster.stead("restore", str(wrong), check=False)
    assert "No such file" in cluster.stead("restore", str(cluster.data.parent / "none"), check=False)
    assert not (cluster.data / "store.db").exists()


def test_volumes_come_back_after_the_data_directory_is_lost() -> None:
    """Real pods, whose bytes are copied while they run; then everything is gone."""
    with (
        tempfile.TemporaryDirectory(prefix="stead-", ignore_cleanup_errors=True) as name,
        a_cluster(Path(name)) as cluster,
    ):
        objects, volumes = str(cluster.data.parent / "o.db"), str(cluster.data.parent / "v.tar")
        cluster.up(EXAMPLE)
        cluster.wait_ready("web-0", "web-1", "web-2")
        for pod in cluster.ready():
            cluster.write_page(pod, f"bytes-of-{pod}")
        said = cluster.stead("backup", objects, "--volumes", volumes)
        assert "3 volumes (3 files" in said
        assert "3 pods ran meanwhile: stead down first" in said
        assert Path(volumes).stat().st_mode & 0o777 == 0o600
        cluster.write_page("web-1", "later")
        cluster.crash()
        again = ("restore", objects, "--volumes", volumes)
        assert "still run" in cluster.stead(*again, check=False), "they would go on in what is moved aside"
        cluster.up().down()
        said = cluster.stead(*again)
        assert f"what was there is in {cluster.data}/volumes.before-restore-1" in said
        remove_tree(str(cluster.data))
        assert "3 volumes are in" in cluster.stead(*again)
        cluster.up()
        cluster.wait_ready("web-0", "web-1", "web-2")
        assert [cluster.page(pod) for pod in cluster.ready()] == [f"bytes-of-web-{n}" for n in range(3)]
        other = Cluster(cluster.data.parent / "other")
        said = other.stead(*again)
        assert "3 volumes lie in another data directory" in said


def test_what_is_no_archive_of_volumes_changes_nothing(cluster: Cluster) -> None:
    objects, wrong = str(cluster.data.parent / "o.db"), cluster.data.parent / "wrong.tar"
    cluster.up()
    cluster.stead("backup", objects)
    cluster.down()
    before = (cluster.data / "store.db").read_bytes()
    wrong.write_bytes(b"no tar" * 1000)
    assert "it cannot be read" in cluster.stead("restore", objects, "--volumes", str(wrong), check=False)
    assert "No such file" in cluster.stead("restore", objects, "--volumes", "/none.tar", check=False)
    assert (cluster.data / "store.db").read_bytes() == before
    assert not list(cluster.data.glob("*restor*"))
