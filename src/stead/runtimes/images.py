"""One store of OCI images for every runtime: import, find, unpack, alias. Nothing is written outside its directory.

On disk: `blobs/sha256/<hex>` (checked on the way in), `layers/<hex>` (unpacked, with overlayfs whiteouts;
`layers-<user>-<group>` where files have owners of those that are lent to an ordinary user) and
`index.json` (full reference to manifest digest), `pulled.json` (which of them came from a registry). A reference is
resolved by one chain: the store; the table of aliases; the registry; and, where the registry cannot be reached, the
table of stand-ins. What stood in is always told.
"""

import fcntl
import json
import math
import os
import time
import uuid
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from msgspec import Struct

from stead.machinery.late import Late
from stead.machinery.runtime import Mount
from stead.runtimes import lending, logins, references
from stead.runtimes.blobs import BadBlob, Blobs
from stead.runtimes.imagegc import Held, chosen
from stead.runtimes.native.subordinates import Lent
from stead.runtimes.shelf import Shelf
from stead.runtimes.trees import disk_usage, remove_tree

archives: Any = Late("stead.runtimes.archives")
layers: Any = Late("stead.runtimes.layers")
registry: Any = Late("stead.runtimes.registry")

_LAYER_NAME = 24  # hex digits: short, because all layers' names share one page of mount options
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


def _untold() -> None:
    """Nobody wants to know when a pull begins."""


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
    """Everything lies below `directory`; `clock` tells when images came and were wanted."""

    def __init__(
        self,
        directory: Path,
        aliases: Aliases | None = None,
        *,
        is_pulling: bool = True,
        clock: Callable[[], float] = time.time,
    ):
        self.layers = directory / "layers"
        self._has_owners = False
        self._blobs = Blobs(directory / "blobs" / "sha256")
        self._aliases = aliases or Aliases.shipped()
        self._is_pulling = is_pulling
        self._shelf = Shelf(directory, clock)
        self._clock = clock

    def give_owners(self, lent: Lent | None) -> None:
        """Unpack layers with the users they name, of those that are lent to us: in a directory of their own."""
        self._has_owners = lent is not None
        name = f"layers-{lent.users.first}-{lent.groups.first}" if lent else "layers"
        self.layers = self.layers.with_name(name)

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

    def pull(
        self, text: str, policy: str, credentials: Iterable[bytes] = (), *, begins: Callable[[], object] = _untold
    ) -> Resolved:
        """As `resolve`, but asks the registry before a stand-in, with a pod's `credentials` (Docker's config.json).

        With the policy Always it asks for a tag that was pulled before, too: it may mean another image by now.
        `begins` is called before a registry is asked. Blocks: call it on a thread. Raises ImageTrouble.
        """
        if text.startswith("host:"):
            return Resolved(text)
        wanted = _parsed(text)
        here = self._local(wanted)
        if here is not None and not (policy == "Always" and self._is_asked_again(wanted)):
            self._shelf.note_use(str(wanted))
            return here
        found = self._alias(self._aliases.always, wanted) if here is None else None
        if found is not None:
            return found
        stand_in = self._alias(self._aliases.unreachable, wanted) if here is None else None
        if policy == "Never":
            if stand_in is not None:
                return stand_in
            message = f'Container image "{text}" is not present with pull policy of Never'
            raise ImageTrouble(message, "ErrImageNeverPull")
        begins()
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
        with self._shelf.adding():
            digest = registry.pull(wanted, self._blobs, architecture(), known)
            image = self._image(digest)
            self._shelf.remember(str(wanted), digest, is_pulled=True)
            return Resolved(image, is_pulled=True)

    def _is_asked_again(self, wanted: references.Reference) -> bool:
        """Not for what was imported by hand, which no registry need know, nor by digest, which means one image."""
        return not wanted.digest and str(wanted) in self._shelf.records()

    def _local(self, wanted: references.Reference) -> Resolved | None:
        digest = self._shelf.index().get(str(wanted)) or (wanted.digest if self._blobs.has(wanted.digest) else "")
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
                self._unpack(str(self._blobs.path(blob)), diff_id, str(partial))
                os.rename(partial, place)
            except OSError:
                if not place.is_dir():  # else someone else was quicker
                    raise
            finally:
                if partial.is_dir():
                    remove_tree(str(partial))
        return name

    def _unpack(self, blob: str, diff_id: str, place: str) -> None:
        """Raises BadLayer or OSError."""
        if not self._has_owners:
            layers.unpack(blob, diff_id, place)
            return
        try:
            lending.ask("unpack", blob, diff_id, place)
        except lending.DeedFailed as failed:
            raise layers.BadLayer(str(failed)) from failed

    def _empty_layer(self) -> str:
        (self.layers / "empty").mkdir(parents=True, exist_ok=True)
        return "empty"

    # for people

    def import_file(self, path: Path, name: str = "") -> list[str]:
        """Take in an OCI layout (directory or tar) or a docker archive; answers the references, `name` if it has none.

        Raises ImageTrouble. Everything is checked and unpacked before anything is listed.
        """
        if not path.exists():
            raise ImageTrouble(f"cannot import {path}: no such file")
        try:
            with self._shelf.adding():
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
            self._shelf.remember(reference, digest)
        return [reference for reference, _ in named]

    def list(self) -> list[Stored]:
        return [
            Stored(reference, digest, sum(layer["size"] for layer in self._blobs.json(digest)["layers"]))
            for reference, digest in sorted(self._shelf.index().items())
        ]

    def identity(self, text: str) -> str:
        """The identity of a listed image, "" where it is not listed. Raises ImageTrouble, BadBlob."""
        digest = self._shelf.index().get(str(_parsed(text)))
        return str(self._blobs.json(digest)["config"]["digest"]) if digest else ""

    def remove(self, text: str) -> bool:
        """Forget a reference and what only it needs; whether it was there. Not for images that containers run on."""
        with self._shelf.adding(fcntl.LOCK_EX), self._shelf.changing() as index:
            is_known = index.pop(str(_parsed(text)), None) is not None
            self._shelf.forget(index)
            self._sweep(set(index.values()))
        return is_known

    # making room

    def collect(
        self, in_use: Collection[str], wanted_bytes: float, minimum_age_seconds: float, *, is_all: bool = False
    ) -> Sequence[Held]:
        """Remove what nobody uses until `wanted_bytes` are free, and what interrupted pulls left; answers the images.

        in_use:  manifests' digests or identities of the images that pods have; they stay, whatever is wanted
        is_all:  images that were imported by hand may go too

        Raises BlockingIOError while somebody pulls or imports, BadBlob or OSError for a store that is damaged.
        """
        now = self._clock()
        with self._shelf.adding(fcntl.LOCK_EX | fcntl.LOCK_NB), self._shelf.changing() as index:
            held = self._held(index, in_use, now, is_all)
            going = chosen(held, wanted_bytes, now, minimum_age_seconds)
            for image in going:
                for reference in image.references:
                    del index[reference]
            self._shelf.forget(index, {name for image in held if image.used == now for name in image.references})
            self._sweep(set(index.values()), now - minimum_age_seconds)
        return going

    def _held(self, index: dict[str, str], in_use: Collection[str], now: float, is_all: bool) -> Sequence[Held]:
        records, found = self._shelf.records(), []
        for digest in sorted(set(index.values())):
            names = tuple(sorted(name for name, listed in index.items() if listed == digest))
            known = [records[name] for name in names if name in records]
            blobs, layer_names = self._parts(digest)
            is_used = digest in in_use or self._blobs.json(digest)["config"]["digest"] in in_use
            held = Held(
                digest,
                names,
                disk_usage(*(str(place / name) for place in self._layer_directories() for name in layer_names))
                + sum(self._blobs.path(blob).stat().st_size for blob in blobs if self._blobs.has(blob)),
                max((record.since for record in known), default=0.0),
                now if is_used else max((record.used for record in known), default=0.0),
                is_used or (len(known) < len(names) and not is_all),
            )
            found.append(held)
        return found

    def _layer_directories(self) -> Sequence[Path]:
        """With owners and without: what is lent to a user may change."""
        return sorted(self.layers.parent.glob("layers*"))

    def _parts(self, digest: str) -> tuple[set[str], set[str]]:
        """The blobs and the unpacked layers of a manifest."""
        manifest = self._blobs.json(digest)
        blobs = {digest, manifest["config"]["digest"], *(layer["digest"] for layer in manifest["layers"])}
        diff_ids = self._blobs.json(manifest["config"]["digest"])["rootfs"]["diff_ids"]
        return blobs, {diff_id.partition(":")[2][:_LAYER_NAME] for diff_id in diff_ids}

    def _sweep(self, manifests: set[str], before: float = math.inf) -> None:
        """Remove the blobs and layers that came `before` and that no manifest needs."""
        blobs, names = set(manifests), {"empty"}
        for digest in sorted(manifests):
            more_blobs, more_names = self._parts(digest)
            blobs |= more_blobs
            names |= more_names
        self._blobs.keep_only(blobs, before)
        for place in (place for directory in self._layer_directories() for place in directory.iterdir()):
            if place.name not in names and place.lstat().st_ctime <= before:
                remove_tree(str(place))


def architecture() -> str:
    """This machine as images name it."""
    return _ARCHITECTURES.get(os.uname().machine, os.uname().machine)


def _parsed(text: str) -> references.Reference:
    try:
        return references.parse(text)
    except ValueError as error:
        raise ImageTrouble(f'Failed to apply default image tag "{text}": {error}', "InvalidImageName") from error
