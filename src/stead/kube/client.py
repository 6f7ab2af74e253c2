"""A small client for one API server, for commands that ask a question and go: standard library HTTP, no watch."""

import http.client
import ssl
import tempfile
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from stead.kube.kubeconfig import Access
from stead.machinery.objects import Json, decode, encode

TIMEOUT_SECONDS = 10


class ClientError(Exception):
    """No answer (`code` 0), or a refusal; the message is the server's own where there is one."""

    def __init__(self, message: str, code: int = 0) -> None:
        super().__init__(message)
        self.code = code


class Client:
    """Speaks to the server that `access` names. One connection, kept while it lasts."""

    def __init__(self, access: Access) -> None:
        url = urlsplit(access.server)
        self._headers = {"Accept": "application/json", "User-Agent": "stead"}
        if access.token:
            self._headers["Authorization"] = f"Bearer {access.token}"
        context = _context(access) if url.scheme == "https" else None
        place = (url.hostname or "127.0.0.1", url.port or (443 if context else 80))
        self._connection: http.client.HTTPConnection = (
            http.client.HTTPSConnection(*place, timeout=TIMEOUT_SECONDS, context=context)
            if context
            else http.client.HTTPConnection(*place, timeout=TIMEOUT_SECONDS)
        )

    def get(self, path: str) -> Any:
        return self.ask("GET", path)

    def ask(self, method: str, path: str, body: Json | None = None, media: str = "application/json") -> Any:
        """The answer's JSON; raises ClientError for refusals and silence."""
        status, reason, content = self._answer(method, path, encode(body) if body is not None else None, media)
        found = decode(content) if content else {}
        if status >= 400:
            raise ClientError(str(found.get("message", reason)), status)
        return found

    def download(self, path: str) -> bytes:
        """The answer's bytes as they are; raises ClientError."""
        status, reason, content = self._answer("GET", path, None, "")
        if status >= 400:
            raise ClientError(reason, status)
        return content

    def _answer(self, method: str, path: str, body: bytes | None, media: str) -> tuple[int, str, bytes]:
        headers = self._headers | ({"Content-Type": media} if body is not None else {})
        try:
            self._connection.request(method, path, body, headers)
            answer = self._connection.getresponse()
            return answer.status, answer.reason, answer.read()
        except (OSError, http.client.HTTPException) as error:
            self._connection.close()
            raise ClientError(f"no answer: {error}") from error


def _context(access: Access) -> ssl.SSLContext:
    authority = access.authority.decode() if access.authority else None
    context = ssl.create_default_context(cadata=authority)
    if access.is_unverified:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    if access.client_certificate and not access.token:
        with tempfile.TemporaryDirectory() as folder:
            pair = Path(folder, "pair.pem")
            pair.touch(mode=0o600)
            pair.write_bytes(access.client_certificate + b"\n" + access.client_key)
            context.load_cert_chain(pair)
    return context
