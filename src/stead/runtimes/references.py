"""Image references: `nginx` is short for `docker.io/library/nginx:latest`."""

import re
from typing import NamedTuple

_DOCKER = "docker.io"
_SYNTAX = re.compile(
    r"(?P<name>[a-z0-9]+(?:[._-]+[a-z0-9]+)*(?::[0-9]+(?=/))?(?:/[a-z0-9]+(?:[._-]+[a-z0-9]+)*)*)"
    r"(?::(?P<tag>[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}))?"
    r"(?:@(?P<digest>sha256:[0-9a-f]{64}))?"
)


class Reference(NamedTuple):
    """A reference in full. `tag` is "" where only a digest is given."""

    registry: str
    repository: str
    tag: str
    digest: str = ""

    def __str__(self) -> str:
        tag = f":{self.tag}" if self.tag else ""
        digest = f"@{self.digest}" if self.digest else ""
        return f"{self.registry}/{self.repository}{tag}{digest}"

    @property
    def name(self) -> str:
        """Without tag and digest."""
        return f"{self.registry}/{self.repository}"


def _capitals(text: str) -> str:
    """What is wrong with capitals in a repository's name, in every parser's words; "" where there are none."""
    head, slash, rest = text.partition("/")
    is_registry = bool(slash) and ("." in head or ":" in head or head == "localhost" or head != head.lower())
    name = (rest if is_registry else text).partition(":")[0].partition("@")[0]
    name = name if slash else f"library/{name}"
    return f": repository name ({name}) must be lowercase" if name != name.lower() else ""


def parse(text: str) -> Reference:
    """Raises ValueError where `text` is no image reference."""
    match = _SYNTAX.fullmatch(text)
    if match is None:
        raise ValueError(f'couldn\'t parse image name "{text}": invalid reference format{_capitals(text)}')
    head, slash, rest = match["name"].partition("/")
    has_registry = bool(slash) and ("." in head or ":" in head or head == "localhost")
    registry, repository = (head, rest) if has_registry else (_DOCKER, match["name"])
    if registry == _DOCKER and "/" not in repository:
        repository = f"library/{repository}"
    tag = match["tag"] or ("" if match["digest"] else "latest")
    return Reference(registry, repository, tag, match["digest"] or "")
