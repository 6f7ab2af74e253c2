"""What an object is called inside stead."""

from typing import NamedTuple

from stead.machinery.objects import Json


class Key(NamedTuple):
    """One object: its kind's id (`StatefulSet`, `Role.rbac.authorization.k8s.io`), namespace ("" if none) and name."""

    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        return "/".join(part for part in self if part)


class Ref(NamedTuple):
    """A key and the uid that says which bearer of that name is meant."""

    key: Key
    uid: str


def key_of(kind: str, obj: Json) -> Key:
    meta = obj["metadata"]
    return Key(kind, meta.get("namespace", ""), meta.get("name", ""))
