"""Pulling an image from a registry: the distribution protocol's few requests, each with its time limit.

Blocks; runs on a thread. Registries on loopback are spoken to in plain HTTP, others over TLS.
"""

import json
import re
import socket
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterable, Iterator
from typing import Any

from stead.runtimes import archives
from stead.runtimes.blobs import Blobs
from stead.runtimes.references import Reference

_SECONDS = 10
_CHUNK = 1 << 18
_DOCKER_HOST = "registry-1.docker.io"
_MANIFESTS = (
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
    *archives.INDEXES,
)
_CHALLENGE = re.compile(r'(\w+)="([^"]*)"')
_JSON_BYTES = 8 << 20
_GONE = (500, 502, 503, 504)


class PullTrouble(Exception):
    """The registry does not give this image; the message says why."""


class Unreachable(PullTrouble):
    """The registry cannot be reached."""


class Denied(PullTrouble):
    """Not to us, as whom we came."""


class _Registry:
    """One image's home, and what it asked us to show. `login` is `user:password` in base64, "" is nobody."""

    def __init__(self, wanted: Reference, login: str):
        self._login = login
        host = _DOCKER_HOST if wanted.registry == "docker.io" else wanted.registry
        name = host.partition(":")[0]
        scheme = "http" if name == "localhost" or name.startswith("127.") else "https"
        self._base = f"{scheme}://{host}/v2/{wanted.repository}"
        self._shown = ""

    def get(self, path: str, accept: str = "*/*") -> Any:
        """An open answer; a challenge is met once. Raises PullTrouble."""
        try:
            return self._open(path, accept)
        except urllib.error.HTTPError as error:
            challenge = error.headers.get("WWW-Authenticate", "")
            if error.code != 401 or self._shown:
                raise _refused(error) from error
            self._shown = self._answer(challenge)
            if not self._shown:
                raise _refused(error) from error
        try:
            return self._open(path, accept)
        except urllib.error.HTTPError as error:
            raise _refused(error) from error

    def _answer(self, challenge: str) -> str:
        """What meets a challenge, "" for one that we cannot meet."""
        if challenge.lower().startswith("bearer"):
            return f"Bearer {_token(challenge, self._login)}"
        return f"Basic {self._login}" if self._login and challenge.lower().startswith("basic") else ""

    def _open(self, path: str, accept: str) -> Any:
        request = urllib.request.Request(f"{self._base}/{path}", headers={"Accept": accept, "User-Agent": "stead"})
        if self._shown:
            request.add_unredirected_header("Authorization", self._shown)
        return _opened(request)


def _opened(request: urllib.request.Request) -> Any:
    try:
        return urllib.request.urlopen(request, timeout=_SECONDS)
    except urllib.error.HTTPError:
        raise
    except OSError as error:
        raise Unreachable(why_unreached(urllib.parse.urlsplit(request.full_url).netloc, error)) from error


def why_unreached(place: str, error: OSError) -> str:
    """In the words that people look for."""
    reason = getattr(error, "reason", error)
    if isinstance(reason, socket.gaierror):
        return f"dial tcp: lookup {place}: no such host"
    if isinstance(reason, TimeoutError):
        return f"dial tcp {place}: i/o timeout"
    if isinstance(reason, OSError) and reason.strerror:
        return f"dial tcp {place}: connect: {reason.strerror.lower()}"
    return f"{place}: {reason}"


def _refused(error: urllib.error.HTTPError) -> PullTrouble:
    if error.code in _GONE:
        return Unreachable(f"{error.url}: {error.code} {error.reason}")
    words = {404: "not found", 401: "pull access denied", 403: "pull access denied"}
    kind = Denied if error.code in (401, 403) else PullTrouble
    return kind(f"{error.url}: {words.get(error.code, f'unexpected status {error.code}')}")


def _token(challenge: str, login: str) -> str:
    fields = dict(_CHALLENGE.findall(challenge))
    query = urllib.parse.urlencode({key: fields[key] for key in ("service", "scope") if key in fields})
    try:
        request = urllib.request.Request(f"{fields.get('realm', '')}?{query}", headers={"User-Agent": "stead"})
        if login:
            request.add_unredirected_header("Authorization", f"Basic {login}")
        with _opened(request) as answer:
            told = json.loads(answer.read(_JSON_BYTES))
    except (urllib.error.HTTPError, ValueError) as error:
        raise Denied(f"pull access denied: {error}") from error
    return str(told.get("token") or told.get("access_token") or "")


def pull(wanted: Reference, blobs: Blobs, architecture: str, logins: Iterable[str] = ()) -> str:
    """Copy the image into `blobs`, as the first of `logins` (then nobody) who may; answers its manifest's digest.

    Raises PullTrouble, Unreachable, BadBlob.
    """
    *known, last = (*logins, "")
    for login in known:
        try:
            return _pulled(wanted, blobs, architecture, login)
        except Denied:
            continue
    return _pulled(wanted, blobs, architecture, last)


def _pulled(wanted: Reference, blobs: Blobs, architecture: str, login: str) -> str:
    home = _Registry(wanted, login)
    try:
        digest = _manifest(home, blobs, wanted.digest or wanted.tag, wanted.digest)
        manifest = blobs.json(digest)
        if "manifests" in manifest:
            chosen = archives.choose(manifest["manifests"], architecture)["digest"]
            digest = _manifest(home, blobs, chosen, chosen)
            manifest = blobs.json(digest)
        for part in (manifest["config"], *manifest["layers"]):
            if not blobs.has(part["digest"]):
                with home.get(f"blobs/{part['digest']}") as answer:
                    blobs.add(_chunks(answer), part["digest"], part["size"])
    except (KeyError, ValueError, TypeError) as error:
        raise PullTrouble(f"a manifest that cannot be read: {error}") from error
    except TimeoutError as error:
        raise Unreachable(f"the registry stalled: {error}") from error
    return digest


def _manifest(home: _Registry, blobs: Blobs, which: str, digest: str) -> str:
    with home.get(f"manifests/{which}", ", ".join(_MANIFESTS)) as answer:
        return blobs.add(_chunks(answer), digest, _JSON_BYTES)


def _chunks(answer: Any) -> Iterator[bytes]:
    while chunk := answer.read(_CHUNK):
        yield chunk
