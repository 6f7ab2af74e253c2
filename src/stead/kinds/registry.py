"""Every kind stead knows, found by path, by apiVersion and kind, by id and by the words people type.

A registry is a value: custom kinds come in through `extended`, which gives a new one. Events are served twice, as
v1 and as events.k8s.io/v1; the second kind says `stored_as="Event"` and how its fields are called there.
"""

import re
from collections.abc import Iterable, Iterator

from msgspec import Struct

from stead.kinds import (
    controllerrevision,
    customresourcedefinition,
    endpoints,
    endpointslice,
    event,
    lease,
    limitrange,
    namespace,
    node,
    persistentvolume,
    persistentvolumeclaim,
    plain,
    pod,
    poddisruptionbudget,
    rbac,
    resourcequota,
    service,
    statefulset,
    storageclass,
)
from stead.kinds.kind import Kind


class Group(Struct, frozen=True):
    """An API group as discovery tells it; `versions` is ordered, the preferred one first."""

    name: str
    versions: tuple[str, ...]

    @property
    def preferred(self) -> str:
        return self.versions[0]


class Registry:
    """Look-ups answer None where nothing fits; `by_id` raises KeyError, for ids come from stead itself."""

    def __init__(self, kinds: Iterable[Kind]) -> None:
        self._kinds = tuple(kinds)
        self._by_path = {(kind.group, kind.version, kind.plural): kind for kind in self._kinds}
        self._by_type = {(kind.api_version, kind.name): kind for kind in self._kinds}
        self._by_id = {kind.id: kind for kind in reversed(self._kinds)}
        self._by_word = _words(self._kinds)

    def __iter__(self) -> Iterator[Kind]:
        return iter(self._kinds)

    def by_path(self, group: str, version: str, plural: str) -> Kind | None:
        return self._by_path.get((group, version, plural))

    def by_type(self, api_version: str, name: str) -> Kind | None:
        """The kind of an object that says `apiVersion` and `kind`."""
        return self._by_type.get((api_version, name))

    def by_id(self, id: str) -> Kind:
        return self._by_id[id]

    def find(self, id: str) -> Kind | None:
        """The kind of that id, of which there may be none (stead's private objects)."""
        return self._by_id.get(id)

    def by_word(self, word: str) -> Kind | None:
        """The kind a person means by `sts`, `statefulset`, `StatefulSets` or `statefulsets.apps`."""
        return self._by_word.get(word.lower())

    def within(self, group: str, version: str) -> list[Kind]:
        return [kind for kind in self._kinds if (kind.group, kind.version) == (group, version)]

    def groups(self) -> list[Group]:
        """Every named group, in the order of discovery. The core group, whose name is empty, is not among them."""
        versions: dict[str, list[str]] = {}
        for kind in self._kinds:
            known = versions.setdefault(kind.group, [])
            if kind.version not in known:
                known.append(kind.version)
        return [Group(name, tuple(sorted(all_, key=_version_rank))) for name, all_ in versions.items() if name]

    def extended(self, *kinds: Kind) -> "Registry":
        """A registry that also knows `kinds`; they take the place of kinds with the same path."""
        paths = {(kind.group, kind.version, kind.plural) for kind in kinds}
        kept = [kind for kind in self._kinds if (kind.group, kind.version, kind.plural) not in paths]
        return Registry((*kept, *kinds))

    def without(self, id: str) -> "Registry":
        return Registry(kind for kind in self._kinds if kind.id != id)


def _words(kinds: Iterable[Kind]) -> dict[str, Kind]:
    """Where two kinds share a word, the one registered first keeps it."""
    words: dict[str, Kind] = {}
    for kind in kinds:
        for word in (kind.plural, kind.singular_name, kind.name.lower(), *kind.short_names):
            words.setdefault(word, kind)
            words.setdefault(f"{word}.{kind.group}", kind)
            words.setdefault(f"{word}.{kind.version}.{kind.group}", kind)
    return words


_VERSION = re.compile(r"v(\d+)(?:(alpha|beta)(\d+))?$")
_STAGES = {"": 0, "beta": 1, "alpha": 2}


def _version_rank(version: str) -> tuple[int, int, int, str]:
    """Stable before beta before alpha before anything else, newer first."""
    match = _VERSION.match(version)
    if match is None:
        return (3, 0, 0, version)
    major, stage, minor = match.groups(default="")
    return (_STAGES[stage], -int(major), -int(minor or 0), version)


BUILT_IN = Registry(
    (
        plain.CONFIG_MAP,
        endpoints.ENDPOINTS,
        event.EVENT,
        limitrange.LIMIT_RANGE,
        namespace.NAMESPACE,
        node.NODE,
        persistentvolumeclaim.PERSISTENT_VOLUME_CLAIM,
        persistentvolume.PERSISTENT_VOLUME,
        pod.POD,
        resourcequota.RESOURCE_QUOTA,
        plain.SECRET,
        plain.SERVICE_ACCOUNT,
        service.SERVICE,
        controllerrevision.CONTROLLER_REVISION,
        statefulset.STATEFUL_SET,
        event.EVENT_OF_ITS_GROUP,
        poddisruptionbudget.POD_DISRUPTION_BUDGET,
        *rbac.KINDS,
        storageclass.STORAGE_CLASS,
        lease.LEASE,
        endpointslice.ENDPOINT_SLICE,
        customresourcedefinition.CUSTOM_RESOURCE_DEFINITION,
    )
)
