"""TLS for the API: an authority and certificates in the data directory, and the contexts made of them.

What is there and still valid is used again, so that a kubeconfig stays good over restarts, and a normal start imports
no cryptography at all.
"""

import os
import ssl
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from stead.machinery.late import Late

minting: Any = Late("stead.serve.minting")

RENEW_BEFORE_SECONDS = 30 * 24 * 3600
ADMIN_USER = "kubernetes-admin"
ADMIN_GROUP = "system:masters"


class Certificates(Struct, frozen=True):
    """Where the PEM files are. Only their owner may read them."""

    directory: Path

    @property
    def authority(self) -> Path:
        return self.directory / "ca.crt"

    @property
    def server(self) -> Path:
        return self.directory / "server.pem"

    @property
    def admin_certificate(self) -> Path:
        return self.directory / "admin.crt"

    @property
    def admin_key(self) -> Path:
        return self.directory / "admin.key"


class Made(msgspec.Struct, frozen=True):
    """What was made, kept beside it, so that a start need not read certificates."""

    authority_until: float
    certificates_until: float
    names: list[str]


def server_names(domain: str, extra: Sequence[str] = ()) -> list[str]:
    """Every name and address by which clients call the API; `extra` holds the service address and others."""
    service = ["kubernetes", "kubernetes.default", "kubernetes.default.svc", f"kubernetes.default.svc.{domain}"]
    return list(dict.fromkeys(["127.0.0.1", "::1", "localhost", *service, *extra]))


def certificates(directory: Path, names: Sequence[str], wall: float) -> Certificates:
    """The certificates in `directory`, made or renewed where needed. Raises OSError where they cannot be written."""
    kept = Certificates(directory)
    made = _made(directory)
    if made is None or wall > made.authority_until - RENEW_BEFORE_SECONDS or not _is_whole(kept):
        _mint(kept, names, wall, renews_authority=True)
    elif wall > made.certificates_until - RENEW_BEFORE_SECONDS or not set(names) <= set(made.names):
        _mint(kept, names, wall, renews_authority=False)
    return kept


def server_context(kept: Certificates) -> ssl.SSLContext:
    """HTTP/1.1 alone in ALPN; a client certificate is asked for, and must be ours if one is given."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(kept.server)
    context.load_verify_locations(kept.authority)
    context.verify_mode = ssl.CERT_OPTIONAL
    context.set_alpn_protocols(["http/1.1"])
    return context


def write_private(path: Path, data: bytes) -> None:
    """Write a file whole or not at all, readable by its owner alone."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    fresh.unlink(missing_ok=True)
    handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)


def _made(directory: Path) -> Made | None:
    try:
        return msgspec.json.decode((directory / "made.json").read_bytes(), type=Made)
    except (OSError, msgspec.DecodeError):
        return None


def _is_whole(kept: Certificates) -> bool:
    files = (kept.authority, _authority_key(kept), kept.server, kept.admin_certificate, kept.admin_key)
    return all(file.is_file() for file in files)


def _authority_key(kept: Certificates) -> Path:
    return kept.directory / "ca.key"


def _mint(kept: Certificates, names: Sequence[str], wall: float, *, renews_authority: bool) -> None:
    kept.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    kept.directory.chmod(0o700)
    made = _made(kept.directory)
    if renews_authority or made is None:
        authority = minting.authority(wall)
        until = wall + minting.AUTHORITY_LIFE.total_seconds()
    else:
        authority = minting.Pair(kept.authority.read_bytes(), _authority_key(kept).read_bytes())
        until = made.authority_until
    server = minting.server(authority, names, wall)
    admin = minting.client(authority, ADMIN_USER, [ADMIN_GROUP], wall)
    (kept.directory / "made.json").unlink(missing_ok=True)  # a crash in between makes everything anew
    for path, data in (
        (_authority_key(kept), authority.key),
        (kept.authority, authority.certificate),
        (kept.server, server.certificate + server.key),
        (kept.admin_key, admin.key),
        (kept.admin_certificate, admin.certificate),
    ):
        write_private(path, data)
    record = Made(until, wall + minting.CERTIFICATE_LIFE.total_seconds(), list(names))
    write_private(kept.directory / "made.json", msgspec.json.encode(record))
