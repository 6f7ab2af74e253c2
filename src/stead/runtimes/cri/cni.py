"""Our own network plugin: an engine runs it in the node's network to plug a pod into the node's bridge.

stead has chosen the pod's address before and written it beside the pod, so there is nothing to lease. Runs in a bare
interpreter (`python -I -S`): the standard library and our own rtnetlink only. CNI speaks over environment, stdin and
stdout. A pod's loopback is turned on here too, so that the plugin which engines call for it has nothing to do.
"""

import contextlib
import json
import os
import sys
from typing import Any

from stead.runtimes.native import linux, network

VERSION = "0.4.0"
_VERSIONS = ("0.3.1", "0.4.0", "1.0.0")
_FAILED = 100
_NAME = 12  # of the container id, in a link's name


def main() -> None:
    """One call. A trouble is answered as CNI wants it: an error object, and status 1."""
    command = os.environ.get("CNI_COMMAND", "")
    try:
        answer = _DEEDS[command]()
    except Exception as error:
        answer = {"cniVersion": VERSION, "code": _FAILED, "msg": f"{command or 'no command'}: {error}"}
        print(json.dumps(answer))
        sys.exit(1)
    if answer:
        print(json.dumps(answer))


def _add() -> dict[str, Any]:
    asked = json.load(sys.stdin)
    inner, prefix, gateway = os.environ["CNI_IFNAME"], int(asked["prefix"]), asked["gateway"]
    address = _address(asked["pods"])
    outside = network.Wires()
    with open(os.environ["CNI_NETNS"]) as there:
        with contextlib.suppress(OSError):
            outside.remove(_cable())
        outside.add_cable(_cable(), inner, there.fileno())
    outside.plug(_cable(), asked["bridge"])
    _enter()
    inside = network.Wires()
    inside.turn_on("lo")
    inside.add_address(inner, address, prefix)
    inside.turn_on(inner)
    inside.add_default_route(gateway)
    return {
        "cniVersion": asked.get("cniVersion", VERSION),
        "interfaces": [{"name": inner, "sandbox": os.environ["CNI_NETNS"]}],
        "ips": [{"version": "4", "address": f"{address}/{prefix}", "gateway": gateway, "interface": 0}],
        "routes": [{"dst": "0.0.0.0/0"}],
        "dns": {},
    }


def _remove() -> dict[str, Any]:
    """Also of what was never added, or is gone with its other end."""
    with contextlib.suppress(OSError):
        network.Wires().remove(_cable())
    return {}


def _check() -> dict[str, Any]:
    return {}


def _version() -> dict[str, Any]:
    return {"cniVersion": VERSION, "supportedVersions": list(_VERSIONS)}


def _address(pods: str) -> str:
    """The address that stead wrote down for this pod."""
    words = os.environ.get("CNI_ARGS", "").split(";")
    told = dict(word.partition("=")[::2] for word in words)
    uid = told["K8S_POD_UID"]
    with open(os.path.join(pods, os.path.basename(uid), "address")) as file:
        return file.read().strip()


def _cable() -> str:
    return "v" + os.environ["CNI_CONTAINERID"][:_NAME]


def _enter() -> None:
    with open(os.environ["CNI_NETNS"]) as there:
        linux.join(there.fileno(), linux.NEW_NET)


_DEEDS = {"ADD": _add, "DEL": _remove, "CHECK": _check, "VERSION": _version}
