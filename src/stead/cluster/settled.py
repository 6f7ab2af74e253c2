"""Whether a StatefulSet is where its spec wants it: what `stead up -d` and a simulation wait for."""

from stead.machinery.objects import Json, dig


def is_settled(obj: Json) -> bool:
    """Seen, all replicas available, none too many, and rolled as far as strategy and partition let it."""
    spec, status = obj["spec"], obj.get("status", {})
    wanted = spec.get("replicas", 1)
    is_seen = status.get("observedGeneration", 0) >= obj["metadata"].get("generation", 0)
    is_whole = status.get("replicas", 0) == status.get("availableReplicas", 0) == wanted
    return is_seen and is_whole and _is_rolled(spec, status, wanted)


def _is_rolled(spec: Json, status: Json, wanted: int) -> bool:
    if dig(spec, "updateStrategy", "type") == "OnDelete":
        return True
    partition: int = dig(spec, "updateStrategy", "rollingUpdate", "partition", default=0)
    is_done = status.get("currentRevision") == status.get("updateRevision")
    return is_done or status.get("updatedReplicas", 0) >= wanted - partition
