"""Who looks at a pod that is going: its end waits a moment, until they watch.

`kubectl delete` asks for the pod once more and then opens a watch; up to 1.35 it compares no uid there. Where the pod
has gone and its StatefulSet has made the next one between the two, kubectl waits for the end of the new one, for ever
(kubernetes/kubernetes#135562). A real node takes a second to end a pod, which hides it; here an end takes milliseconds.
So the end of a pod that somebody has just seen going is put off until they watch, or for a moment.
"""

import re
from collections.abc import Callable
from typing import NamedTuple
from urllib.parse import unquote

from stead.api.request import Request, Response, Stream
from stead.machinery import meta
from stead.machinery.keys import Key
from stead.machinery.objects import Json
from stead.machinery.plan import Action, AnyController, Delete, Outcome, Refused
from stead.machinery.times import Now

LOOK_SECONDS = 0.5  # from a look to the watch that follows it
MOST_SECONDS = 1.0  # from the first look, however often somebody looks
AGAIN_SECONDS = 0.02
KEPT = 1000
_PODS = re.compile(r"/api/v1/(?:watch/)?namespaces/([^/]+)/pods(?:/([^/]+))?")
_ONE = re.compile(r"metadata\.name==?([^,!=]+)")


class _Look(NamedTuple):
    uid: str
    until: float  # monotonic
    at_most: float


class Onlookers:
    """`find` answers an object as it is now, None where there is none. Times are monotonic."""

    def __init__(self, find: Callable[[Key], Json | None], clock: Callable[[], Now]) -> None:
        self._find = find
        self._clock = clock
        self._looks: dict[Key, _Look] = {}

    def note(self, request: Request, answer: Response | Stream) -> None:
        """What was answered: a pod that is going was seen, or somebody watches now what they have seen."""
        match = _PODS.fullmatch(request.path) if request.method == "GET" else None
        if match is None:
            return
        namespace, name = unquote(match[1]), unquote(match[2] or "")
        if name and isinstance(answer, Response):
            self._saw(Key("Pod", namespace, name))
            return
        chosen = _ONE.search(request.parameter("fieldSelector"))
        watched = name or (chosen[1] if chosen else "")
        if watched:
            self._looks.pop(Key("Pod", namespace, watched), None)

    def refuse(self, controller: AnyController, action: Action) -> Outcome | None:
        """The end of a pod that somebody looks at has to be tried again in a moment."""
        if not isinstance(action, Delete) or action.grace_seconds != 0:
            return None
        look = self._looks.get(action.key)
        if look is None or look.uid != action.uid or self._clock().mono >= look.until:
            return None
        return Refused("TooManyRequests", "somebody has just looked at it, and will watch its end", AGAIN_SECONDS)

    def _saw(self, key: Key) -> None:
        pod = self._find(key)
        if pod is None or not meta.is_terminating(pod):
            return
        now, found = self._clock().mono, self._looks.get(key)
        at_most = found.at_most if found is not None and found.uid == meta.uid(pod) else now + MOST_SECONDS
        self._looks[key] = _Look(meta.uid(pod), min(now + LOOK_SECONDS, at_most), at_most)
        while len(self._looks) > KEPT:
            del self._looks[next(iter(self._looks))]
