"""Image archives: OCI layouts (a directory or a tar of one) and what `docker save` writes."""

import json
import tarfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Protocol

from stead.runtimes.blobs import BadBlob, Blobs

INDEXES = ("application/vnd.oci.image.index.v1+json", "application/vnd.docker.distribution.manifest.list.v2+json")
_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_CONFIG = "application/vnd.oci.image.config.v1+json"
_LAYER = "application/vnd.oci.image.layer.v1.tar"
_NAMES = ("io.containerd.image.name", "org.opencontainers.image.ref.name")
_CHUNK = 1 << 20
_JSON_BYTES = 8 << 20

Found = list[tuple[str, str]]


class Source(Protocol):
    """Files by name: a directory's or a tar's."""

    def open(self, name: str) -> IO[bytes] | None: ...


class _Directory:
    def __init__(self, root: Path):
        self._root = root.resolve()

    def open(self, name: str) -> IO[bytes] | None:
        path = (self._root / name).resolve()
        if not path.is_relative_to(self._root) or not path.is_file():
            return None
        return path.open("rb")


class _Tar:
    def __init__(self, tar: tarfile.TarFile):
        self._tar = tar
        self._members = {member.name.removeprefix("./"): member for member in tar.getmembers()}

    def open(self, name: str) -> IO[bytes] | None:
        member = self._members.get(name)
        return None if member is None else self._tar.extractfile(member)


@contextmanager
def _opened(path: Path) -> Iterator[Source]:
    if path.is_dir():
        yield _Directory(path)
        return
    try:
        with tarfile.open(path) as tar:
            yield _Tar(tar)
    except tarfile.TarError as error:
        raise ValueError("not an image archive: neither a directory nor a tar") from error


def read(path: Path, blobs: Blobs, architecture: str) -> Found:
    """Copy an archive's images into `blobs`; answers (name or "", manifest digest).

    Raises OSError, ValueError, BadBlob.
    """
    try:
        with _opened(path) as source:
            if source.open("index.json") is not None:
                return _layout(source, blobs, architecture)
            if source.open("manifest.json") is not None:
                return _docker(source, blobs)
    except (EOFError, zlib.error, tarfile.TarError, AttributeError, RecursionError) as error:
        raise ValueError(f"the archive is damaged: {error}") from error
    raise ValueError("neither an OCI layout (index.json) nor a docker archive (manifest.json)")


def _chunks(file: IO[bytes]) -> Iterator[bytes]:
    with file:
        while chunk := file.read(_CHUNK):
            yield chunk


def _load(source: Source, name: str) -> Any:
    file = source.open(name)
    if file is None:
        raise ValueError(f"{name} is missing")
    with file:
        return json.loads(file.read(_JSON_BYTES))


def _layout(source: Source, blobs: Blobs, architecture: str) -> Found:
    found = []
    for entry in _load(source, "index.json")["manifests"]:
        notes = entry.get("annotations") or {}
        name = next((notes[key] for key in _NAMES if notes.get(key)), "")
        found.append((name, _take_manifest(source, blobs, entry, architecture)))
    return found


def _take_manifest(source: Source, blobs: Blobs, entry: dict[str, Any], architecture: str) -> str:
    digest = _take(source, blobs, entry["digest"])
    manifest = blobs.json(digest)
    if "manifests" in manifest:
        return _take_manifest(source, blobs, choose(manifest["manifests"], architecture), architecture)
    for part in (manifest["config"], *manifest["layers"]):
        _take(source, blobs, part["digest"])
    return digest


def _take(source: Source, blobs: Blobs, digest: str) -> str:
    file = source.open(f"blobs/{digest.replace(':', '/')}")
    if file is None:
        raise BadBlob(f"{digest} is missing")
    return blobs.add(_chunks(file), digest)


def choose(entries: list[dict[str, Any]], architecture: str) -> dict[str, Any]:
    """The manifest for Linux on this machine; raises ValueError where there is none."""
    for entry in entries:
        platform = entry.get("platform") or {}
        if (platform.get("os"), platform.get("architecture")) == ("linux", architecture):
            return entry
    raise ValueError(f"no manifest for linux/{architecture}")


def _docker(source: Source, blobs: Blobs) -> Found:
    found: Found = []
    for entry in _load(source, "manifest.json"):
        config = _store(source, blobs, entry["Config"], _CONFIG)
        layers = [_store(source, blobs, name, _LAYER) for name in entry["Layers"]]
        manifest = {"schemaVersion": 2, "mediaType": _MANIFEST, "config": config, "layers": layers}
        digest = blobs.add([json.dumps(manifest).encode()])
        found += [(name, digest) for name in entry.get("RepoTags") or [""]]
    return found


def _store(source: Source, blobs: Blobs, name: str, media: str) -> dict[str, Any]:
    file = source.open(name)
    if file is None:
        raise BadBlob(f"{name} is missing")
    digest = blobs.add(_chunks(file))
    return {"mediaType": media, "digest": digest, "size": blobs.path(digest).stat().st_size}
