"""The kubeconfig file: how clients are told where the API is and who they are. Written for ours, read for any.

Written by hand as YAML, for every value in it is plain or base64; read with PyYAML, for people edit these files.
"""

import base64
import binascii
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from msgspec import Struct

from stead.machinery.late import Late

yaml: Any = Late("yaml")


class KubeconfigError(Exception):
    """The file cannot be used; the text says which file and why."""


class Access(Struct, frozen=True):
    """One way to one API server. Empty bytes and texts are things not given."""

    server: str
    authority: bytes = b""
    client_certificate: bytes = b""
    client_key: bytes = b""
    token: str = ""
    namespace: str = ""
    context: str = "stead"
    is_unverified: bool = False  # `insecure-skip-tls-verify`


def write(path: Path, access: Access) -> None:
    """Write whole or not at all, readable by its owner alone. Raises OSError."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text(access))
    fresh.replace(path)


def text(access: Access) -> str:
    """The file for one cluster, one user and one context of the same name; the user has certificate and token."""
    name = access.context
    cluster = [("server", access.server), ("certificate-authority-data", _packed(access.authority))]
    user = [
        ("client-certificate-data", _packed(access.client_certificate)),
        ("client-key-data", _packed(access.client_key)),
        ("token", access.token),
    ]
    context = [("cluster", name), ("user", name), ("namespace", access.namespace)]
    return "\n".join(
        [
            "apiVersion: v1",
            "kind: Config",
            f"current-context: {name}",
            *_section("clusters", name, "cluster", cluster),
            *_section("users", name, "user", user),
            *_section("contexts", name, "context", context),
            "",
        ]
    )


def read(path: Path, context: str = "") -> Access:
    """The access that `context` (else the file's current one) names. Raises KubeconfigError."""
    try:
        config = yaml.safe_load(path.read_text())
    except OSError as error:
        raise KubeconfigError(f"{path}: {error.strerror}") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise KubeconfigError(f"{path}: not YAML: {error}") from error
    if not isinstance(config, Mapping):
        raise KubeconfigError(f"{path}: not a kubeconfig")
    chosen = context or str(config.get("current-context") or "")
    return _Reader(path, config).access(chosen)


class _Reader:
    def __init__(self, path: Path, config: Mapping[str, Any]) -> None:
        self._path = path
        self._config = config

    def access(self, name: str) -> Access:
        context = self._entry("contexts", "context", name)
        cluster = self._entry("clusters", "cluster", str(context.get("cluster", "")))
        user = self._entry("users", "user", str(context["user"])) if context.get("user") else {}
        if not cluster.get("server"):
            raise KubeconfigError(f'{self._path}: cluster "{context.get("cluster")}" has no server')
        if "exec" in user or "auth-provider" in user:
            raise KubeconfigError(f'{self._path}: user "{context["user"]}" needs a credential plugin, not supported')
        return Access(
            str(cluster["server"]).rstrip("/"),
            self._data(cluster, "certificate-authority"),
            self._data(user, "client-certificate"),
            self._data(user, "client-key"),
            str(user.get("token") or self._file(user, "tokenFile").decode().strip()),
            str(context.get("namespace") or ""),
            name,
            bool(cluster.get("insecure-skip-tls-verify")),
        )

    def _entry(self, section: str, part: str, name: str) -> Mapping[str, Any]:
        entries = self._config.get(section)
        listed = [entry for entry in entries if isinstance(entry, Mapping)] if isinstance(entries, list) else []
        found = next((entry.get(part) for entry in listed if entry.get("name") == name), None)
        if not isinstance(found, Mapping):
            raise KubeconfigError(f'{self._path}: no {part} named "{name}"')
        return found

    def _data(self, entry: Mapping[str, Any], field: str) -> bytes:
        packed = entry.get(f"{field}-data")
        if not packed:
            return self._file(entry, field)
        try:
            return base64.b64decode("".join(str(packed).split()), validate=True)
        except (binascii.Error, ValueError) as error:
            raise KubeconfigError(f"{self._path}: {field}-data is not base64") from error

    def _file(self, entry: Mapping[str, Any], field: str) -> bytes:
        """Contents of the file a field names, relative to the kubeconfig."""
        if not entry.get(field):
            return b""
        named = self._path.parent / str(entry[field])
        try:
            return named.read_bytes()
        except OSError as error:
            raise KubeconfigError(f"{self._path}: {field}: {named}: {error.strerror}") from error


def _section(section: str, name: str, part: str, fields: list[tuple[str, str]]) -> list[str]:
    lines = [f"    {field}: {value}" for field, value in fields if value]
    return [f"{section}:", f"- name: {name}", f"  {part}:", *lines]


def _packed(data: bytes) -> str:
    return base64.b64encode(data).decode()
