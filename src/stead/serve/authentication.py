"""Who asks: a verified client certificate, a bearer token, or nobody (401). Anonymous requests are refused.

A certificate goes before a token, as upstream tries them. Tokens are looked up by digest, so that comparing them tells
nothing by its timing. A browser sends a certificate by itself, whoever wrote the page; so a certificate counts only for
requests that are addressed to us by a name of ours and come from no foreign page. A token is proof enough.
"""

import base64
import hashlib
import secrets
from collections.abc import Callable, Collection, Mapping
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from stead.api.request import ADMIN, User
from stead.serve.tls import write_private

EVERYONE = "system:authenticated"
KEY_BYTES = 32
WEBSOCKET_TOKEN = "base64url.bearer.authorization.k8s.io."

Headers = Mapping[str, str]
Certificate = Mapping[str, Any]


class Authenticator:
    """`authenticate` for `serve/http`.

    `verify` judges tokens not in the list (service accounts). `names` are the server's own (`tls.server_names`);
    addresses are ours always; without names nothing is asked about names.
    """

    def __init__(
        self,
        tokens: Mapping[str, User],
        verify: Callable[[str], User | None] | None = None,
        names: Collection[str] = (),
    ) -> None:
        self._users = {_digest(token): user for token, user in tokens.items()}
        self._verify = verify
        self._names = frozenset(names)

    def __call__(self, headers: Headers, certificate: Certificate | None) -> User | None:
        if certificate is not None and not (self._names and is_foreign(headers, self._names)):
            user = certified_user(certificate)
            if user is not None:
                return user
        token = bearer_token(headers)
        if not token:
            return None
        known = self._users.get(_digest(token))
        return self._verify(token) if known is None and self._verify is not None else known


def everyone_is_admin(headers: Headers, certificate: Certificate | None) -> User | None:
    """For plain HTTP on loopback, where clients drop their credentials (wire.md 3.1); foreign pages are kept out."""
    return None if is_foreign(headers, ("localhost",)) else ADMIN


def is_foreign(headers: Headers, names: Collection[str]) -> bool:
    """Is this addressed to a name that is not ours (DNS rebinding), or sent by a page of another origin?

    Links and pictures have no Origin; of them browsers say where they come from in Sec-Fetch-Site.
    """
    authority = headers.get("host", "").lower()
    host = _host(authority)
    if host not in names and not _is_address(host):
        return True
    if headers.get("sec-fetch-site", "") in ("cross-site", "same-site"):  # the same site has other ports
        return True
    origin = headers.get("origin", "").lower()
    return bool(origin) and origin.partition("://")[2] != authority


def certified_user(certificate: Certificate) -> User | None:
    """CN and O of a certificate as `ssl.getpeercert` tells it, None without a CN."""
    parts = [pair for relative in certificate.get("subject", ()) for pair in relative]
    names = [value for kind, value in parts if kind == "commonName"]
    groups = [value for kind, value in parts if kind == "organizationName"]
    return User(names[-1], (*groups, EVERYONE)) if names and names[-1] else None


def bearer_token(headers: Headers) -> str:
    """The token of the Authorization header, else of the WebSocket subprotocol browsers use, else ""."""
    scheme, _, token = headers.get("authorization", "").strip().partition(" ")
    if scheme.lower() == "bearer":
        return token.strip()
    offered = (word.strip() for word in headers.get("sec-websocket-protocol", "").split(","))
    return next((_unpacked(word) for word in offered if word.startswith(WEBSOCKET_TOKEN)), "")


def admin_token(path: Path) -> str:
    """The token kept in `path`, made when there is none. Raises OSError."""
    if path.is_file():
        token = path.read_text().strip()
        if token:
            return token
    token = secrets.token_urlsafe(32)
    write_private(path, token.encode() + b"\n")
    return token


def signing_key(path: Path) -> bytes:
    """The key kept in `path` that signs service account tokens, made when there is none. Raises OSError."""
    if path.is_file():
        key = path.read_bytes()
        if len(key) == KEY_BYTES:
            return key
    key = secrets.token_bytes(KEY_BYTES)
    write_private(path, key)
    return key


def _unpacked(word: str) -> str:
    packed = word.removeprefix(WEBSOCKET_TOKEN)
    try:
        return base64.urlsafe_b64decode(packed + "=" * (-len(packed) % 4)).decode()
    except ValueError:  # no base64, or no text in it
        return ""


def _host(authority: str) -> str:
    """The host of `host:port`, "" where it is damaged."""
    try:
        return urlsplit(f"//{authority}").hostname or ""
    except ValueError:
        return ""


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "replace")).digest()
