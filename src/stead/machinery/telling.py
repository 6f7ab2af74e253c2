"""An Event as it is written when something is told for the first time."""

from stead.machinery import meta
from stead.machinery.objects import Json
from stead.machinery.plan import Emit
from stead.machinery.times import Now

LONGEST_MESSAGE = 1024


def first(emit: Emit, component: str, now: Now, *, serial: int = 0, host: str = "") -> Json:
    """`serial` tells apart the events of one moment; `host` is where the component runs, if that matters."""
    about = emit.about
    space = meta.namespace(about)
    involved = {
        "kind": about["kind"],
        "namespace": space,
        "name": meta.name(about),
        "uid": meta.uid(about),
        "apiVersion": about["apiVersion"],
        "resourceVersion": meta.resource_version(about),
        "fieldPath": emit.part,
    }
    stamp = f"{int(now.wall * 1e9) + serial:x}"
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": f"{meta.name(about)}.{stamp}", "namespace": space or "default"},
        "involvedObject": {name: value for name, value in involved.items() if value},
        "reason": emit.reason,
        "message": emit.message[:LONGEST_MESSAGE],
        "source": {"component": component, **({"host": host} if host else {})},
        "firstTimestamp": now.text,
        "lastTimestamp": now.text,
        "count": 1,
        "type": emit.type,
        "reportingComponent": component,
        "reportingInstance": host,
    }
