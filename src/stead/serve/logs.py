"""`kubectl logs`: which attempt of which container is meant, what of it is wanted, and following it to its end.

The texts are those of kubelet and API server: people search for them.
"""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import NamedTuple, Protocol

from stead.api.options import integer, is_true
from stead.api.request import Request, Response
from stead.kinds import gotime
from stead.machinery import errors, fields, meta, times
from stead.machinery.errors import BadRequest
from stead.machinery.objects import Json, dig
from stead.machinery.times import Now
from stead.serve.conversation import Conversation

STATUS_LISTS = ("containerStatuses", "initContainerStatuses", "ephemeralContainerStatuses")
CONTAINER_LISTS = ("containers", "initContainers", "ephemeralContainers")
CHUNK_BYTES = 256 * 1024
SHORTEST_NAP, LONGEST_NAP = 0.05, 0.5
LOOK_AGAIN_SECONDS = 0.5
TEXT = Response(200, b"", "text/plain")
NOTHING = Response(204, b"", "")  # of a pod that no node has

WHY_WAITING = {
    "ErrImagePull": "image can't be pulled",
    "ImagePullBackOff": "trying and failing to pull image",
}


class LogWanted(NamedTuple):
    """What of a log is asked for. `since` is RFC 3339 in UTC with nine decimals, b"" from the beginning."""

    tail_lines: int | None = None
    since: bytes = b""
    has_timestamps: bool = False
    limit_bytes: int | None = None


class LogSource(Protocol):
    """One attempt's log, read on and on: what has come since the last call, b"" for nothing yet."""

    @property
    def is_done(self) -> bool:
        """The limit of bytes is reached."""

    def read(self) -> bytes: ...

    def close(self) -> None: ...


class LogRequest(NamedTuple):
    """A log as it is asked for: `since_time` is text still, in RFC 3339."""

    container: str
    is_following: bool
    is_previous: bool
    has_timestamps: bool
    tail_lines: int | None
    limit_bytes: int | None
    since_seconds: int | None
    since_time: str | None

    def wanted(self, now: Now) -> LogWanted:
        wall = times.from_text(self.since_time) if self.since_time else None
        wall = now.wall - self.since_seconds if self.since_seconds is not None else wall
        since = _stamp(wall) if wall is not None else b""
        return LogWanted(self.tail_lines, since, self.has_timestamps, self.limit_bytes)


def asked(request: Request, pod_name: str) -> LogRequest:
    """The parameters, which are looked at before anybody looks for the pod. Raises BadRequest and Invalid."""
    tail, limit, since = (integer(request, name) for name in ("tailLines", "limitBytes", "sinceSeconds"))
    since_time = _moment(request.parameter("sinceTime"))
    wrong: list[fields.FieldError] = []
    if tail is not None and tail < 0:
        wrong.append(fields.invalid("tailLines", tail, "must be greater than or equal to 0"))
    if limit is not None and limit < 1:
        wrong.append(fields.invalid("limitBytes", limit, "must be greater than 0"))
    if since is not None and since_time is not None:
        wrong.append(fields.forbidden("[]", "at most one of `sinceTime` or `sinceSeconds` may be specified"))
    elif since is not None and since < 1:
        wrong.append(fields.invalid("sinceSeconds", since, "must be greater than 0"))
    if request.parameter("stream"):
        wrong.append(fields.forbidden("stream", "may not be specified"))
    if wrong:
        raise errors.invalid("PodLogOptions", "", pod_name, wrong)
    is_following, is_previous, has_timestamps = (is_true(request, n) for n in ("follow", "previous", "timestamps"))
    container = request.parameter("container")
    return LogRequest(container, is_following, is_previous, has_timestamps, tail, limit, since, since_time)


def container_of(pod: Json, asked_for: str) -> str:
    """The container meant: the one asked for, or the only one. Raises BadRequest."""
    lists = [[str(found["name"]) for found in dig(pod, "spec", part, default=[])] for part in CONTAINER_LISTS]
    mains, inits, _ = lists
    if asked_for:
        if not any(asked_for in names for names in lists):
            raise BadRequest(f"container {asked_for} is not valid for pod {meta.name(pod)}")
        return asked_for
    if len(mains) == 1:
        return mains[0]
    if not mains:
        raise BadRequest(f"a container name must be specified for pod {meta.name(pod)}")
    told = f"a container name must be specified for pod {meta.name(pod)}, choose one of: [{' '.join(mains)}]"
    raise BadRequest(told + (f" or one of the init containers: [{' '.join(inits)}]" if inits else ""))


def status_of(pod: Json, container: str) -> Json | None:
    statuses = [found for part in STATUS_LISTS for found in dig(pod, "status", part, default=[])]
    return next((found for found in statuses if found.get("name") == container), None)


def attempt_of(pod: Json, container: str, *, is_previous: bool) -> int:
    """The attempt whose log is meant. Raises BadRequest, in the kubelet's words, where there is none yet."""
    told = f'container "{container}" in pod "{meta.name(pod)}"'
    status = status_of(pod, container)
    if status is None:
        raise BadRequest(f"{told} is not available")
    latest = int(status.get("restartCount", 0))
    state: Json = status.get("state") or {}
    has_ended = "terminated" in (status.get("lastState") or {})
    if is_previous:
        if not has_ended:
            raise BadRequest(f"previous terminated {told} not found")
        return latest if "waiting" in state else latest - 1
    if "running" in state or "terminated" in state or has_ended:
        return latest
    reason = str(dig(state, "waiting", "reason", default=""))
    if not reason:
        raise BadRequest(f"{told} is waiting to start - no logs yet")
    raise BadRequest(f"{told} is waiting to start: {WHY_WAITING.get(reason, reason)}")


def has_ended(pod: Json | None, uid: str, container: str, attempt: int) -> bool:
    """Will this attempt write no more?"""
    if pod is None or meta.uid(pod) != uid:
        return True
    status = status_of(pod, container)
    if status is None or int(status.get("restartCount", 0)) > attempt:
        return True
    return "running" not in (status.get("state") or {})


async def tell(
    conversation: Conversation, source: LogSource, is_over: Callable[[], bool] | None, now: Callable[[], Now]
) -> None:
    """Send a log; with `is_over`, follow it until that is so and nothing more comes."""
    conversation.start(TEXT)
    nap = SHORTEST_NAP
    looked = now().mono
    was_over = is_over is not None and is_over()
    while True:
        data = source.read()
        for at in range(0, len(data), CHUNK_BYTES):
            await conversation.send(data[at : at + CHUNK_BYTES])
        if source.is_done or is_over is None or conversation.is_over or (was_over and not data):
            break
        if data:
            nap = SHORTEST_NAP
            continue
        await asyncio.sleep(nap)
        nap = min(LONGEST_NAP, nap * 1.5)
        if now().mono - looked >= LOOK_AGAIN_SECONDS:
            looked = now().mono
            was_over = is_over()
    conversation.finish()


def _moment(text: str) -> str | None:
    """A time in RFC 3339, None for none; raises BadRequest in Go's words."""
    if not text or text == "null":
        return None
    try:
        return gotime.read_time(text)
    except ValueError as error:
        raise BadRequest(str(error)) from error


def _stamp(wall: float) -> bytes:
    moment = datetime.fromtimestamp(max(0.0, wall), UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond:06d}000Z".encode()
