"""The downward API: what a pod may read about itself, as text."""

import re

from stead.controllers.kubelet.observed import Observed, containers_of
from stead.machinery import meta, quantity
from stead.machinery.objects import Json, dig, encode

SUBSCRIPT = re.compile(r"^metadata\.(labels|annotations)\['([^']*)'\]$")
PLAIN = {
    "metadata.name": ("metadata", "name"),
    "metadata.namespace": ("metadata", "namespace"),
    "metadata.uid": ("metadata", "uid"),
    "spec.nodeName": ("spec", "nodeName"),
    "spec.serviceAccountName": ("spec", "serviceAccountName"),
}


def host_ips(node: Json | None) -> list[str]:
    """The node's own addresses."""
    addresses: list[Json] = dig(node, "status", "addresses", default=[])
    return [entry["address"] for entry in addresses if entry.get("type") == "InternalIP"]


def field(observed: Observed, path: str) -> str | None:
    """What a fieldRef names; None where there is no such field."""
    pod, ips = observed.pod or {}, list(dig(observed.record, "ips", default=[]))
    if path in PLAIN:
        return str(dig(pod, *PLAIN[path], default=""))
    if match := SUBSCRIPT.match(path):
        return str(dig(pod, "metadata", match[1], match[2], default=""))
    hosts = host_ips(observed.node)
    texts = {
        "metadata.labels": _lines(meta.labels(pod)),
        "metadata.annotations": _lines(meta.annotations(pod)),
        "status.podIP": ips[0] if ips else "",
        "status.podIPs": ",".join(ips),
        "status.hostIP": hosts[0] if hosts else "",
        "status.hostIPs": ",".join(hosts),
    }
    return texts.get(path)


def resource(observed: Observed, reference: Json, container: str) -> str:
    """What a resourceFieldRef names, in units of its divisor, rounded up; a missing limit is the node's."""
    name = reference.get("containerName") or container
    side, _, what = str(reference["resource"]).partition(".")
    specs = (spec for spec in containers_of(observed.pod or {"spec": {}}) if spec["name"] == name)
    spec = next(specs, {})
    written = dig(spec, "resources", side, what)
    if written is None and side == "limits":
        written = dig(observed.node, "status", "allocatable", what)
    divisor = quantity.value(reference.get("divisor") or "0") or 1
    return str(-(-quantity.value(written or "0") // divisor))


def _lines(pairs: Json) -> str:
    return "\n".join(f"{key}={encode(str(pairs[key])).decode()}" for key in sorted(pairs))
