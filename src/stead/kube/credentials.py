"""Who we are to an API server, asked anew as time goes: token files are changed, plugins' credentials end."""

import base64
import os
import ssl
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

from msgspec import DecodeError, Struct

from stead.kube.kubeconfig import Access, KubeconfigError, Plugin
from stead.machinery import times
from stead.machinery.objects import decode, dig, encode

REREAD_SECONDS = 60.0  # as client-go reads token files
EARLY_SECONDS = 10.0  # a credential that is about to end has ended
PLUGIN_SECONDS = 60.0


class Credential(Struct, frozen=True):
    """What a plugin or a file gave; `ends` in wall seconds."""

    token: str = ""
    certificate: bytes = b""
    key: bytes = b""
    ends: float = float("inf")


class Credentials:
    """`renew` may take a while (it reads files and runs programs); the rest answers at once.

    Without file or plugin nothing ever changes, and nobody needs to renew. `environment` is the plugin's.
    """

    def __init__(self, access: Access, environment: Mapping[str, str]) -> None:
        self._access = access
        self._environment = environment
        self._now = Credential(access.token, access.client_certificate, access.client_key)
        self._ends = float("-inf") if access.token_file or access.plugin else float("inf")
        self.version = 0  # of the certificate: connections made with another are no longer ours

    def is_due(self, wall: float) -> bool:
        return wall >= self._ends

    def refuse(self) -> bool:
        """The server does not know us (401). True: asking again may help."""
        if self._access.token_file or self._access.plugin:
            self._ends = float("-inf")
            return True
        return False

    def renew(self, wall: float) -> None:
        """Raises KubeconfigError."""
        access = self._access
        if access.plugin is not None:
            found = ask(access.plugin, access, self._environment)
            self._ends = found.ends - EARLY_SECONDS
        else:
            found = Credential(_read(access.token_file), access.client_certificate, access.client_key)
            self._ends = wall + REREAD_SECONDS
        if (found.certificate, found.key) != (self._now.certificate, self._now.key):
            self.version += 1
        self._now = found

    def headers(self) -> dict[str, str]:
        """Bearer before basic, as client-go has it."""
        if self._now.token:
            return {"Authorization": f"Bearer {self._now.token}"}
        if self._access.basic:
            return {"Authorization": f"Basic {base64.b64encode(self._access.basic.encode()).decode()}"}
        return {}

    def tls(self) -> ssl.SSLContext | None:
        """How to speak to the server; None where it is plain HTTP. Raises KubeconfigError."""
        access = self._access
        if not access.server.startswith("https:"):
            return None
        try:
            context = ssl.create_default_context(cadata=access.authority.decode() if access.authority else None)
            if access.is_unverified:
                context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            if self._now.certificate:
                _load(context, self._now.certificate, self._now.key)
        except (ssl.SSLError, ValueError) as error:
            raise KubeconfigError(f'the certificates of context "{access.context}" cannot be used: {error}') from error
        return context


def ask(plugin: Plugin, access: Access, environment: Mapping[str, str]) -> Credential:
    """Run a credential plugin and read what it prints. Raises KubeconfigError."""
    told: dict[str, object] = {"apiVersion": plugin.version, "kind": "ExecCredential", "spec": {"interactive": False}}
    if plugin.is_told_cluster:
        cluster = {
            "server": access.server,
            "certificate-authority-data": base64.b64encode(access.authority).decode(),
            "tls-server-name": access.server_name,
            "insecure-skip-tls-verify": access.is_unverified,
        }
        told["spec"] = {"interactive": False, "cluster": {name: value for name, value in cluster.items() if value}}
    env = {**environment, **dict(plugin.env), "KUBERNETES_EXEC_INFO": encode(told).decode()}
    command = plugin.command
    if os.sep in command:
        command = str(Path(plugin.folder, command))
    try:
        done = subprocess.run(
            [command, *plugin.args],
            env=env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=PLUGIN_SECONDS,
            check=False,
        )
    except FileNotFoundError as error:
        hint = f"; {plugin.hint}" if plugin.hint else ""
        raise KubeconfigError(f"the credential plugin {plugin.command} is not there{hint}") from error
    except (OSError, subprocess.TimeoutExpired) as error:
        raise KubeconfigError(f"the credential plugin {plugin.command}: {error}") from error
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip()[-300:]
        raise KubeconfigError(f"the credential plugin {plugin.command} failed ({done.returncode}): {said}")
    return _credential(plugin, done.stdout)


def _credential(plugin: Plugin, printed: bytes) -> Credential:
    where = f"the credential plugin {plugin.command}"
    try:
        found = decode(printed)
    except (DecodeError, UnicodeDecodeError) as error:
        raise KubeconfigError(f"{where} printed no JSON: {error}") from error
    if (
        not isinstance(found, dict)
        or dig(found, "kind") != "ExecCredential"
        or dig(found, "apiVersion") != plugin.version
    ):
        raise KubeconfigError(f"{where}: an ExecCredential of {plugin.version} is wanted")
    status = found.get("status") or {}
    if not isinstance(status, dict):
        raise KubeconfigError(f"{where}: its status is no object")
    token, certificate = str(status.get("token") or ""), str(status.get("clientCertificateData") or "")
    if not token and not certificate:
        raise KubeconfigError(f"{where}: its status has neither token nor clientCertificateData")
    ends = status.get("expirationTimestamp")
    try:
        wall = times.from_text(ends) if ends else float("inf")
    except (ValueError, AttributeError) as error:
        raise KubeconfigError(f"{where}: expirationTimestamp {ends!r}: {error}") from error
    return Credential(token, certificate.encode(), str(status.get("clientKeyData") or "").encode(), wall)


def _read(path: str) -> str:
    try:
        return Path(path).read_text().strip()
    except OSError as error:
        raise KubeconfigError(f"tokenFile: {path}: {error.strerror}") from error


def _load(context: ssl.SSLContext, certificate: bytes, key: bytes) -> None:
    """OpenSSL takes files only; the key is on disk for a moment, readable by us alone."""
    with tempfile.TemporaryDirectory() as folder:
        pair = Path(folder, "pair.pem")
        pair.touch(mode=0o600)
        pair.write_bytes(certificate + b"\n" + key)
        context.load_cert_chain(pair)
