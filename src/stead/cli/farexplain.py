"""`stead explain --kubeconfig`: a real cluster looked at once, and what its StatefulSets wait for."""

import argparse
import json
import os
import time
from collections.abc import Iterator
from functools import partial

from stead.cli.options import complain
from stead.cli.roundlog import in_prospect
from stead.cli.telling import absent, last_words, lines
from stead.cluster.inspection import Inspection
from stead.kinds.kind import Kind
from stead.kinds.registry import BUILT_IN
from stead.kube import finding
from stead.kube.client import Client, ClientError
from stead.kube.kubeconfig import KubeconfigError
from stead.machinery import meta
from stead.machinery.objects import Json
from stead.machinery.times import Now

KINDS = ("StatefulSet", "Pod", "PersistentVolumeClaim")


def run(parsed: argparse.Namespace, word: str, name: str) -> int:
    """One object, or (`name` empty) every StatefulSet that waits."""
    kind = BUILT_IN.by_word(word)
    if kind is None or kind.id not in KINDS or not (name or kind.id == "StatefulSet"):
        known = ", ".join(BUILT_IN.by_id(one).plural for one in KINDS)
        return complain(f"{parsed.object!r}: of another cluster can be explained {known}, or sts alone: all that wait")
    if parsed.all_namespaces and name:
        return complain("-A is for all that wait: stead explain sts -A")
    try:
        access = finding.access(parsed.kubeconfig, parsed.context, os.environ)
        namespace = "" if parsed.all_namespaces else parsed.namespace or access.namespace or "default"
        client = Client(access)
        seen = Inspection(client, namespace, Now(time.time(), time.monotonic()))
        found = [seen.explained(f"{word}.{name}")] if name else seen.waiting()
        if name and found == [None]:
            return complain(absent(client, kind, namespace, name))
    except (KubeconfigError, ClientError) as error:
        return complain(error)
    told = [_with_next(seen, kind, one) for one in found if one is not None]
    if parsed.output == "json":
        print(json.dumps(told[0] if name else told, indent=2))
        return 0
    print("\n".join(_page(seen, client, told, is_all=not name)))
    return 0


def _with_next(seen: Inspection, kind: Kind, explained: Json) -> Json:
    """And what its controller would do now, and what we were not let see."""
    about = explained["object"]
    plan = seen.plan(about["name"], about.get("namespace", "")) if kind.id == "StatefulSet" else None
    return {**explained, "next": in_prospect(plan) if plan is not None else [], "unseen": seen.unseen()}


def _page(seen: Inspection, client: Client, told: list[Json], *, is_all: bool) -> Iterator[str]:
    for explained in told:
        namespace = meta.namespace(explained)
        place = f" in namespace {namespace}" if is_all and not seen.namespace else ""
        yield from lines(explained, time.time(), partial(last_words, client, namespace), place)
        if explained["next"]:
            yield f"  to be done by its controller now: {', '.join(explained['next'])}"
    if is_all:
        number = sum(1 for _ in seen.engine.cache.all("StatefulSet"))
        yield f"{number} StatefulSet{'s' * (number != 1)}, {len(told) or 'none'} waiting"
    if hidden := seen.unseen():
        yield f"  not seen, for you may not list them: {', '.join(hidden)}"
