"""One store of OCI images for every runtime: import, find, unpack, alias. Nothing is written outside its directory.

On disk: `blobs/sha256/<hex>` (checked on the way in), `layers/<hex>` (unpacked, with overlayfs whiteouts) and
`index.json` (full reference to manifest digest). A reference is resolved by one chain: the store; the table of
aliases; the registry; and, where the registry cannot be reached, the table of stand-ins. What stood in is always
told.
"""

import fcntl
import json
import os
import uuid
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from msgspec import Struct

from stead.machinery.late import Late
from stead.machinery.runtime import Mount
from stead.runtimes import logins, references
from stead.runtimes.blobs import BadBlob, Blobs
from stead.runtimes.trees import remove_tree

archives: Any = Late("stead.runtimes.archives")
layers: Any = Late("stead.runtimes.layers")
registry: Any = Late("stead.runtimes.registry")

_LAYER_NAME = 24  # hex digits: short, because all layers' names share one page of mount options
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


class Image(Struct, frozen=True):
    """What of an image a runtime needs. `layers` are directory names below the store's `layers`, topmost first.

    An image without layers is a program of the host over the host's own root; `mounts` are what it brings along.
    """

    identity: str
    entrypoint: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    environment: tuple[tuple[str, str], ...] = ()
    working_directory: str = ""
    user: str = ""
    stop_signal: str = "SIGTERM"
    layers: tuple[str, ...] = ()
    mounts: tuple[Mount, ...] = ()
    size_bytes: int = 0
    manifest: str = ""  # its digest, "" for a program of the host


class ImageTrouble(Exception):
    """An image that cannot be had; `reason` is ErrImagePull, ErrImageNeverPull or InvalidImageName."""

    def __init__(self, message: str, reason: str = "ErrImagePull"):
        super().__init__(message)
        self.reason = reason


class Resolved(NamedTuple):
    """What a reference means: an image, or the name of a `host:` recipe; `alias` is what stood in, "" if nothing."""

    image: Image | str
    alias: str = ""
    is_pulled: bool = False


class Stored(NamedTuple):
    """One line of `stead image list`."""

    reference: str
    digest: str
    size_bytes: int


class Aliases(Struct, frozen=True):
    """`always` stand in before anything is pulled, `unreachable` when pulling fails. Keys may leave out the tag."""

    always: Mapping[str, str]
    unreachable: Mapping[str, str]

    @staticmethod
    def shipped() -> "Aliases":
        table = json.loads(Path(__file__).with_name("aliases.json").read_text())
        return Aliases(table["always"], table["unreachable"])


def _find(table: Mapping[str, str], wanted: references.Reference) -> str:
    return table.get(str(wanted)) or table.get(wanted.name, "")


class ImageStore:
    """`recipes` are the host: images that the runtime beside us can cook."""

    def __init__(self, directory: Path, aliases: Aliases | None = None, *, is_pulling: bool = True):
        self.layers = directory / "layers"
        self._blobs = Blobs(directory / "blobs" / "sha256")
        self._index_path = directory / "index.json"
        self._aliases = aliases or Aliases.shipped()
        self._is_pulling = is_pulling

    # finding

    def resolve(self, text: str) -> Resolved:
        """What runs for this reference, of what is here; raises ImageTrouble."""
        if text.startswith("host:"):
            return Resolved(text)
        wanted = _parsed(text)
        found = self._local(wanted) or self._alias(self._aliases.always, wanted)
        found = found or self._alias(self._aliases.unreachable, wanted)
        if found is None:
            raise ImageTrouble(f'image "{text}" is not here')
        return found

    def pull(self, text: str, policy: str, credentials: Iterable[bytes] = ()) -> Resolved:
        """As `resolve`, but asks the registry before a stand-in, with a pod's `credentials` (Docker's config.json).

        Blocks: call it on a thread. Raises ImageTrouble.
        """
        if text.startswith("host:"):
            return Resolved(text)
        wanted = _parsed(text)
        found = self._local(wanted) or self._alias(self._aliases.always, wanted)
        if found is not None:
            return found
        stand_in = self._alias(self._aliases.unreachable, wanted)
        if policy == "Never":
            if stand_in is not None:
                return stand_in
            message = f'Container image "{text}" is not present with pull policy of Never'
            raise ImageTrouble(message, "ErrImageNeverPull")
        try:
            return self._from_registry(wanted, logins.logins(wanted, credentials))
        except registry.Unreachable as error:
            if stand_in is not None:
                return stand_in
            raise ImageTrouble(f'failed to pull image "{text}": {error}') from error
        except (registry.PullTrouble, BadBlob, layers.BadLayer, OSError) as error:
            raise ImageTrouble(f'failed to pull image "{text}": {error}') from error

    def _from_registry(self, wanted: references.Reference, known: list[str]) -> Resolved:
        if not self._is_pulling:
            raise registry.Unreachable("pulling is turned off")
        with self._adding():
            digest = registry.pull(wanted, self._blobs, architecture(), known)
            self._remember(str(wanted), digest)
            return Resolved(self._image(digest), is_pulled=True)

    def _local(self, wanted: references.Reference) -> Resolved | None:
        digest = self._index().get(str(wanted)) or (wanted.digest if self._blobs.has(wanted.digest) else "")
        if not digest:
            return None
        try:
            return Resolved(self._image(digest))
        except (BadBlob, layers.BadLayer, KeyError, ValueError) as error:
            raise ImageTrouble(f'image "{wanted}" in the store is damaged: {error}') from error

    def _alias(self, table: Mapping[str, str], wanted: references.Reference) -> Resolved | None:
        target = _find(table, wanted)
        if not target:
            return None
        if target.startswith("host:"):
            return Resolved(target, target)
        local = self._local(_parsed(target))
        return None if local is None else Resolved(local.image, target)

    # reading and unpacking

    def _image(self, digest: str) -> Image:
        manifest = self._blobs.json(digest)
        config = self._blobs.json(manifest["config"]["digest"])
        process: dict[str, Any] = config.get("config") or {}
        pairs = [entry.partition("=") for entry in process.get("Env") or ()]
        names = [
            self._unpacked(layer["digest"], diff_id)
            for layer, diff_id in zip(manifest["layers"], config["rootfs"]["diff_ids"], strict=True)
        ]
        return Image(
            identity=manifest["config"]["digest"],
            entrypoint=tuple(process.get("Entrypoint") or ()),
            command=tuple(process.get("Cmd") or ()),
            environment=tuple((name, value) for name, _, value in pairs),
            working_directory=process.get("WorkingDir") or "",
            user=process.get("User") or "",
            stop_signal=process.get("StopSignal") or "SIGTERM",
            layers=tuple(reversed(names)) or (self._empty_layer(),),
            size_bytes=sum(layer["size"] for layer in manifest["layers"]),
            manifest=digest,
        )

    def blob(self, digest: str) -> Path:
        """Where a manifest, a config or a layer lies. Raises BadBlob where it is not here."""
        if not self._blobs.has(digest):
            raise BadBlob(f"{digest[:80]} is not here")
        return self._blobs.path(digest)

    def _unpacked(self, blob: str, diff_id: str) -> str:
        name = diff_id.partition(":")[2][:_LAYER_NAME]
        place = self.layers / name
        if not name.isalnum():
            raise BadBlob(f"strange layer name {diff_id}")
        if not place.is_dir():
            self.layers.mkdir(parents=True, exist_ok=True, mode=0o700)
            partial = self.layers / f"partial-{uuid.uuid4().hex}"
            try:
                layers.unpack(str(self._blobs.path(blob)), diff_id, str(partial))
                os.rename(partial, place)
            except OSError:
                if not place.is_dir():  # else someone else was quicker
                    raise
            finally:
                if partial.is_dir():
                    remove_tree(str(partial))
        return name

    def _empty_layer(self) -> str:
        (self.layers / "empty").mkdir(parents=True, exist_ok=True)
        return "empty"

    # the index

    def _index(self) -> dict[str, str]:
        try:
            index: dict[str, str] = json.loads(self._index_path.read_text())
            return index
        except FileNotFoundError:
            return {}

    @contextmanager
    def _changing(self) -> Iterator[dict[str, str]]:
        """The index to change; one process at a time, and never half written."""
        with self._locked("lock", fcntl.LOCK_EX):
            index = self._index()
            yield index
            fresh = self._index_path.with_suffix(".new")
            fresh.write_text(json.dumps(index, indent=1, sort_keys=True))
            os.replace(fresh, self._index_path)

    @contextmanager
    def _locked(self, name: str, how: int) -> Iterator[None]:
        self._index_path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with open(self._index_path.with_suffix(f".{name}"), "w") as lock:
            fcntl.flock(lock, how)
            yield

    def _adding(self, how: int = fcntl.LOCK_SH) -> AbstractContextManager[None]:
        """Held, together with others, by who adds blobs and layers; alone by who removes those that nobody lists."""
        return self._locked("adding", how)

    def _remember(self, reference: str, digest: str) -> None:
        with self._changing() as index:
            index[reference] = digest

    # for people

    def import_file(self, path: Path, name: str = "") -> list[str]:
        """Take in an OCI layout (directory or tar) or a docker archive; answers the references, `name` if it has none.

        Raises ImageTrouble. Everything is checked and unpacked before anything is listed.
        """
        if not path.exists():
            raise ImageTrouble(f"cannot import {path}: no such file")
        try:
            with self._adding():
                return self._imported(path, name)
        except (OSError, ValueError, KeyError, TypeError, BadBlob, layers.BadLayer) as error:
            raise ImageTrouble(f"cannot import {path}: {error}") from error

    def _imported(self, path: Path, name: str) -> list[str]:
        found = archives.read(path, self._blobs, architecture())
        named = [(str(references.parse(told or name)), digest) for told, digest in found if told or name]
        if not named:
            raise ValueError("it holds no image with a name; give it one")
        for _, digest in named:
            self._image(digest)
        for reference, digest in named:
            self._remember(reference, digest)
        return [reference for reference, _ in named]

    def list(self) -> list[Stored]:
        return [
            Stored(reference, digest, sum(layer["size"] for layer in self._blobs.json(digest)["layers"]))
            for reference, digest in sorted(self._index().items())
        ]

    def identity(self, text: str) -> str:
        """The identity of a listed image, "" where it is not listed. Raises ImageTrouble, BadBlob."""
        digest = self._index().get(str(_parsed(text)))
        return str(self._blobs.json(digest)["config"]["digest"]) if digest else ""

    def remove(self, text: str) -> bool:
        """Forget a reference and what only it needs; whether it was there. Not for images that containers run on."""
        with self._adding(fcntl.LOCK_EX), self._changing() as index:
            is_known = index.pop(str(_parsed(text)), None) is not None
            self._collect(set(index.values()))
        return is_known

    def _collect(self, manifests: set[str]) -> None:
        blobs, names = set(manifests), {"empty"}
        for digest in sorted(manifests):
            manifest = self._blobs.json(digest)
            blobs |= {manifest["config"]["digest"], *(layer["digest"] for layer in manifest["layers"])}
            diff_ids = self._blobs.json(manifest["config"]["digest"])["rootfs"]["diff_ids"]
            names |= {diff_id.partition(":")[2][:_LAYER_NAME] for diff_id in diff_ids}
        self._blobs.keep_only(blobs)
        for place in self.layers.iterdir() if self.layers.is_dir() else ():
            if place.name not in names:
                remove_tree(str(place))


def architecture() -> str:
    """This machine as images name it."""
    return _ARCHITECTURES.get(os.uname().machine, os.uname().machine)


def _parsed(text: str) -> references.Reference:
    try:
        return references.parse(text)
    except ValueError as error:
        raise ImageTrouble(f'Failed to apply default image tag "{text}": {error}', "InvalidImageName") from error
