"""`stead explain sts/web`: why is it not there yet, which rule says so, and what would end the wait."""

import argparse
import time

from stead.cli import running
from stead.cli.options import add_data, complain, data_directory
from stead.kinds.registry import BUILT_IN
from stead.kube.client import ClientError
from stead.machinery import times
from stead.machinery.objects import Json


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("object", metavar="KIND/NAME", help="sts/web, pod/web-1, pvc/www-web-0")
    parser.add_argument("-n", "--namespace", default="default")
    add_data(parser)
    parser.set_defaults(run=run)


def run(parsed: argparse.Namespace) -> int:
    word, _, name = parsed.object.partition("/")
    kind = BUILT_IN.by_word(word)
    if kind is None or not name:
        return complain(f"{parsed.object!r}: KIND/NAME is wanted, such as sts/web or pod/web-1")
    try:
        waits = running.client(data_directory(parsed)).get("/stead/waits")["waits"]
    except (running.NotRunning, ClientError) as error:
        return complain(error)
    mine = [wait for wait in waits if _concerns(wait, kind.id, parsed.namespace, name)]
    if not mine:
        print(f"{parsed.object} waits for nothing")
    for wait in mine:
        print(_told(wait))
    return 0


def _concerns(wait: Json, kind: str, namespace: str, name: str) -> bool:
    """The object's own waits; those of a set's pods and claims too."""
    if wait["namespace"] not in ("", namespace):
        return False
    if (wait["kind"], wait["name"]) == (kind, name):
        return True
    return kind == "StatefulSet" and (wait["name"].startswith(f"{name}-") or f"-{name}-" in wait["name"])


def _told(wait: Json) -> str:
    age = times.short_duration(time.time() - wait["since"])
    lines = [f"{wait['kind'].lower()}/{wait['name']}: {wait['text']}, since {age}"]
    if wait["remedy"]:
        lines.append(f"    to end it: {wait['remedy']}")
    if wait["rule"]:
        lines.append(f"    rule {wait['rule']}, {wait['controller']} controller")
    return "\n".join(lines)
