"""Who a container's process becomes, by the container's own /etc. Standard library only, and nothing imported late."""

import contextlib
from typing import NamedTuple


class Account(NamedTuple):
    uid: int = 0
    gid: int = 0
    home: str = "/root"


def find(text: str) -> Account:
    """The account for `uid`, `uid:gid`, `name` or `name:group`; "" is root. Raises OSError for an unknown name."""
    user, _, group = text.partition(":")
    account = _user(user) if user else Account()
    return account._replace(gid=_group(group)) if group else account


def _user(name: str) -> Account:
    for fields in _lines("/etc/passwd"):
        if len(fields) > 5 and name in (fields[0], fields[2]):
            return Account(int(fields[2]), int(fields[3]), fields[5])
    return Account(_number(name, "/etc/passwd"), 0, "/")


def _group(name: str) -> int:
    for fields in _lines("/etc/group"):
        if len(fields) > 2 and name in (fields[0], fields[2]):
            return int(fields[2])
    return _number(name, "/etc/group")


def _number(name: str, path: str) -> int:
    if not name.isdigit():
        raise OSError(f"no {name} in the image's {path}")
    return int(name)


def _lines(path: str) -> list[list[str]]:
    with contextlib.suppress(OSError), open(path) as file:
        return [line.split(":") for line in file.read().splitlines()]
    return []
