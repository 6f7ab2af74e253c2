"""Explanations as people read them, and what to say where there is nothing to explain."""

import contextlib
import re
from collections.abc import Callable, Iterator
from difflib import get_close_matches

from stead.kinds.kind import Kind
from stead.kinds.paths import path_of
from stead.kube.client import Client, ClientError
from stead.machinery import times
from stead.machinery.objects import Json

LOGS = re.compile(r"kubectl(?: -n \S+)? logs (\S+) -c (\S+)( --previous)?")


def lines(
    explained: Json, wall: float, last_words: Callable[[str], str] = lambda remedy: "", place: str = ""
) -> Iterator[str]:
    """An Explanation as people read it, causes below what they cause; ages are counted to `wall`.

    `last_words`: the end of the log that a remedy says to look at, "" if there is none. `place` goes after the name.
    """
    yield f"{_named(explained['object'])}{place}: {explained['summary']}"
    waits = explained.get("waits", [])
    if not waits:
        yield "  it waits for nothing"
    for wait in waits:
        yield from _told(wait, wall, "  ")
        said = last_words(wait.get("remedy", ""))
        if said:
            yield f"      its last words: {said}"


def last_words(client: Client, namespace: str, remedy: str) -> str:
    """The last line that a container wrote, where a remedy is to read what it did."""
    found = LOGS.search(remedy)
    if found is None:
        return ""
    pod, container, previous = found.groups()
    path = f"/api/v1/namespaces/{namespace}/pods/{pod}/log?container={container}&tailLines=1"
    for past in ("&previous=true", "") if previous else ("",):
        with contextlib.suppress(ClientError):
            written = client.download(path + past).decode(errors="replace").strip()
            if written:
                return written
    return ""


def _told(wait: Json, wall: float, indent: str, because: str = "") -> Iterator[str]:
    age = times.short_duration(wall - times.from_text(wait["since"]))
    who = f"{because}{_named(wait['object'])} " if because else ""
    yield f"{indent}{who}has waited {age}: {wait['text']}"
    rule = f"rule {wait['rule']}, " if wait.get("rule") else ""
    yield f"{indent}    {rule}{wait['controller']} controller"
    if wait.get("remedy"):
        yield f"{indent}    what to do: {wait['remedy']}"
    for cause in wait.get("because", []):
        yield from _told(cause, wall, f"{indent}  ", "because ")


def _named(obj: Json) -> str:
    return f"{obj['kind'].lower()}/{obj['name']}"


def absent(client: Client, kind: Kind | str, namespace: str, name: str) -> str:
    """There is no such object; which names are like it, or which there are. A custom kind is only a word here."""
    if isinstance(kind, str):
        return f"there is no {kind} {name} in namespace {namespace}, or no such kind (see kubectl api-resources)"
    scope = namespace if kind.is_namespaced else ""
    there = [obj["metadata"]["name"] for obj in client.get(path_of(kind, scope))["items"]]
    close = get_close_matches(name, there, n=3, cutoff=0.5) or sorted(there)[:3]
    where = f" in namespace {scope}" if scope else ""
    hint = f"; there is {', '.join(close)}" if close else f"; there is no {kind.name}{where} at all"
    return f"there is no {kind.name} {name}{where}{hint}"
