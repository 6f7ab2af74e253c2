"""The examples with the images that tools/images has built, and a registry of the same images."""

import http.server
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.shells.cluster import ROOT, Cluster

EXAMPLES = ROOT / "examples"
IMAGES = ROOT / ".tools" / "images"
BLOB_TYPES = {"config": "application/octet-stream", "manifest": "application/vnd.oci.image.manifest.v1+json"}


def layout(name: str) -> Path:
    """The OCI layout of a program."""
    place = IMAGES / name
    assert place.is_dir(), f"{place} is missing: run tools/images {name}"
    return place


def reference(name: str) -> str:
    """What the image is called, by the version that this Debian has: `quay.io/coreos/etcd:v3.4.23`."""
    index = json.loads((layout(name) / "index.json").read_text())
    return str(index["manifests"][0]["annotations"]["org.opencontainers.image.ref.name"])


def example(name: str, folder: Path) -> Path:
    """An example with the version of its program that was built here."""
    text = (EXAMPLES / f"{name}.yaml").read_text()
    repository, _, tag = reference(name).removeprefix("docker.io/library/").rpartition(":")
    written = folder / f"{name}.yaml"
    written.write_text(re.sub(rf"image: {re.escape(repository)}:\S+", f"image: {repository}:{tag}", text))
    return written


def run_example(cluster: Cluster, name: str) -> Cluster:
    """Import the image, then start the example and wait until all its pods are Ready."""
    cluster.stead("image", "import", str(layout(name)))
    return cluster.up(example(name, cluster.data.parent))


class _Registry(http.server.BaseHTTPRequestHandler):
    """Every program at `<host>/<name>:1`, read-only, straight from the layouts."""

    def do_GET(self) -> None:
        match = re.fullmatch(r"/v2/(\w+)/(manifests|blobs)/(\S+)", self.path)
        found = self._file(*match.groups()) if match else None
        if found is None or not found.is_file():
            self.send_error(404)
            return
        content = found.read_bytes()
        self.send_response(200)
        self.send_header("Content-Type", BLOB_TYPES["manifest" if "/manifests/" in self.path else "config"])
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _file(self, name: str, kind: str, which: str) -> Path | None:
        if kind == "manifests" and which == "1":
            which = digest(name)
        return layout(name) / "blobs" / which.replace(":", "/") if which.startswith("sha256:") else None

    def log_message(self, format: str, *values: object) -> None:
        return


def digest(name: str) -> str:
    """Of the image's manifest."""
    return str(json.loads((layout(name) / "index.json").read_text())["manifests"][0]["digest"])


@contextmanager
def a_registry() -> Iterator[str]:
    """`127.0.0.1:<port>`, for as long as the block lasts."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Registry)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()
