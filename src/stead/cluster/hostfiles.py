"""Names for processes of the plain tier: a hosts file for each namespace, kept as the cluster's names change.

The library nss_wrapper reads them, where it is installed; it looks at a file's time in whole seconds.
"""

import logging
import os
import time
from pathlib import Path

from stead.cluster import notes
from stead.dns import hosts
from stead.dns.names import NameIndex

log = logging.getLogger(__name__)


class HostFiles:
    """`look` after every step of the kernel."""

    def __init__(self, index: NameIndex, directory: Path, zone: str) -> None:
        self._index = index
        self._directory = directory
        self._zone = zone
        self._seen = -1
        self._stamp = 0
        directory.mkdir(mode=0o700, exist_ok=True)

    def look(self, *_: object) -> None:
        if self._seen == self._index.generation:
            return
        self._seen = self._index.generation
        self._stamp = max(self._stamp + 1, int(time.time()))
        try:
            for namespace in self._index.namespaces():
                self._keep(self._directory / namespace, hosts.written(self._index, namespace, self._zone).encode())
        except OSError as error:
            log.warning("names of the cluster cannot be written for plain processes: %s", error)

    def _keep(self, path: Path, data: bytes) -> None:
        if not path.is_file() or path.read_bytes() != data:
            notes.write(path, data)
            os.utime(path, (self._stamp, self._stamp))
