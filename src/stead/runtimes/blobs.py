"""Content by its digest: what is stored under a name hashes to that name, always."""

import hashlib
import json
import math
import os
import re
import uuid
from collections.abc import Iterable
from pathlib import Path
from typing import Any

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_JSON_BYTES = 8 << 20


class BadBlob(Exception):
    """Content that is missing or not what its digest says."""


class Blobs:
    def __init__(self, directory: Path):
        self._directory = directory

    def path(self, digest: str) -> Path:
        """Raises BadBlob for anything that is not a sha256 digest: a digest is never a way to a file."""
        if not _DIGEST.fullmatch(digest):
            raise BadBlob(f"not a digest: {digest[:80]}")
        return self._directory / digest.partition(":")[2]

    def has(self, digest: str) -> bool:
        return bool(_DIGEST.fullmatch(digest)) and self.path(digest).exists()

    def add(self, chunks: Iterable[bytes], digest: str = "", limit: int | None = None) -> str:
        """Store content, checked against `digest` where one is given; answers its digest. Raises BadBlob."""
        self._directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        partial = self._directory / f"partial-{uuid.uuid4().hex}"
        sha = hashlib.sha256()
        size = 0
        try:
            with open(partial, "wb") as file:
                for chunk in chunks:
                    size += len(chunk)
                    if limit is not None and size > limit:
                        raise BadBlob(f"{digest or 'content'} is longer than it should be")
                    sha.update(chunk)
                    file.write(chunk)
            found = f"sha256:{sha.hexdigest()}"
            if digest and found != digest:
                raise BadBlob(f"content of {digest} hashes to {found}")
            os.replace(partial, self.path(found))
            return found
        finally:
            partial.unlink(missing_ok=True)

    def json(self, digest: str) -> dict[str, Any]:
        """Raises BadBlob where it is missing or no JSON object."""
        try:
            with open(self.path(digest), "rb") as file:
                value = json.loads(file.read(_JSON_BYTES))
        except (OSError, ValueError) as error:
            raise BadBlob(f"{digest} cannot be read: {error}") from error
        if not isinstance(value, dict):
            raise BadBlob(f"{digest} is no JSON object")
        return value

    def keep_only(self, digests: set[str], before: float = math.inf) -> None:
        """Remove all others that came `before`."""
        names = {digest.partition(":")[2] for digest in digests}
        for path in self._directory.iterdir() if self._directory.is_dir() else ():
            if path.name not in names and path.lstat().st_ctime <= before:
                path.unlink()
