"""The objects of kind Explanation, made of the journal and the cache when somebody asks."""

from collections.abc import Callable, Iterator
from typing import Any

from stead.cluster import chains, standing
from stead.cluster.chains import Link
from stead.engine.rounds import Engine
from stead.kinds.explanation import API_VERSION, LABEL, name_for
from stead.kinds.registry import Registry
from stead.machinery import meta, times
from stead.machinery.keys import Key
from stead.machinery.objects import Json
from stead.machinery.times import Now

PLACE_OF_NAMESPACELESS = "default"  # as events about nodes and volumes are

ASKED_FOR = ("RU-1", "RU-3")  # OnDelete and partition: the spec itself wants it so


class Explanations:
    """A `Source`: listed is what waits, by name anything that is there or that a StatefulSet is to make."""

    def __init__(self, engine: Engine, registry: Callable[[], Registry]) -> None:
        self._engine = engine
        self._registry = registry

    def all(self, namespace: str, now: Now) -> Iterator[Json]:
        for key in sorted(chains.suspects(self._engine), key=lambda key: (_place(key), name_for(key.kind, key.name))):
            if namespace in ("", _place(key)) and (links := chains.of(self._engine, key, now)):
                yield self._explained(key, links)

    def one(self, namespace: str, name: str, now: Now) -> Json | None:
        """`statefulset.web`, or with any word for the kind: `sts.web`."""
        for key in self._meant(namespace, name):
            explained = self._explained(key, self._links(key, now))
            if explained.get("waits") or explained["summary"]:
                return explained
        return None

    def _meant(self, namespace: str, name: str) -> Iterator[Key]:
        """Which keys a name may mean: kinds and names may both have dots, the longer kind goes first."""
        words = name.split(".")
        for at in range(len(words) - 1, 0, -1):
            kind = self._registry().by_word(".".join(words[:at]))
            if kind is not None and (kind.is_namespaced or namespace == PLACE_OF_NAMESPACELESS):
                yield Key(kind.stored_as or kind.id, namespace if kind.is_namespaced else "", ".".join(words[at:]))

    def _links(self, key: Key, now: Now) -> tuple[Link, ...]:
        """Why it waits; of a replica that is not there, why its set does."""
        links = chains.of(self._engine, key, now)
        if links or self._engine.cache.get(key) is not None:
            return links
        owner = standing.owner_to_be(self._engine.cache, key)
        return chains.of(self._engine, owner, now) if owner is not None else ()

    def _explained(self, key: Key, links: tuple[Link, ...]) -> Json:
        metadata: dict[str, Any] = {"name": name_for(key.kind, key.name), "namespace": _place(key)}
        metadata["labels"] = {LABEL: key.kind.lower()[:63]}
        is_waiting = any(link.wait.rule not in ASKED_FOR for link in links)
        explained = {
            "apiVersion": API_VERSION,
            "kind": "Explanation",
            "metadata": metadata,
            "object": self._reference(key),
            "summary": standing.of(self._engine.cache, key, is_waiting=is_waiting),
        }
        return {**explained, "waits": [self._wait(link) for link in links]} if links else explained

    def _reference(self, key: Key) -> Json:
        obj = self._engine.cache.get(key)
        kind = self._registry().find(key.kind)
        told = {
            "apiVersion": kind.api_version if kind else "",
            "kind": kind.name if kind else key.kind,
            "namespace": key.namespace,
            "name": key.name,
            "uid": meta.uid(obj) if obj is not None else "",
        }
        return {name: value for name, value in told.items() if value}

    def _wait(self, link: Link) -> Json:
        text = link.wait.text.removeprefix(f"{link.about.name}: ")
        told: dict[str, Any] = {"text": text, "object": self._reference(link.about)}
        told |= {"rule": link.wait.rule, "controller": link.controller, "since": times.to_text(link.since)}
        told |= {"remedy": link.wait.remedy, "because": [self._wait(cause) for cause in link.because]}
        return {name: value for name, value in told.items() if value}


def _place(key: Key) -> str:
    return key.namespace or PLACE_OF_NAMESPACELESS
