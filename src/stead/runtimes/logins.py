"""Whom a registry knows us as: the logins for one image among a pod's imagePullSecrets, in Docker's config.json. Pure.

A key of `auths` is a registry (`registry.example.org:5000`, `*.example.org`), with or without a scheme, and with or
without the beginning of a repository; the longest that fits comes first. What cannot be read is passed over.
"""

from base64 import b64decode, b64encode
from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase

import msgspec

from stead.runtimes.references import Reference

_DOCKER = ("index.docker.io", "registry-1.docker.io", "docker.io")
_VERSIONS = ("v1", "v2")


class _Login(msgspec.Struct):
    auth: str = ""
    username: str = ""
    password: str = ""


class _Config(msgspec.Struct):
    auths: dict[str, _Login] = {}


def logins(wanted: Reference, texts: Iterable[bytes]) -> list[str]:
    """`user:password` in base64, as HTTP wants it, of all that fit; the best first and none twice."""
    found = sorted(_fitting(wanted, texts), key=lambda one: -len(one[0]))
    return list(dict.fromkeys(word for _, word in found))


def _fitting(wanted: Reference, texts: Iterable[bytes]) -> Iterator[tuple[str, str]]:
    for text in texts:
        try:
            config = msgspec.json.decode(text, type=_Config)
        except (msgspec.DecodeError, UnicodeDecodeError):
            continue
        for key, login in config.auths.items():
            place = _place(key)
            word = _word(login)
            if word and _fits(place, wanted):
                yield place, word


def _place(key: str) -> str:
    """Registry and path, without what old clients wrote around them."""
    host, _, path = key.rpartition("://")[2].partition("/")
    steps = [step for step in path.split("/") if step and step not in _VERSIONS]
    return "/".join(("docker.io" if host in _DOCKER else host, *steps))


def _fits(place: str, wanted: Reference) -> bool:
    host, _, path = place.partition("/")
    has_same_dots = host.count(".") == wanted.registry.count(".")  # a star stands for one part of a name
    is_host = has_same_dots and fnmatchcase(wanted.registry, host)
    return is_host and (not path or f"{wanted.repository}/".startswith(path + "/"))


def _word(login: _Login) -> str:
    if login.username:
        return b64encode(f"{login.username}:{login.password}".encode()).decode()
    try:
        return login.auth if b":" in b64decode(login.auth, validate=True) else ""
    except ValueError:
        return ""
