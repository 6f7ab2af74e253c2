"""A real cluster looked at once, and what its StatefulSets wait for: decided here, and nothing written.

The StatefulSet controller says what it would do and what it waits for; about pods and claims speak their own status and
the warnings that others have told of them, for their controllers are elsewhere.
"""

from collections.abc import Iterable, Iterator

from stead.cluster import afar
from stead.cluster.explanations import Explanations
from stead.controllers.statefulset.controller import KIND as STATEFUL_SET
from stead.controllers.statefulset.controller import StatefulSetController
from stead.controllers.statefulset.profile import PROFILES
from stead.engine.journal import Round
from stead.kinds import event
from stead.kinds.kind import Kind
from stead.kinds.paths import path_of
from stead.kinds.pod import PodView
from stead.kinds.registry import BUILT_IN
from stead.kube.client import Client, ClientError
from stead.kube.mirror import Mirror
from stead.kube.pages import listed
from stead.machinery import meta, times
from stead.machinery.keys import Key, key_of
from stead.machinery.objects import Json, dig
from stead.machinery.plan import Plan, Waiting
from stead.machinery.times import Now

FRESH_SECONDS = 900.0  # warnings older than that are no reason any more
MOST_WARNINGS = 2  # of one object, the latest of each reason
ALLOWED_TO_BE_HIDDEN = (403, 404)


class Inspection:
    """Everything that StatefulSets depend on, in one namespace or all (""), as it was at `now`. Raises ClientError."""

    def __init__(self, client: Client, namespace: str, now: Now, profile: str = "v1_36") -> None:
        self.namespace = namespace
        self._client = client
        self._now = now
        self.engine = afar.engine(StatefulSetController(PROFILES[profile]))
        for name in afar.NEEDED:
            self._fill(BUILT_IN.by_id(name), namespace)
        for name in ("Service", "StorageClass", "ResourceQuota"):
            self._fill_if_seen(BUILT_IN.by_id(name))
        self._fill_nodes()
        self._testify(self._warnings())

    def explained(self, name: str) -> Json | None:
        """The Explanation of `sts.web`; None where there is no such object."""
        return Explanations(self.engine, lambda: BUILT_IN).one(self.namespace, name, self._now)

    def waiting(self) -> list[Json]:
        """The Explanations of all sets that wait for something."""
        explanations = Explanations(self.engine, lambda: BUILT_IN)
        keys = sorted(key_of(STATEFUL_SET, obj) for obj in self.engine.cache.all(STATEFUL_SET))
        found = (explanations.one(key.namespace, f"statefulset.{key.name}", self._now) for key in keys)
        return [one for one in found if one is not None and one.get("waits")]

    def plan(self, name: str, namespace: str = "") -> Plan | None:
        """What its controller would do now; None where there is no such set."""
        key = Key(STATEFUL_SET, namespace or self.namespace, name)
        return self.engine.reconsider(StatefulSetController.name, key, self._now)

    def unseen(self) -> list[str]:
        """Kinds that we may not see, by the names of their resources."""
        return sorted(BUILT_IN.by_id(kind).plural for kind in self.engine.cache.unseen)

    # --- what is there

    def _fill(self, kind: Kind, namespace: str) -> None:
        mirror = Mirror(kind)
        for obj in listed(self._client, path_of(kind, namespace if kind.is_namespaced else "")):
            for change in mirror.put(obj):
                self.engine.feed(change)

    def _fill_if_seen(self, kind: Kind) -> None:
        try:
            self._fill(kind, self.namespace)
        except ClientError as error:
            if error.code not in ALLOWED_TO_BE_HIDDEN:
                raise
            self.engine.cache.unseen.add(kind.id)

    def _fill_nodes(self) -> None:
        """Only those that a pod in trouble is on: a cluster may have thousands."""
        kind = BUILT_IN.by_id("Node")
        pods = [pod for pod in self.engine.cache.all("Pod") if _is_in_trouble(pod)]
        mirror = Mirror(kind)
        for name in dict.fromkeys(PodView(pod).node for pod in pods):
            try:
                found = self._client.get(path_of(kind, "", name)) if name else None
            except ClientError as error:
                if error.code != 404:
                    self.engine.cache.unseen.add(kind.id)
                    return
                found = None
                self.engine.cache.put(Key(kind.id, "", name), None)  # looked for, and not there
            for change in mirror.put(found) if found else ():
                self.engine.feed(change)

    # --- what others say

    def _warnings(self) -> dict[Key, list[Json]]:
        """The latest warning of each reason about an object, oldest first."""
        path = path_of(event.EVENT, self.namespace)
        try:
            found = list(listed(self._client, path, fieldSelector="type=Warning"))
        except ClientError as error:
            if error.code not in ALLOWED_TO_BE_HIDDEN:
                raise
            return {}
        latest: dict[tuple[Key, str], Json] = {}
        for told in sorted(found, key=self._told_at):
            key = self._concerned(told)
            if key is not None:
                latest.pop((key, str(told["reason"])), None)
                latest[key, str(told["reason"])] = told
        grouped: dict[Key, list[Json]] = {}
        for (key, _), warning in latest.items():
            grouped.setdefault(key, []).append(warning)
        return grouped

    def _concerned(self, told: Json) -> Key | None:
        """Whom a warning is about, if that is still there and the warning not old."""
        about = dig(told, "involvedObject", default={})
        key = Key(str(about.get("kind", "")), str(about.get("namespace") or ""), str(about.get("name", "")))
        obj = self.engine.cache.get(key)
        is_fresh = self._now.wall - times.from_text(self._told_at(told)) < FRESH_SECONDS
        return key if obj is not None and is_fresh and about.get("uid") in (None, "", meta.uid(obj)) else None

    def _told_at(self, told: Json) -> str:
        return event.last_told(told, self._now.text) or self._now.text

    def _testify(self, warnings: dict[Key, list[Json]]) -> None:
        """Put into the journal what each object in trouble waits for, in the words of those who know."""
        for kind in ("Pod", "PersistentVolumeClaim", STATEFUL_SET):
            for obj in self.engine.cache.all(kind):
                key = key_of(kind, obj)
                if _is_in_trouble(obj):
                    self._record(key, self._waits(warnings.get(key, [])[-MOST_WARNINGS:]))

    def _waits(self, warnings: Iterable[Json]) -> Iterator[tuple[str, Waiting]]:
        for told in warnings:
            who = str(told.get("reportingComponent") or dig(told, "source", "component") or "somebody")
            count = int(told.get("count") or dig(told, "series", "count", default=1))
            age = times.short_duration(self._now.wall - times.from_text(self._told_at(told)))
            often = f"{count} times, last " if count > 1 else ""
            since = str(told.get("firstTimestamp") or told.get("eventTime") or "")
            yield who, Waiting(f"{told['reason']}: {_one_line(told['message'])} ({often}{age} ago)", since=since)

    def _record(self, key: Key, waits: Iterable[tuple[str, Waiting]]) -> None:
        by_teller: dict[str, list[Waiting]] = {}
        for who, wait in waits:
            by_teller.setdefault(who, []).append(wait)
        for who, told in by_teller.items():
            self.engine.journal.record(Round(self._now, who, key, waiting=tuple(told)))


def _is_in_trouble(obj: Json) -> bool:
    """Whether an object is on its way to somewhere."""
    if meta.is_terminating(obj):
        return True
    if obj["kind"] == "Pod":
        return not PodView(obj).has_ready_condition
    if obj["kind"] == "PersistentVolumeClaim":
        return bool(dig(obj, "status", "phase") != "Bound")
    wanted, status = obj["spec"].get("replicas", 1), obj.get("status") or {}
    return bool(status.get("readyReplicas", 0) != wanted or status.get("updatedReplicas", 0) != wanted)


def _one_line(message: object) -> str:
    return " ".join(str(message).split())[:300]
