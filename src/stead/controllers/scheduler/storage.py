"""Whether a pod's claims let it run, and where (3.3.3, 3.3.9 and 3.4)."""

from collections.abc import Iterable, Iterator

from stead.controllers.scheduler.observed import Claim, Observed
from stead.controllers.scheduler.obstacles import Obstacle
from stead.kinds.claimfit import fits, is_kept_for, is_large_enough, is_reachable, size, wanted_size
from stead.machinery import meta
from stead.machinery.objects import Json, dig

NO_PROVISIONER = "kubernetes.io/no-provisioner"
UNBOUND = "pod has unbound immediate PersistentVolumeClaims"
UNREACHABLE = Obstacle("node(s) didn't match PersistentVolume's node affinity")
NONE_AVAILABLE = Obstacle("node(s) didn't find available persistent volumes to bind")
ELSEWHERE = Obstacle("node(s) had no available volume zone")
PLACES = ("topology.kubernetes.io/zone", "topology.kubernetes.io/region")
IN_USE = Obstacle(
    "node has pod using PersistentVolumeClaim with the same name and ReadWriteOncePod access mode", is_lasting=False
)


def blocked(claims: Iterable[Claim]) -> str:
    """Why no node can do, because of a claim; "" if none does."""
    claims = tuple(claims)
    for claim in claims:
        if claim.obj is None:
            return f'persistentvolumeclaim "{claim.name}" not found'
        if dig(claim.obj, "status", "phase") == "Lost":
            volume = dig(claim.obj, "spec", "volumeName", default="")
            return f'persistentvolumeclaim "{claim.name}" bound to non-existent persistentvolume "{volume}"'
        if meta.is_terminating(claim.obj):
            return f'persistentvolumeclaim "{claim.name}" is being deleted'
    if any(not claim.is_bound and not claim.is_late for claim in claims):
        return UNBOUND
    missing = [dig(claim.obj, "spec", "volumeName") for claim in claims if claim.is_bound and claim.volume is None]
    return f'persistentvolume "{missing[0]}" not found' if missing else ""


def is_alone(observed: Observed, node: Json) -> Iterator[Obstacle]:
    """A ReadWriteOncePod claim has one user."""
    for claim in observed.claims:
        if claim.users and "ReadWriteOncePod" in dig(claim.obj, "spec", "accessModes", default=[]):
            yield IN_USE
            return


def can_have_volumes(observed: Observed, node: Json) -> Iterator[Obstacle]:
    """Bound volumes are in reach, and for each claim that waits for its node there is a volume, or one can be made."""
    if not all(is_reachable(volume, node) for volume in _bound_volumes(observed)):
        yield UNREACHABLE
    if not _finds_volumes(observed, node):
        yield NONE_AVAILABLE


def is_in_zone(observed: Observed, node: Json) -> Iterator[Obstacle]:
    """A volume with the labels of a zone or region is for nodes there; a node that tells neither is everywhere."""
    labels = meta.labels(node)
    if not any(key in labels for key in PLACES):
        return
    wanted = map(meta.labels, _bound_volumes(observed))
    asked = [(key, of_volume[key]) for of_volume in wanted for key in PLACES if key in of_volume]
    if any(labels.get(key) not in values.split("__") for key, values in asked):
        yield ELSEWHERE


def _bound_volumes(observed: Observed) -> list[Json]:
    return [claim.volume for claim in observed.claims if claim.is_bound and claim.volume is not None]


def _finds_volumes(observed: Observed, node: Json) -> bool:
    """The smallest for the claim that asks least, no volume twice."""
    taken: set[str] = set()
    unbound = [(claim.obj, claim.storage_class) for claim in observed.claims if claim.obj and not claim.is_bound]
    for claim, class_ in sorted(unbound, key=lambda one: wanted_size(one[0])):
        volume = _volume_for(claim, observed.volumes, node, taken)
        if volume is not None:
            taken.add(meta.name(volume))
        elif not _can_be_made(class_, node):
            return False
    return True


def _volume_for(claim: Json, volumes: Iterable[Json], node: Json, taken: set[str]) -> Json | None:
    free = [volume for volume in volumes if meta.name(volume) not in taken and _may_be(volume, claim, node)]
    return min(free, key=lambda volume: (size(volume), meta.name(volume)), default=None)


def _may_be(volume: Json, claim: Json, node: Json) -> bool:
    is_kept = bool(dig(volume, "spec", "claimRef")) and is_kept_for(volume, claim) and is_large_enough(volume, claim)
    return (is_kept or fits(volume, claim)) and is_reachable(volume, node)


def _can_be_made(class_: Json | None, node: Json) -> bool:
    """Somebody provisions for the class, and may do so for this node."""
    if dig(class_, "provisioner", default=NO_PROVISIONER) == NO_PROVISIONER:
        return False
    allowed = dig(class_, "allowedTopologies", default=[])
    return not allowed or any(_is_there(term, node) for term in allowed)


def _is_there(term: Json, node: Json) -> bool:
    labels = meta.labels(node)
    return all(labels.get(one["key"]) in one["values"] for one in term.get("matchLabelExpressions") or [])
