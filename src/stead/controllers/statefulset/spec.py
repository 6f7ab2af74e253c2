"""A StatefulSet's spec, read once for each change of it and not once a round."""

from collections.abc import Mapping
from functools import cached_property
from typing import Any

from msgspec import Struct

from stead.kinds.encoding import template_data
from stead.machinery import meta, selectors
from stead.machinery.objects import Json, dig


class Spec(Struct, frozen=True, dict=True):
    """What the walks need to know of one set. `first` to `last` are the wanted ordinals (ID-4)."""

    name: str
    namespace: str
    uid: str
    is_terminating: bool
    replicas: int
    first: int
    is_parallel: bool
    strategy: str
    rolling: Json | None
    min_ready_seconds: int
    claim_templates: tuple[Json, ...]
    when_deleted: str
    when_scaled: str
    history_limit: int
    selector: selectors.Selector
    match_labels: Mapping[str, str]
    service_name: str
    template: Json

    @property
    def last(self) -> int:
        return self.first + self.replicas - 1

    def wants(self, ordinal: int) -> bool:
        return self.first <= ordinal <= self.last

    @property
    def is_on_delete(self) -> bool:
        return self.strategy == "OnDelete"

    @property
    def partition(self) -> int:
        """How many slots a roll-out leaves alone; 0 where nothing is said (RU-2)."""
        return int(dig(self.rolling, "partition", default=0))

    @property
    def retains_all(self) -> bool:
        return self.when_deleted == "Retain" and self.when_scaled == "Retain"

    @property
    def owner(self) -> dict[str, Any]:
        """The controller reference that pods, claims and revisions carry."""
        return {
            "apiVersion": "apps/v1",
            "kind": "StatefulSet",
            "name": self.name,
            "uid": self.uid,
            "controller": True,
            "blockOwnerDeletion": True,
        }

    @property
    def judged_by(self) -> tuple[object, ...]:
        """All that the facts about a single pod depend on; while it stays, no pod needs to be looked at again."""
        goes_by_range = self.when_scaled == "Delete"
        wanted = (self.first, self.replicas) if goes_by_range else ()
        policy = (self.when_deleted, self.when_scaled)
        ready = self.min_ready_seconds
        return (self.uid, self.is_terminating, self.selector, self.claim_templates, policy, ready, wanted)

    @cached_property
    def template_bytes(self) -> bytes:
        """What a ControllerRevision of this template holds (RV-1)."""
        return template_data(self.template)

    @cached_property
    def meanings(self) -> dict[bytes, bool]:
        """Which revisions' data was found to mean this template, so that it is found out once (RV-4)."""
        return {}


def read(obj: Json) -> Spec:
    """Out of a stored set, which has its defaults. An unreadable selector selects nothing (Q-8)."""
    spec = obj["spec"]
    policy = spec.get("persistentVolumeClaimRetentionPolicy") or {}
    return Spec(
        name=meta.name(obj),
        namespace=meta.namespace(obj),
        uid=meta.uid(obj),
        is_terminating=meta.is_terminating(obj),
        replicas=_number(spec, 1, "replicas"),
        first=_number(spec, 0, "ordinals", "start"),
        is_parallel=spec.get("podManagementPolicy") == "Parallel",
        strategy=str(dig(spec, "updateStrategy", "type", default="RollingUpdate")),
        rolling=dig(spec, "updateStrategy", "rollingUpdate"),
        min_ready_seconds=_number(spec, 0, "minReadySeconds"),
        claim_templates=tuple(spec.get("volumeClaimTemplates") or ()),
        when_deleted=policy.get("whenDeleted") or "Retain",
        when_scaled=policy.get("whenScaled") or "Retain",
        history_limit=_number(spec, 10, "revisionHistoryLimit"),
        selector=_selector(spec),
        match_labels=dig(spec, "selector", "matchLabels", default={}),
        service_name=str(spec.get("serviceName") or ""),
        template=spec.get("template") or {},
    )


def _number(spec: Json, default: int, *path: str) -> int:
    return int(dig(spec, *path, default=default))


def _selector(spec: Json) -> selectors.Selector:
    try:
        return selectors.from_object(spec.get("selector"))
    except ValueError:
        return selectors.NOTHING
