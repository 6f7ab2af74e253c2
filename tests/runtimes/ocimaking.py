"""Makes OCI images for tests, also ones that lie."""

import gzip
import hashlib
import io
import json
import os
import re
import shutil
import subprocess
import tarfile
from pathlib import Path
from typing import Any

File = bytes | str | None | tarfile.TarInfo  # content, `-> target`, a directory, or anything at all


def layer(files: dict[str, File]) -> bytes:
    """A tar: bytes are a file, `-> x` a link, None a directory."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, content in files.items():
            entry = content if isinstance(content, tarfile.TarInfo) else tarfile.TarInfo(name)
            data = None
            if content is None:
                entry.type, entry.mode = tarfile.DIRTYPE, 0o755
            elif isinstance(content, str):
                entry.type, entry.linkname = tarfile.SYMTYPE, content.removeprefix("-> ")
            elif isinstance(content, bytes):
                entry.size, entry.mode = len(content), 0o755
                data = io.BytesIO(content)
            tar.addfile(entry, data)
    return buffer.getvalue()


def special(name: str, kind: bytes, link: str = "") -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.type, entry.linkname, entry.mode = kind, link, 0o1777
    return entry


def _digest(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


class Layout:
    """An image in memory: blobs by digest, and the digest of its manifest."""

    def __init__(self, layers: list[bytes], config: dict[str, Any] | None = None, diff_ids: list[str] | None = None):
        self.blobs: dict[str, bytes] = {}
        told = diff_ids or [_digest(raw) for raw in layers]
        packed = [
            self._add(gzip.compress(raw, 1, mtime=0), "application/vnd.oci.image.layer.v1.tar+gzip") for raw in layers
        ]
        body = {
            "architecture": "amd64",
            "os": "linux",
            "config": config or {},
            "rootfs": {"type": "layers", "diff_ids": told},
        }
        self.config = self._add(json.dumps(body).encode(), "application/vnd.oci.image.config.v1+json")
        manifest = {"schemaVersion": 2, "config": self.config, "layers": packed}
        self.manifest = self._add(json.dumps(manifest).encode(), "application/vnd.oci.image.manifest.v1+json")

    def _add(self, data: bytes, media: str) -> dict[str, Any]:
        self.blobs[_digest(data)] = data
        return {"mediaType": media, "digest": _digest(data), "size": len(data)}

    def write(self, place: Path, name: str) -> Path:
        """As an OCI layout directory."""
        (place / "blobs" / "sha256").mkdir(parents=True)
        for digest, data in self.blobs.items():
            (place / "blobs" / "sha256" / digest.partition(":")[2]).write_bytes(data)
        entry = {**self.manifest, "annotations": {"org.opencontainers.image.ref.name": name}}
        (place / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [entry]}))
        (place / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
        return place


def docker_archive(path: Path, layers: list[bytes], config: dict[str, Any], name: str) -> Path:
    body = {"config": config, "rootfs": {"type": "layers", "diff_ids": [_digest(raw) for raw in layers]}}
    files: dict[str, bytes] = {"config.json": json.dumps(body).encode()}
    files |= {f"{number}/layer.tar": raw for number, raw in enumerate(layers)}
    listed = [{"Config": "config.json", "RepoTags": [name], "Layers": [n for n in files if n.endswith(".tar")]}]
    path.write_bytes(layer({**files, "manifest.json": json.dumps(listed).encode()}))
    return path


def host_programs(*names: str) -> dict[str, File]:
    """Programs of this machine and the libraries they need: enough of a root to run them."""
    files: dict[str, File] = {}
    for name in names:
        program = shutil.which(name, path="/usr/bin:/bin")
        assert program is not None
        files[f"bin/{name}"] = Path(program).read_bytes()
        told = subprocess.run(["ldd", program], capture_output=True, text=True, check=True).stdout
        for library in re.findall(r"(/\S+) \(0x", told):
            files[library.lstrip("/")] = Path(os.path.realpath(library)).read_bytes()
    return files
