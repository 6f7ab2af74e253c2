"""Whether a volume may be a claim's: the binder asks it of every volume, the scheduler of every node (3.3.2)."""

from collections.abc import Iterable
from fractions import Fraction

from stead.kinds.claimspec import BETA_CLASS
from stead.kinds.nodeterms import any_term
from stead.kinds.storageclass import is_default
from stead.machinery import meta, quantity, selectors
from stead.machinery.keys import Key
from stead.machinery.objects import Json, dig

CLAIM = "PersistentVolumeClaim"


def class_of(obj: Json) -> str:
    """The class of a claim or volume, "" for none."""
    return str(meta.annotations(obj).get(BETA_CLASS) or dig(obj, "spec", "storageClassName", default=""))


def has_class(claim: Json) -> bool:
    """Whether the claim says a class, if only that it wants none ("")."""
    return BETA_CLASS in meta.annotations(claim) or dig(claim, "spec", "storageClassName") is not None


def default_class(classes: Iterable[Json]) -> str:
    """The name of the default class, "" without one: the newest, then by name (3.3.5)."""
    marked = sorted(filter(is_default, classes), key=meta.name)
    newest = max(marked, key=lambda found: str(found["metadata"].get("creationTimestamp", "")), default=None)
    return meta.name(newest) if newest is not None else ""


def reserved_for(volume: Json) -> Key | None:
    """The claim that the volume's claimRef names."""
    reference = dig(volume, "spec", "claimRef")
    return Key(CLAIM, reference.get("namespace", ""), reference.get("name", "")) if reference else None


def is_kept_for(volume: Json, claim: Json) -> bool:
    """Its claimRef names the claim, and this bearer of the name or any."""
    uid = dig(volume, "spec", "claimRef", "uid", default="")
    named = Key(CLAIM, meta.namespace(claim), meta.name(claim))
    return reserved_for(volume) == named and uid in ("", meta.uid(claim))


def mismatch(volume: Json, claim: Json) -> str:
    """Why a free volume that the claim names will not do, in upstream's words; "" if it will."""
    if size(volume) < wanted_size(claim):
        return "requested PV is too small"
    if class_of(volume) != class_of(claim):
        return "storageClassName does not match"
    if _mode(volume) != _mode(claim):
        return "incompatible volumeMode"
    return "" if _has_modes(volume, claim) else "incompatible accessMode"


def is_large_enough(volume: Json, claim: Json) -> bool:
    """What is asked even of a volume that is kept for the claim."""
    return size(volume) >= wanted_size(claim) and _mode(volume) == _mode(claim) and _has_modes(volume, claim)


def fits(volume: Json, claim: Json) -> bool:
    """A free volume: same class and mode, large enough, all access modes, selected, not on its way out."""
    if meta.is_terminating(volume) or dig(volume, "spec", "claimRef"):
        return False
    selector = claim["spec"].get("selector")
    is_selected = selector is None or selectors.from_object(selector).matches(meta.labels(volume))
    return is_selected and class_of(volume) == class_of(claim) and is_large_enough(volume, claim)


def is_reachable(volume: Json, node: Json) -> bool:
    """Whether the volume can be used on the node (its node affinity)."""
    wanted = dig(volume, "spec", "nodeAffinity", "required")
    return wanted is None or any_term(wanted.get("nodeSelectorTerms") or [], node)


def size(volume: Json) -> Fraction:
    return quantity.value(dig(volume, "spec", "capacity", "storage", default="0"))


def wanted_size(claim: Json) -> Fraction:
    return quantity.value(dig(claim, "spec", "resources", "requests", "storage", default="0"))


def _mode(obj: Json) -> str:
    return str(dig(obj, "spec", "volumeMode", default="Filesystem"))


def _has_modes(volume: Json, claim: Json) -> bool:
    offered = dig(volume, "spec", "accessModes", default=[])
    return all(mode in offered for mode in dig(claim, "spec", "accessModes", default=[]))
