"""The controller at work over several rounds: real engine, real cache, and a hand that carries its actions out.

The hand does what an API server does to pods, claims and revisions, and no more; the test plays kubelet and user.
"""

from collections.abc import Callable
from typing import Any

from stead.controllers.statefulset.controller import StatefulSetController
from stead.controllers.statefulset.profile import V1_36, Profile
from stead.controllers.statefulset.slots import Slots
from stead.engine.journal import Round
from stead.engine.rounds import Engine
from stead.machinery import meta
from stead.machinery.cache import Cache
from stead.machinery.jsonpatch import merge_patch
from stead.machinery.keys import Key, key_of
from stead.machinery.objects import Json, with_value
from stead.machinery.plan import Action, AnyController, Create, Delete, Done, Emit, Outcome, Patch, Refused, Update
from stead.machinery.times import Now
from stead.machinery.watch import WatchEvent
from stead.testing.builders import NOON
from stead.testing.pictures import WEB, drawn, in_picture

Refusal = Callable[[Action], Outcome | None]


class Scene:
    """`refuse` may answer for the API; `told` are the events, `deeds` the actions that were carried out."""

    def __init__(self, spec: str, pods: str = "", *others: Json, profile: Profile = V1_36) -> None:
        self.now = NOON
        self.refuse: Refusal = lambda action: None
        self.told: list[str] = []
        self.deeds: list[Action] = []
        self.controller = StatefulSetController(profile, is_sworn=True)
        self.engine = Engine([self.controller], Cache([Slots(profile)]), self._door)
        self._revision = 100
        self._pending: list[WatchEvent] = []
        for kind in ("ControllerRevision", "PersistentVolumeClaim", "StatefulSet", "Pod", "Service", "Node"):
            for obj in drawn(spec, pods, *others, profile=profile).all(kind):
                self.put(obj)

    # --- what a test does

    def put(self, obj: Json) -> Json:
        """Create or replace any object."""
        key = key_of(obj["kind"], obj)
        old = self.engine.cache.get(key)
        self._revision += 1
        new = with_value(obj, ("metadata", "resourceVersion"), str(self._revision))
        self.engine.feed(WatchEvent("MODIFIED" if old else "ADDED", key, new, old, self._revision))
        return new

    def remove(self, kind: str, name: str) -> None:
        key = Key(kind, "default", name)
        old = self.get(kind, name)
        self._revision += 1
        self.engine.feed(WatchEvent("DELETED", key, old, old, self._revision))

    def get(self, kind: str, name: str) -> Json:
        found = self.engine.cache.get(Key(kind, "default", name))
        assert found is not None, f"no {kind} {name}"
        return found

    def edit(self, **spec: Any) -> None:
        """Change the set's spec."""
        web = self.get("StatefulSet", "web")
        changed = {**web, "spec": {**web["spec"], **spec}}
        self.put(with_value(changed, ("metadata", "generation"), web["metadata"]["generation"] + 1))

    def ready(self, *ordinals: int) -> None:
        """Let pods become Ready."""
        for ordinal in ordinals:
            self.set_state(ordinal, "Running", is_ready=True)

    def set_state(self, ordinal: int, phase: str, *, is_ready: bool = False) -> None:
        ready = {"type": "Ready", "status": str(is_ready), "lastTransitionTime": self.now.text}
        self.put({**self.get("Pod", f"web-{ordinal}"), "status": {"phase": phase, "conditions": [ready]}})

    def gone(self, *ordinals: int) -> None:
        for ordinal in ordinals:
            self.remove("Pod", f"web-{ordinal}")

    def wait(self, seconds: float) -> None:
        self.now = Now(self.now.wall + seconds, self.now.mono + seconds)

    def round(self) -> Round:
        """One round of `web`, due or not; what it did is seen in the next."""
        self.engine.wake("statefulset", WEB)
        done = self.engine.turn(self.now)
        assert done is not None
        for event in self._pending:
            self.engine.feed(event)
        self._pending.clear()
        return done

    def settle(self, *, is_kubelet: bool = True, most: int = 200) -> None:
        """Rounds until one does nothing; the kubelet makes every pod Ready and every terminating one gone."""
        for _ in range(most):
            if not self.round().deeds and not (is_kubelet and self._kubelet()):
                return
        raise AssertionError(f"not settled: {self}")

    def __str__(self) -> str:
        observed = self.controller.observe(self.engine.cache, WEB)
        return in_picture(observed) if observed else ""

    @property
    def status(self) -> Json:
        found: Json = self.get("StatefulSet", "web")["status"]
        return found

    def _kubelet(self) -> bool:
        moved = False
        for pod in list(self.engine.cache.all("Pod")):
            ordinal = int(meta.name(pod).rpartition("-")[2])
            if meta.is_terminating(pod):
                self.gone(ordinal)
                moved = True
            elif pod["status"]["phase"] == "Pending":
                self.ready(ordinal)
                moved = True
        return moved

    # --- what the API does

    def _stored(self, key: Key) -> Json | None:
        """What the API has, which the cache sees only after the round."""
        latest = next((event for event in reversed(self._pending) if event.key == key), None)
        if latest is not None:
            return None if latest.type == "DELETED" else latest.obj
        return self.engine.cache.get(key)

    def _door(self, controller: AnyController, action: Action, now: Now) -> Outcome:
        outcome = self.refuse(action)
        if outcome is not None:
            return outcome
        self.deeds.append(action)
        match action:
            case Emit():
                self.told.append(f"{action.reason}: {action.message}")
                return Done()
            case Create(obj):
                return self._create(obj)
            case Update(obj):
                return self._update(key_of(obj["kind"], obj), obj)
            case Patch():
                return self._patch(action)
            case Delete():
                return self._delete(action)
        raise AssertionError(action)

    def _create(self, obj: Json) -> Outcome:
        key = key_of(obj["kind"], obj)
        if self._stored(key) is not None:
            return Refused("AlreadyExists", f'{key.kind} "{key.name}" already exists')
        self._revision += 1
        new = with_value(obj, ("metadata", "uid"), f"{key.name}-{self._revision}")
        new = with_value(new, ("metadata", "creationTimestamp"), self.now.text)
        return self._write(key, {**new, "status": {"phase": "Pending"}} if key.kind != "ControllerRevision" else new)

    def _update(self, key: Key, obj: Json) -> Outcome:
        old = self._stored(key)
        if old is None:
            return Refused("NotFound", f'pods "{key.name}" not found')
        is_stale = any(old["metadata"].get(name) != obj["metadata"].get(name) for name in ("uid", "resourceVersion"))
        return Refused("Conflict") if is_stale else self._write(key, obj)

    def _patch(self, action: Patch) -> Outcome:
        old = self._stored(action.key)
        if old is None:
            return Refused("NotFound")
        is_stale = action.if_revision not in ("", meta.resource_version(old)) or action.uid not in ("", meta.uid(old))
        return Refused("Conflict") if is_stale else self._write(action.key, merge_patch(old, action.body))

    def _delete(self, action: Delete) -> Outcome:
        old = self._stored(action.key)
        if old is None or action.uid != meta.uid(old):
            return Refused("NotFound" if old is None else "Conflict")
        if action.key.kind == "Pod":
            return self._write(action.key, with_value(old, ("metadata", "deletionTimestamp"), self.now.text))
        self._revision += 1
        self._pending.append(WatchEvent("DELETED", action.key, old, old, self._revision))
        return Done(old)

    def _write(self, key: Key, obj: Json) -> Outcome:
        old = self._stored(key)
        if obj == old:
            return Done(old)
        self._revision += 1
        new = with_value(obj, ("metadata", "resourceVersion"), str(self._revision))
        self._pending.append(WatchEvent("MODIFIED" if old else "ADDED", key, new, old, self._revision))
        return Done(new)
