"""`stead plan -f FILE`: what will happen if I apply this? Asked of a simulation that starts from what is there now.

Exit status: 0 it settles, 1 the API would refuse something (or it cannot be asked), 3 it is applied and does not settle
within the budget; 2 is a mistake in the command line, as everywhere.
"""

import argparse
import json
import os
import time

import msgspec

from stead.cli import running
from stead.cli.foretelling import page
from stead.cli.options import add_cluster, add_data, complain, data_directory
from stead.cluster import manifests
from stead.cluster.manifests import Manifest, ManifestError
from stead.kinds.paths import path_of
from stead.kinds.registry import BUILT_IN
from stead.kube import finding
from stead.kube.client import Client, ClientError
from stead.kube.kubeconfig import KubeconfigError
from stead.kube.pages import listed
from stead.machinery.objects import Json, dig, with_value
from stead.simulation import taking
from stead.simulation.forecast import Forecast, foresee
from stead.simulation.shell import NotSettled

NOT_SETTLED = 3
ALLOWED_TO_BE_HIDDEN = (403, 404)


class Seen(msgspec.Struct):
    """What is there now, and the kinds that may not be seen."""

    objects: list[Json] = []
    hidden: list[str] = []


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "-f", "--filename", metavar="FILE", action="append", required=True, help="manifests; repeatable"
    )
    parser.add_argument("-n", "--namespace", default="", help="of objects that name none (the context's, default)")
    parser.add_argument("-o", "--output", choices=("text", "json"), default="text")
    parser.add_argument("--seconds", type=float, default=3600, help="virtual seconds at most (3600)")
    parser.add_argument("--seed", type=int, default=0, help="what decides everything left to chance (0)")
    add_data(parser)
    add_cluster(parser, "start from a real cluster; nothing is written")
    parser.set_defaults(run=run)


def run(parsed: argparse.Namespace) -> int:
    is_far = bool(parsed.kubeconfig or parsed.context)
    try:
        wanted = manifests.read(parsed.filename)
        client, namespace = _found(parsed, is_far=is_far)
        wanted, unknown = _placed(wanted, parsed.namespace or namespace or "default")
        if not wanted:
            return complain(f"no object that stead knows is in {', '.join(parsed.filename)}")
        seen = _seen(client, wanted) if client is not None else Seen()
        simulation = taking.simulation_of(seen.objects, parsed.seed, time.time())
        forecast = foresee(simulation, wanted, seconds=parsed.seconds, provisions=is_far)
    except ManifestError as error:
        return complain(str(error).replace("nothing was applied", "the API would refuse this; nothing was written"))
    except (KubeconfigError, ClientError, NotSettled) as error:
        return complain(error)
    return _print(parsed, forecast, _assumed(seen, unknown, is_empty=client is None, is_far=is_far))


def _print(parsed: argparse.Namespace, forecast: Forecast, more: list[str]) -> int:
    forecast = msgspec.structs.replace(forecast, assumed=(*forecast.assumed, *more))
    if parsed.output == "json":
        print(json.dumps(msgspec.to_builtins(forecast), indent=2))
    else:
        print("\n".join(page(forecast)))
    return 0 if forecast.is_settled else NOT_SETTLED


def _found(parsed: argparse.Namespace, *, is_far: bool) -> tuple[Client | None, str]:
    """Whom to ask what is there, and the context's namespace; nobody where nothing runs."""
    if is_far:
        access = finding.access(parsed.kubeconfig, parsed.context, os.environ)
        return Client(access), access.namespace
    try:
        return running.client(data_directory(parsed)), ""
    except running.NotRunning:
        return None, ""


def _placed(wanted: list[Manifest], namespace: str) -> tuple[list[Manifest], list[str]]:
    """Every object with its namespace, and the names of those of kinds that stead does not have built in."""
    placed, unknown = [], []
    for one in wanted:
        kind = BUILT_IN.by_type(one.obj["apiVersion"], one.obj["kind"])
        if kind is None:
            unknown.append(f"{one.obj['kind']} {dig(one.obj, 'metadata', 'name', default='')}".strip())
        elif kind.is_namespaced and not dig(one.obj, "metadata", "namespace"):
            placed.append(Manifest(with_value(one.obj, ("metadata", "namespace"), namespace), one.place))
        else:
            placed.append(one)
    return placed, unknown


def _seen(client: Client, wanted: list[Manifest]) -> Seen:
    """What is there of the whole cluster, and of the namespaces that the manifests are for; raises ClientError."""
    seen = Seen()
    named = {dig(one.obj, "metadata", "namespace", default="") for one in wanted}
    for kind in taking.OF_THE_CLUSTER:
        _add(seen, client, kind, "")
    for namespace in sorted(named - {""}):
        for kind in taking.NAMESPACED:
            _add(seen, client, kind, namespace)
    return seen


def _add(seen: Seen, client: Client, name: str, namespace: str) -> None:
    kind = BUILT_IN.by_id(name)
    try:
        for obj in listed(client, path_of(kind, namespace)):
            seen.objects.append({"apiVersion": kind.api_version, "kind": kind.name, **obj})
    except ClientError as error:
        if error.code not in ALLOWED_TO_BE_HIDDEN or name in ("StatefulSet", "Pod"):
            raise
        if kind.plural not in seen.hidden:
            seen.hidden.append(kind.plural)


def _assumed(seen: Seen, unknown: list[str], *, is_empty: bool, is_far: bool) -> list[str]:
    """What this forecast rests on, beside what every one does."""
    told = ["objects are applied as `stead up -f` does: server-side, by force; defaults are those of Kubernetes 1.36"]
    if is_empty:
        told.append("nothing is there now (no stead runs on the data directory): an empty cluster of one node")
    else:
        told.append("pods of namespaces that the manifests do not name take no room on the nodes")
    if is_far:
        told.append("volumes are made and removed at once, whoever makes them there")
    if seen.hidden:
        told.append(f"there are none of these, for you may not list them: {', '.join(seen.hidden)}")
    if unknown:
        told.append(f"these are left out, for stead has no such kinds built in: {', '.join(unknown)}")
    nodes = sum(obj["kind"] == "Node" for obj in seen.objects)
    if nodes > taking.MOST_NODES:
        told.append(f"there are only the first {taking.MOST_NODES} of the {nodes} nodes")
    return told
