"""The images of a running stead: every five minutes what nobody needs goes, where the disk is too full.

The rule is `runtimes.imagegc`; here are the clock, the disk, and who needs what.
"""

import asyncio
import logging
import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from stead.controllers.kubelet.observed import containers_of
from stead.machinery.objects import Json, dig
from stead.runtimes import imagegc
from stead.runtimes.blobs import BadBlob
from stead.runtimes.images import Image, ImageStore, ImageTrouble

log = logging.getLogger(__name__)

PASS_SECONDS = 300.0
_LISTS = ("initContainerStatuses", "containerStatuses", "ephemeralContainerStatuses")
_ENDED = ("Succeeded", "Failed")


class ImageCare:
    """`pods` answers all pods of the cluster, `complain` tells an event of the node that keeps the images."""

    def __init__(
        self,
        directory: Path,
        limits: imagegc.Limits,
        pods: Callable[[], Iterable[Json]],
        complain: Callable[[str, str], None],
    ) -> None:
        self._store = ImageStore(directory)
        self._directory = directory
        self._limits = limits
        self._pods = pods
        self._complain = complain

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await asyncio.sleep(PASS_SECONDS)
            try:
                capacity, available = await asyncio.to_thread(self._disk)
            except OSError as error:
                log.warning("the disk of the images cannot be looked at: %s", error)
                continue
            await self.look(capacity, available)

    async def look(self, capacity: int, available: int) -> None:
        """One pass over a disk of this capacity, of which so much is available."""
        pods = [pod for pod in self._pods() if dig(pod, "status", "phase") not in _ENDED]
        identities = {identity for pod in pods for identity in _identities(pod)}
        names = {str(container.get("image", "")) for pod in pods for container in containers_of(pod)}
        wanted = imagegc.bytes_to_free(capacity, available, self._limits)
        try:
            gone = await asyncio.to_thread(self._collected, identities, names, wanted)
        except BlockingIOError:
            return  # somebody pulls or imports: the next pass will do
        except (BadBlob, OSError, ValueError, KeyError) as error:
            log.warning("images cannot be collected: %s", error)
            self._complain("ImageGCFailed", f"images cannot be collected: {error}")
            return
        freed = sum(image.size_bytes for image in gone)
        for image in gone:
            log.info("removed the image %s (%d bytes): nobody used it", ", ".join(image.references), image.size_bytes)
        if freed < wanted:
            told = f"Failed to garbage collect required amount of images. Attempted to free {wanted} bytes, but only"
            self._complain("FreeDiskSpaceFailed", f"{told} found {freed} bytes eligible to free.")

    def _collected(self, identities: set[str], names: set[str], wanted: int) -> list[imagegc.Held]:
        in_use = identities | {digest for name in names for digest in self._meant(name)}
        return list(self._store.collect(in_use, wanted, self._limits.minimum_age_seconds))

    def _meant(self, name: str) -> Iterator[str]:
        try:
            found = self._store.resolve(name).image
        except ImageTrouble:
            return
        if isinstance(found, Image):
            yield found.manifest

    def _disk(self) -> tuple[int, int]:
        os.makedirs(self._directory, mode=0o700, exist_ok=True)
        usage = shutil.disk_usage(self._directory)
        return usage.total, usage.free


def _identities(pod: Json) -> Iterator[str]:
    for field in _LISTS:
        for status in dig(pod, "status", field, default=[]):
            yield str(status.get("imageID", "")).rpartition("@")[2]
