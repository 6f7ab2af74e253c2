"""`stead node`: the machines behind the nodes of a running stead; switch one off, cut one off, and bring it back."""

import argparse
import time
from collections.abc import Iterator, Mapping

from stead.cli import running
from stead.cli.options import add_data, complain, data_directory
from stead.kube.client import Client, ClientError
from stead.machinery import meta, times
from stead.machinery.objects import Json, dig

PAGE = "/stead/nodes"
VERBS = {
    "stop": "switch the machine off: everything that runs there is killed, and nobody says so",
    "start": "switch it on again",
    "cut": "cut the node off: its pods run on, nobody hears of it and it hears nothing",
    "heal": "mend the network: the node learns what it has missed",
}
BECAME = {
    "stop": "is off: nothing runs there any more, and the control plane has not been told",
    "start": "is on",
    "cut": "is cut off: its pods run on, and the control plane hears nothing of it",
    "heal": "is back on the network",
}
NEXT = {"stop": "stead node start {}", "cut": "stead node heal {}"}
TOLD = {"on": "on", "cut": "cut off", "off": "off"}
LOOK_SECONDS, MOST_SECONDS = 0.02, 60.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_data(parser)
    parser.set_defaults(run=run, verb="list")
    verbs = parser.add_subparsers(metavar="VERB", title="verbs", dest="verb", required=True)
    add_data(verbs.add_parser("list", help="the nodes, what their machines do, and what the cluster thinks of them"))
    for verb, told in VERBS.items():
        command = verbs.add_parser(verb, help=told, description=told)
        command.add_argument("name", metavar="NAME", help="a node's name (stead-2)")
        add_data(command)


def run(parsed: argparse.Namespace) -> int:
    try:
        client = running.client(data_directory(parsed))
        machines = {told["name"]: told for told in client.get(PAGE)}
        if parsed.verb == "list":
            print("\n".join(_table(machines, client)))
            return 0
        if parsed.name not in machines:
            return complain(f"there is no node {parsed.name}; there is {', '.join(machines)}")
        return _ordered(client, parsed.name, parsed.verb)
    except (running.NotRunning, ClientError) as error:
        return complain(error)


def lines(client: Client) -> Iterator[str]:
    """The nodes in `stead status`: nothing of a single one that is as it should be."""
    machines: list[Json] = client.get(PAGE)
    nodes = {meta.name(node): node for node in client.get("/api/v1/nodes")["items"]}
    for told in machines:
        name, (status, since) = told["name"], _status(nodes.get(told["name"]))
        machine = f", its machine is {TOLD[told['state']]}" if told["state"] != "on" else ""
        if len(machines) > 1 or machine or status != "Ready":
            yield f"node {name}: {status} for {since}{machine}"


def _ordered(client: Client, name: str, verb: str) -> int:
    """Order it, and wait until it is so."""
    told: Json = client.ask("POST", f"{PAGE}/{name}/{verb}")
    deadline = time.monotonic() + MOST_SECONDS
    while told["is_changing"]:
        if time.monotonic() > deadline:
            return complain(f"node {name} is still busy with it after {MOST_SECONDS:g} s")
        time.sleep(LOOK_SECONDS)
        told = next(one for one in client.get(PAGE) if one["name"] == name)
    if told["trouble"]:
        return complain(f"node {name}: {told['trouble']}")
    print(f"node {name} {BECAME[verb]}")
    if verb == "cut" and told["note"]:
        print(told["note"])
    if verb in NEXT:
        print(f"to bring it back: {NEXT[verb].format(name)}")
    return 0


def _table(machines: Mapping[str, Json], client: Client) -> list[str]:
    nodes = {meta.name(node): node for node in client.get("/api/v1/nodes")["items"]}
    pods = [str(dig(pod, "spec", "nodeName", default="")) for pod in client.get("/api/v1/pods")["items"]]
    rows = [("NAME", "MACHINE", "STATUS", "SINCE", "PODS", "POD-CIDR")]
    for name, told in machines.items():
        row = (name, TOLD[told["state"]], *_status(nodes.get(name)), str(pods.count(name)), told["pod_cidr"])
        rows.append(row)
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return ["   ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def _status(node: Json | None) -> tuple[str, str]:
    """What the control plane thinks, and since when."""
    if node is None:
        return "not registered", "-"
    ready = meta.condition(node, "Ready") or {}
    words = {"True": "Ready", "False": "NotReady"}.get(ready.get("status", ""), "Unknown")
    since = ready.get("lastTransitionTime")
    age = times.short_duration(time.time() - times.from_text(since)) if since else "-"
    return words + (",SchedulingDisabled" if dig(node, "spec", "unschedulable", default=False) else ""), age
