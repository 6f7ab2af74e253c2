"""What every verb needs (store, kinds, chance, settings) and what is said about one call (who, when, how)."""

from collections.abc import Iterable
from random import Random
from typing import NamedTuple

from msgspec import Struct, field

from stead.api.request import ADMIN, User
from stead.kinds import customresource, customresourcedefinition
from stead.kinds.kind import Kind
from stead.kinds.registry import Registry
from stead.machinery.keys import Key
from stead.machinery.objects import Json, encode
from stead.machinery.times import Now
from stead.store.log import Row, Store


class Settings(Struct, frozen=True):
    """What the person who runs this cluster decides. Times are seconds."""

    cluster_domain: str = "cluster.local"
    service_cidr: str = "10.96.0.0/16"
    node_ports: range = range(30000, 32768)
    server_address: str = "127.0.0.1:6443"
    token_key: bytes = b""
    admin_token: str = ""
    not_ready_seconds: int = 300  # what a pod that says nothing bears of a node that is not Ready
    unreachable_seconds: int = 300


class Core:
    """The parts that outlive a call."""

    def __init__(self, store: Store, built_in: Registry, chance: Random, settings: Settings) -> None:
        self.store = store
        self.chance = chance
        self.settings = settings
        self.told_until = 0  # `told`: what watches with everything of a kind and a namespace hear up to here
        self.told: dict[tuple[str, str, str, int], bytes | None] = {}
        self._built_in = built_in
        self._registry = built_in
        self._definitions: list[Row] | None = None

    def serve(self, kind: Kind) -> None:
        """A kind more, for as long as this Core lives."""
        self._built_in = self._registry = self._built_in.extended(kind)
        self._definitions = None

    @property
    def registry(self) -> Registry:
        """The built-in kinds and those that definitions in the store have made: a fold over the store."""
        definitions = self.store.rows(customresourcedefinition.ID)
        if definitions is not self._definitions:
            self._definitions = definitions
            kinds = [kind for row in definitions for kind in customresource.kinds_of(row.obj)]
            self._registry = self._built_in.extended(*kinds) if kinds else self._built_in
        return self._registry


class Call(Struct, frozen=True):
    """One call. `manager` is the field manager, "" where nobody's fields are to be kept (controllers).

    `is_applied`: the object comes from server-side apply, which has kept the fields already.
    """

    now: Now
    user: User = ADMIN
    manager: str = ""
    is_dry_run: bool = False
    validation: str = "Warn"
    is_applied: bool = False
    warnings: list[str] = field(default_factory=list)

    def warn(self, texts: Iterable[str]) -> None:
        """Each text once, in the order they are met."""
        self.warnings.extend(text for text in dict.fromkeys(texts) if text not in self.warnings)


class Written(NamedTuple):
    """What a write left: the object, its JSON, and whether it is new. A removed object is its last state."""

    obj: Json
    stored: bytes = b""  # its JSON where the store has it; else made for those who ask, which controllers do not
    is_created: bool = False
    is_removed: bool = False
    is_pending: bool = False  # accepted, and still to come

    @property
    def body(self) -> bytes:
        return self.stored or encode(self.obj)


def key_in(kind: Kind, namespace: str, name: str) -> Key:
    """The key of an object in the store, whichever of its kind's names the URL used."""
    return Key(kind.stored_as or kind.id, namespace if kind.is_namespaced else "", name)


def written(kind: Kind, row: Row, *, is_created: bool = False, is_removed: bool = False) -> Written:
    """What the store keeps, as the kind of the URL shows it."""
    if kind.stored_as:
        return not_written(kind.from_stored(row.obj), is_created=is_created, is_removed=is_removed)
    return Written(row.obj, row.body, is_created, is_removed)


def not_written(obj: Json, *, is_created: bool = False, is_removed: bool = False) -> Written:
    """The answer of a dry run, or of a write that changed nothing."""
    return Written(obj, b"", is_created, is_removed)
