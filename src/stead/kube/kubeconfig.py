"""The kubeconfig file: how clients are told where the API is and who they are. Written for ours, read for any.

Written by hand as YAML, for every value in it is plain or base64; read with PyYAML, for people edit these files.
Several files are one kubeconfig, as with kubectl: of two entries of one name the first counts.
"""

import base64
import binascii
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote, urlsplit

from msgspec import Struct

from stead.machinery.late import Late

yaml: Any = Late("yaml")

PLUGIN_VERSIONS = ("client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1")


class KubeconfigError(Exception):
    """The file cannot be used; the text says which file and why."""


class Plugin(Struct, frozen=True):
    """A program that gives a credential (`exec`). `folder`: where a command with a slash in it is looked for."""

    command: str
    version: str
    args: tuple[str, ...] = ()
    env: tuple[tuple[str, str], ...] = ()
    folder: str = ""
    hint: str = ""  # what the user is told when it is not there
    is_told_cluster: bool = False


class Access(Struct, frozen=True):
    """One way to one API server. Empty bytes and texts are things not given.

    `token_file` goes before `token`, and is read again from time to time. `headers` say for whom we act.
    """

    server: str
    authority: bytes = b""
    client_certificate: bytes = b""
    client_key: bytes = b""
    token: str = ""
    namespace: str = ""
    context: str = "stead"
    is_unverified: bool = False  # `insecure-skip-tls-verify`
    token_file: str = ""
    plugin: Plugin | None = None
    server_name: str = ""  # whom the server's certificate must name, where that is not its host
    basic: str = ""  # `user:password`
    headers: tuple[tuple[str, str], ...] = ()


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
    return read_all([path], context)


def read_all(paths: Sequence[Path], context: str = "") -> Access:
    """The same, of several files that are one. Raises KubeconfigError."""
    files = [(path, _parsed(path)) for path in paths]
    chosen = context or next((str(name) for _, config in files if (name := config.get("current-context"))), "")
    if not chosen:
        names = [name for path, config in files for name in _names(config, "contexts")]
        known = f"; there are {', '.join(names)}" if names else ""
        raise KubeconfigError(f"{paths[0]}: no current-context is set; name one with --context{known}")
    return _Reader(files).access(chosen)


def _parsed(path: Path) -> Mapping[str, Any]:
    try:
        config = yaml.safe_load(path.read_text())
    except OSError as error:
        raise KubeconfigError(f"{path}: {error.strerror}") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise KubeconfigError(f"{path}: not YAML: {error}") from error
    if not isinstance(config, Mapping):
        raise KubeconfigError(f"{path}: not a kubeconfig")
    return config


def _names(config: Mapping[str, Any], section: str) -> list[str]:
    entries = config.get(section)
    listed = entries if isinstance(entries, list) else []
    return [str(entry.get("name")) for entry in listed if isinstance(entry, Mapping)]


class _Entry(NamedTuple):
    """One named part of a file; paths in it are relative to that file."""

    path: Path
    name: str
    fields: Mapping[str, Any]

    def text(self, field: str) -> str:
        return str(self.fields.get(field) or "")

    def words(self, field: str) -> list[str]:
        """A list of texts. Raises KubeconfigError."""
        found = self.fields.get(field) or []
        if not isinstance(found, list):
            raise KubeconfigError(f'{self.path}: {field} of "{self.name}": a list is wanted')
        return [str(word) for word in found]


class _Reader:
    def __init__(self, files: Sequence[tuple[Path, Mapping[str, Any]]]) -> None:
        self._files = files

    def access(self, name: str) -> Access:
        context = self._entry("contexts", "context", name)
        cluster = self._entry("clusters", "cluster", context.text("cluster"))
        named = context.text("user")
        user = self._entry("users", "user", named) if named else _Entry(context.path, "", {})
        self._refuse_what_is_not_known(cluster, user)
        token_file = user.text("tokenFile")
        return Access(
            cluster.text("server").rstrip("/"),
            _data(cluster, "certificate-authority"),
            _data(user, "client-certificate"),
            _data(user, "client-key"),
            "" if token_file else user.text("token"),
            context.text("namespace"),
            name,
            bool(cluster.fields.get("insecure-skip-tls-verify")),
            token_file=str(user.path.parent / token_file) if token_file else "",
            plugin=_plugin(user),
            server_name=cluster.text("tls-server-name"),
            basic=f"{user.text('username')}:{user.text('password')}" if user.text("username") else "",
            headers=tuple(_impersonation(user)),
        )

    def _refuse_what_is_not_known(self, cluster: _Entry, user: _Entry) -> None:
        server = cluster.text("server")
        if not server:
            raise KubeconfigError(f'{cluster.path}: cluster "{cluster.name}" has no server')
        if not _is_url(server):
            raise KubeconfigError(f'{cluster.path}: server "{server}" of cluster "{cluster.name}": https:// is wanted')
        if cluster.text("proxy-url"):
            told = "stead speaks to no proxy: forward a port to the server and name that, with tls-server-name"
            raise KubeconfigError(f'{cluster.path}: cluster "{cluster.name}" has proxy-url; {told}')
        if "auth-provider" in user.fields:
            told = "Kubernetes has dropped auth-provider; use the exec plugin of your provider"
            raise KubeconfigError(f'{user.path}: user "{user.name}": {told}')

    def _entry(self, section: str, part: str, name: str) -> _Entry:
        for path, config in self._files:
            entries = config.get(section)
            for entry in entries if isinstance(entries, list) else ():
                if isinstance(entry, Mapping) and entry.get("name") == name and isinstance(entry.get(part), Mapping):
                    return _Entry(path, name, entry[part])
        names = [name for _, config in self._files for name in _names(config, section)]
        known = f"; there are {', '.join(names)}" if names else ""
        raise KubeconfigError(f'{self._files[0][0]}: no {part} named "{name}"{known}')


def _is_url(text: str) -> bool:
    try:
        url = urlsplit(text)
        return url.scheme in ("https", "http") and bool(url.hostname) and url.port != 0
    except ValueError:
        return False


def _data(entry: _Entry, field: str) -> bytes:
    """What stands in the file, else what the file it names contains."""
    packed = entry.text(f"{field}-data")
    if packed:
        try:
            return base64.b64decode("".join(packed.split()), validate=True)
        except (binascii.Error, ValueError) as error:
            raise KubeconfigError(f"{entry.path}: {field}-data is not base64") from error
    if not entry.text(field):
        return b""
    named = entry.path.parent / entry.text(field)
    try:
        return named.read_bytes()
    except OSError as error:
        raise KubeconfigError(f"{entry.path}: {field}: {named}: {error.strerror}") from error


def _plugin(user: _Entry) -> Plugin | None:
    fields = user.fields.get("exec")
    if fields is None:
        return None
    where = f'{user.path}: user "{user.name}": exec'
    if not isinstance(fields, Mapping) or not fields.get("command"):
        raise KubeconfigError(f"{where}: command is missing")
    told = _Entry(user.path, user.name, fields)
    version = told.text("apiVersion")
    if version not in PLUGIN_VERSIONS:
        raise KubeconfigError(f'{where}: apiVersion "{version}": one of {", ".join(PLUGIN_VERSIONS)} is wanted')
    if told.text("interactiveMode") == "Always":
        raise KubeconfigError(f"{where}: interactiveMode Always: nobody sits before a controller; use a token")
    return Plugin(
        told.text("command"),
        version,
        tuple(told.words("args")),
        tuple(_variables(fields.get("env"), where)),
        str(user.path.parent),
        told.text("installHint"),
        bool(fields.get("provideClusterInfo")),
    )


def _variables(pairs: Any, where: str) -> Iterator[tuple[str, str]]:
    for pair in pairs if isinstance(pairs, list) else ():
        if not isinstance(pair, Mapping) or not pair.get("name"):
            raise KubeconfigError(f"{where}: env: name and value are wanted")
        yield str(pair["name"]), str(pair.get("value", ""))


def _impersonation(user: _Entry) -> Iterator[tuple[str, str]]:
    if user.text("as"):
        yield "Impersonate-User", user.text("as")
    if user.text("as-uid"):
        yield "Impersonate-Uid", user.text("as-uid")
    for group in user.words("as-groups"):
        yield "Impersonate-Group", group
    extra = user.fields.get("as-user-extra")
    if isinstance(extra, Mapping):
        named = _Entry(user.path, user.name, extra)
        for name in extra:
            yield from ((f"Impersonate-Extra-{quote(str(name), safe='')}", value) for value in named.words(name))


def _section(section: str, name: str, part: str, fields: list[tuple[str, str]]) -> list[str]:
    lines = [f"    {field}: {value}" for field, value in fields if value]
    return [f"{section}:", f"- name: {name}", f"  {part}:", *lines]


def _packed(data: bytes) -> str:
    return base64.b64encode(data).decode()
