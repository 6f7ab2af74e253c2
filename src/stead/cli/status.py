"""`stead status`: what runs, and what it waits for."""

import argparse
import time

from stead.cli import node, running
from stead.cli.options import add_data, complain, data_directory
from stead.kinds.explanation import EXPLANATION
from stead.kinds.paths import path_of
from stead.kube.client import ClientError
from stead.machinery import times
from stead.machinery.objects import Json, dig


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_data(parser)
    parser.set_defaults(run=run)


def run(parsed: argparse.Namespace) -> int:
    data = data_directory(parsed)
    try:
        state = running.state(data)
        client = running.client(data)
        nodes = list(node.lines(client))
        sets = client.get("/apis/apps/v1/statefulsets")["items"]
        explanations = client.get(path_of(EXPLANATION))["items"]
    except (running.NotRunning, ClientError) as error:
        return complain(error)
    print(f"stead is up at {state['url']} (pid {state['pid']}, {state['runtime']}, data in {data})")
    for line in (*nodes, *map(_line, sets)):
        print(f"  {line}")
    for explained in explanations:
        obj, wait = explained["object"], explained["waits"][0]
        age = times.short_duration(time.time() - times.from_text(wait["since"]))
        print(f"  {obj['kind'].lower()}/{obj['name']} has waited {age}: {wait['text']}")
    return 0


def _line(obj: Json) -> str:
    meta, status = obj["metadata"], obj.get("status", {})
    ready, wanted = status.get("readyReplicas", 0), dig(obj, "spec", "replicas", default=1)
    updated = status.get("updatedReplicas", 0)
    rolled = "" if status.get("currentRevision") == status.get("updateRevision") else f", {updated} updated"
    return f"statefulset {meta['namespace']}/{meta['name']}: {ready}/{wanted} Ready{rolled}"
