"""A small client for one API server, for commands that ask a question and go: standard library HTTP, no watch."""

import http.client
import os
import ssl
import time
from typing import Any
from urllib.parse import urlsplit

from stead.kube.credentials import Credentials
from stead.kube.kubeconfig import Access
from stead.machinery.objects import Json, decode, encode

TIMEOUT_SECONDS = 10


class ClientError(Exception):
    """No answer (`code` 0), or a refusal; the message is the server's own where there is one."""

    def __init__(self, message: str, code: int = 0) -> None:
        super().__init__(message)
        self.code = code


class Client:
    """Speaks to the server that `access` names. One connection, kept while it lasts. Raises KubeconfigError."""

    def __init__(self, access: Access) -> None:
        url = urlsplit(access.server)
        credentials = Credentials(access, os.environ)
        if credentials.is_due(time.time()):
            credentials.renew(time.time())
        self._base = url.path.rstrip("/")
        self._headers = {"Accept": "application/json", "User-Agent": "stead", **credentials.headers()}
        self._for_whom = access.headers
        context = credentials.tls()
        place = (url.hostname or "127.0.0.1", url.port or (443 if context else 80))
        self._connection: http.client.HTTPConnection = (
            _Named(*place, timeout=TIMEOUT_SECONDS, context=context, name=access.server_name)
            if context
            else http.client.HTTPConnection(*place, timeout=TIMEOUT_SECONDS)
        )

    def get(self, path: str) -> Any:
        return self.ask("GET", path)

    def ask(self, method: str, path: str, body: Json | None = None, media: str = "application/json") -> Any:
        """The answer's JSON; raises ClientError for refusals and silence."""
        status, reason, content = self._answer(method, path, encode(body) if body is not None else None, media)
        try:
            found = decode(content) if content else {}
        except ValueError as error:
            raise ClientError(f"the server answered {status} {reason}, and no JSON", status) from error
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
            self._connection.putrequest(method, self._base + path)
            for name, value in (*headers.items(), *self._for_whom):
                self._connection.putheader(name, value)
            if body is not None:
                self._connection.putheader("Content-Length", str(len(body)))
            self._connection.endheaders(body)
            answer = self._connection.getresponse()
            return answer.status, answer.reason, answer.read()
        except (OSError, http.client.HTTPException) as error:
            self._connection.close()
            raise ClientError(f"no answer: {error}") from error


class _Named(http.client.HTTPSConnection):
    """A server whose certificate may bear another name than its host's (`tls-server-name`)."""

    def __init__(self, host: str, port: int, *, timeout: float, context: ssl.SSLContext, name: str) -> None:
        super().__init__(host, port, timeout=timeout, context=context)
        self._tls, self._name = context, name or host

    def connect(self) -> None:
        http.client.HTTPConnection.connect(self)
        self.sock = self._tls.wrap_socket(self.sock, server_hostname=self._name)
