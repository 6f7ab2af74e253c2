"""`stead explain sts/web`: why is it not there yet, which rule says so, and what would end the wait.

Of the stead that runs here, or with --kubeconfig of any cluster.
"""

import argparse
import contextlib
import json
import os
import re
import time
from collections.abc import Callable, Iterator
from difflib import get_close_matches
from functools import partial

from stead.cli import running
from stead.cli.options import add_cluster, add_data, complain, data_directory
from stead.cli.roundlog import in_prospect
from stead.cluster.inspection import Inspection, unseen
from stead.kinds.explanation import EXPLANATION
from stead.kinds.kind import Kind
from stead.kinds.paths import path_of
from stead.kinds.registry import BUILT_IN
from stead.kube import finding
from stead.kube.client import Client, ClientError
from stead.kube.kubeconfig import KubeconfigError
from stead.machinery import times
from stead.machinery.objects import Json
from stead.machinery.times import Now

OF_A_CLUSTER = ("StatefulSet", "Pod", "PersistentVolumeClaim")
LOGS = re.compile(r"kubectl(?: -n \S+)? logs (\S+) -c (\S+)( --previous)?")
NAMELESS = "default"  # where what has no namespace is explained


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("object", metavar="KIND/NAME", help="sts/web, pod/web-1, pvc/www-web-0")
    parser.add_argument("-n", "--namespace", default="", help="(the context's, default)")
    parser.add_argument("-o", "--output", choices=("text", "json"), default="text")
    add_data(parser)
    add_cluster(parser, "explain an object of a real cluster; nothing is written")
    parser.set_defaults(run=run)


def run(parsed: argparse.Namespace) -> int:
    word, _, name = parsed.object.partition("/")
    kind = BUILT_IN.by_word(word)
    if not word or not name:
        return complain(f"{parsed.object!r}: KIND/NAME is wanted, such as sts/web or pod/web-1")
    if parsed.kubeconfig or parsed.context:
        return _of_a_cluster(parsed, word.lower(), name)
    namespace = NAMELESS if kind is not None and not kind.is_namespaced else parsed.namespace or NAMELESS
    try:
        client = running.client(data_directory(parsed))
        explained = client.get(path_of(EXPLANATION, namespace, f"{word.lower()}.{name}"))
    except ClientError as error:
        return complain(_absent(client, kind or word, namespace, name) if error.code == 404 else error)
    except running.NotRunning as error:
        return complain(error)
    if parsed.output == "json":
        print(json.dumps(explained, indent=2))
    else:
        print("\n".join(lines(explained, time.time(), partial(_last_words, client, namespace))))
    return 0


def _of_a_cluster(parsed: argparse.Namespace, word: str, name: str) -> int:
    """Any cluster: looked at once, decided here."""
    kind = BUILT_IN.by_word(word)
    if kind is None or kind.id not in OF_A_CLUSTER:
        known = ", ".join(BUILT_IN.by_id(one).plural for one in OF_A_CLUSTER)
        return complain(f"{parsed.object!r}: of another cluster can be explained {known}")
    try:
        access = finding.access(parsed.kubeconfig, parsed.context, os.environ)
        namespace = parsed.namespace or access.namespace or NAMELESS
        client = Client(access)
        seen = Inspection(client, namespace, Now(time.time(), time.monotonic()))
        explained = seen.explained(f"{word}.{name}")
        if explained is None:
            return complain(_absent(client, kind, namespace, name))
    except (KubeconfigError, ClientError) as error:
        return complain(error)
    plan = seen.plan(name) if kind.id == "StatefulSet" else None
    deeds = in_prospect(plan) if plan is not None else []
    hidden = unseen(seen.engine)
    if parsed.output == "json":
        print(json.dumps({**explained, "next": deeds, "unseen": hidden}, indent=2))
        return 0
    print("\n".join(lines(explained, time.time(), partial(_last_words, client, namespace))))
    if deeds:
        print(f"  to be done by its controller now: {', '.join(deeds)}")
    if hidden:
        print(f"  not seen, for you may not list them: {', '.join(hidden)}")
    return 0


def lines(explained: Json, wall: float, last_words: Callable[[str], str] = lambda remedy: "") -> Iterator[str]:
    """An Explanation as people read it, causes below what they cause; ages are counted to `wall`.

    `last_words`: the end of the log that a remedy says to look at, "" if there is none.
    """
    yield f"{_named(explained['object'])}: {explained['summary']}"
    waits = explained.get("waits", [])
    if not waits:
        yield "  it waits for nothing"
    for wait in waits:
        yield from _told(wait, wall, "  ")
        said = last_words(wait.get("remedy", ""))
        if said:
            yield f"      its last words: {said}"


def _last_words(client: Client, namespace: str, remedy: str) -> str:
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


def _absent(client: Client, kind: Kind | str, namespace: str, name: str) -> str:
    """There is no such object; which names are like it, or which there are. A custom kind is only a word here."""
    if isinstance(kind, str):
        return f"there is no {kind} {name} in namespace {namespace}, or no such kind (see kubectl api-resources)"
    scope = namespace if kind.is_namespaced else ""
    there = [obj["metadata"]["name"] for obj in client.get(path_of(kind, scope))["items"]]
    close = get_close_matches(name, there, n=3, cutoff=0.5) or sorted(there)[:3]
    where = f" in namespace {scope}" if scope else ""
    hint = f"; there is {', '.join(close)}" if close else f"; there is no {kind.name}{where} at all"
    return f"there is no {kind.name} {name}{where}{hint}"
