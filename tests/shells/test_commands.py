"""The commands, and what they say when something is wrong: a clear message, exit status not 0, nothing half done."""

import io
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

import pytest

from tests.runtimes.ocimaking import Layout, layer
from tests.shells.cluster import EXAMPLE, Cluster, a_cluster, until

pytestmark = [pytest.mark.shell, pytest.mark.anyone]


def stead(*words: str, data: Path) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-m", "stead", *words, "--data", str(data)], capture_output=True, text=True, timeout=60
    )
    return done.returncode, done.stdout + done.stderr


WRONG = {
    "syntax": ("kind: [1", "document 1", "not valid YAML"),
    "unknown kind": (
        "apiVersion: v1\nkind: Nope\nmetadata: {name: a}",
        "document 1",
        "stead does not serve kind Nope of v1",
    ),
    "selector": (
        EXAMPLE.read_text().replace("      app: nginx\n  template:", "      app: other\n  template:"),
        "document 3",
        "spec.template.metadata.labels: Invalid value",
    ),
    "unknown field": (
        EXAMPLE.read_text().replace("replicas: 3", "replcas: 3"),
        "document 3",
        ".spec.replcas: field not declared in schema",
    ),
}


@pytest.mark.parametrize("what", WRONG)
def test_wrong_manifests_are_told_with_file_document_and_field(folder: Path, what: str) -> None:
    text, document, told = WRONG[what]
    (folder / "wrong.yaml").write_text(text)
    status, said = stead(
        "up", "--runtime", "simulated", "--port", "0", "-f", str(folder / "wrong.yaml"), data=folder / "d"
    )
    assert status == 1
    assert "wrong.yaml" in said
    assert document in said
    assert told in said
    assert "created" not in said


def test_a_missing_file_is_told(folder: Path) -> None:
    status, said = stead("up", "-f", str(folder / "no.yaml"), data=folder / "d")
    assert (status, "no.yaml: No such file or directory" in said) == (1, True)
    assert not (folder / "d").exists()


def test_a_taken_port_is_told(folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        status, said = stead("up", "--runtime", "simulated", "--port", str(port), data=folder / "d")
    assert status == 1
    assert f"127.0.0.1:{port} is taken" in said
    assert "--port 0" in said


def test_a_directory_in_use_is_told(folder: Path) -> None:
    with a_cluster(folder, runtime="simulated") as cluster:
        cluster.up()
        status, said = stead("up", "--runtime", "simulated", "--port", "0", data=cluster.data)
    assert status == 1
    assert "stead runs already" in said


def test_a_damaged_store_is_told_and_never_overwritten(folder: Path) -> None:
    data = folder / "d"
    data.mkdir(mode=0o700)
    garbage = os.urandom(20_000)
    (data / "store.db").write_bytes(garbage)
    status, said = stead("up", "--runtime", "simulated", "--port", "0", data=data)
    assert status == 1
    assert "the store was left as it is" in said
    assert (data / "store.db").read_bytes() == garbage


def test_a_missing_class_is_told_with_its_remedy(folder: Path) -> None:
    documents = EXAMPLE.read_text().split("---\n")
    (folder / "web.yaml").write_text("---\n".join([documents[0], documents[2]]))
    with a_cluster(folder, runtime="simulated") as cluster:
        cluster.up(folder / "web.yaml")
        said = cluster.stead("explain", "sts/web")
    assert 'storageclass.storage.k8s.io "my-gfs-storageclass" not found' in said
    assert "create the StorageClass my-gfs-storageclass" in said


def test_detached_it_returns_when_all_is_ready_and_down_stops_it(folder: Path) -> None:
    data = folder / "d"
    cluster = Cluster(data)
    status, said = stead("up", "-d", "--runtime", "simulated", "--port", "0", "-f", str(EXAMPLE), data=data)
    assert status == 0, said
    assert "3/3 Ready" in said
    assert cluster.ready() == ["web-0", "web-1", "web-2"]
    assert "statefulset default/web: 3/3 Ready" in cluster.stead("status")
    assert "stead is down" in cluster.stead("down")
    assert stead("status", data=data)[0] == 1
    (folder / "mine").mkdir()
    assert "no data directory of stead" in stead("down", "--delete", data=folder / "mine")[1]
    assert "is gone" in cluster.stead("down", "--delete") and not data.exists() and (folder / "mine").exists()


def test_doctor_says_what_this_machine_allows(folder: Path) -> None:
    status, said = stead("doctor", data=folder / "d")
    assert status == 0
    assert "namespaces" in said
    assert "port 6443" in said


@pytest.mark.parametrize("command", ["--help", "up --help", "--version"])
def test_help_is_instant_and_imports_nothing(command: str) -> None:
    heavy = ["asyncio", "msgspec", "rich", "yaml"] if command != "up --help" else []
    code = (
        "import sys; from stead.cli.main import main\n"
        f"try: main({command.split()!r})\nexcept SystemExit as e: assert e.code == 0\n"
        f"assert not set({heavy!r}) & set(sys.modules), set({heavy!r}) & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "stead" in done.stdout


@pytest.mark.parametrize(("options", "is_found"), [((), True), (("--dns-denial-ttl", "30"), False)])
def test_a_denial_is_remembered_as_long_as_asked_for(folder: Path, options: tuple[str, ...], is_found: bool) -> None:
    """around.md 3.2.9: who asks too early does not see the pod that comes a moment later."""
    name = "web-0.nginx.default.svc.cluster.local"
    with a_cluster(folder, runtime="simulated") as cluster:
        cluster.up(options=options)
        assert "NXDOMAIN" in cluster.stead("dns", name, check=False)
        cluster.kubectl("apply", "-f", str(EXAMPLE))
        cluster.wait_ready("web-0", "web-1", "web-2")
        assert ("NXDOMAIN" in cluster.stead("dns", name, check=False)) is not is_found
        assert "NXDOMAIN" not in cluster.stead("dns", name.replace("web-0", "web-1"))


@contextmanager
def told_to(folder: Path, out: int) -> Iterator[IO[bytes]]:
    """A stead that speaks to `out`; afterwards it has to take the example, and to stop when asked."""
    cluster = Cluster(folder / "data", runtime="simulated")
    command = [sys.executable, "-m", "stead", "up", "--data", str(cluster.data), "--port", "0"]
    (folder / "stead.out").touch()
    cluster.process = subprocess.Popen([*command, "--runtime", "simulated"], stdout=out, stderr=subprocess.STDOUT)
    try:
        until(lambda: (cluster.data / "running.json").exists(), wish="it is up")
        yield cluster.process.stdout or io.BytesIO()
        cluster.kubectl("apply", "-f", str(EXAMPLE))
        cluster.wait_ready("web-0", "web-1", "web-2")
        cluster.process.send_signal(signal.SIGINT)
        assert cluster.process.wait(30) == 0
    finally:
        cluster.process.kill()
        cluster.process.wait()


def test_who_reads_nothing_holds_nobody_up(folder: Path) -> None:
    """All it says goes into a pipe that is full from the start: the API answers, and it stops when asked."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    with suppress(BlockingIOError):
        while True:
            os.write(writing, bytes(1024))
    os.set_blocking(writing, True)
    try:
        with told_to(folder, writing):
            pass
    finally:
        os.close(reading)
        os.close(writing)


def test_who_stops_reading_ends_nothing(folder: Path) -> None:
    """`stead up | head -1`: the pods go on."""
    with told_to(folder, subprocess.PIPE) as said:
        assert b"stead is up at" in said.readline()
        said.close()


@pytest.mark.parametrize("flag", ["--dns-ttl", "--dns-denial-ttl"])
def test_a_ttl_out_of_bounds_is_told(folder: Path, flag: str) -> None:
    status, said = stead("up", flag, "-1", data=folder / "d")
    assert (status, f"{flag} -1: a number of seconds from 0 to 3600" in said) == (1, True)


def test_thresholds_for_images_that_cannot_be_are_told(folder: Path) -> None:
    status, said = stead("up", "--image-gc-high-threshold", "70", data=folder / "d")
    assert (status, "--image-gc-low-threshold 80: has to be below --image-gc-high-threshold 70" in said) == (1, True)
    status, said = stead("up", "--minimum-image-ttl-duration", "long", data=folder / "d")
    assert (status, "--minimum-image-ttl-duration long: a number of seconds" in said) == (1, True)


def test_a_controller_that_is_not_there_is_told(folder: Path) -> None:
    status, said = stead("up", "--controllers", "statefulset,nope", data=folder / "d")
    assert status == 1
    assert "there is no controller 'nope'" in said


def image_archive(folder: Path) -> Path:
    return Layout([layer({"a": b"1"})], {"Cmd": ["/a"]}).write(folder / "oci", "me/app:1")


def test_images_are_imported_listed_and_removed_without_a_running_stead(folder: Path) -> None:
    archive, data = image_archive(folder), folder / "d"
    assert stead("image", "import", str(archive), data=data) == (0, "imported docker.io/me/app:1\n")
    status, said = stead("image", "list", data=data)
    assert (status, said.splitlines()[1].split()[0]) == (0, "docker.io/me/app:1")
    assert stead("image", "prune", data=data) == (0, "freed 0 B\n")  # imported by hand
    status, said = stead("image", "prune", "--all", data=data)
    assert (status, said.splitlines()[0]) == (0, "removed docker.io/me/app:1")
    assert stead("image", "import", str(archive), data=data)[0] == 0
    assert stead("image", "remove", "me/app:1", data=data) == (0, "removed me/app:1\n")
    assert stead("image", "list", data=data)[1].splitlines()[1:] == []


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("import nowhere.tar", "cannot import nowhere.tar: no such file"),
        (f"import {__file__}", "neither a directory nor a tar"),
        ("remove me/app:1", "there is no image me/app:1"),
        ("remove Me:::", "invalid reference format"),
    ],
)
def test_what_is_wrong_with_an_image_is_told(folder: Path, words: str, told: str) -> None:
    status, said = stead("image", *words.split(), data=folder / "d")
    assert (status, told in said) == (1, True), said
