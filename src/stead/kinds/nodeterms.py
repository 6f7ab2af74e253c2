"""Whether a node is one of those that terms ask for: a pod's node affinity, a volume's (3.4 in around.md)."""

from collections.abc import Callable, Iterable

from stead.machinery import meta
from stead.machinery.objects import Json, dig

REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"


def is_chosen(pod: Json, node: Json) -> bool:
    """Whether the pod's nodeSelector and its required node affinity let it be on the node."""
    labels, spec = meta.labels(node), pod["spec"]
    selector: Json = spec.get("nodeSelector") or {}
    if any(labels.get(name) != value for name, value in selector.items()):
        return False
    wanted = dig(spec, "affinity", "nodeAffinity", REQUIRED)
    return wanted is None or any_term(wanted.get("nodeSelectorTerms") or [], node)


def named_nodes(pod: Json) -> frozenset[str] | None:
    """The only nodes that a pod's required affinity lets it have, where every term names some (`metadata.name`); else
    None. Empty where a term names what cannot be.
    """
    wanted = dig(pod, "spec", "affinity", "nodeAffinity", REQUIRED)
    named = [_names(term) for term in (wanted or {}).get("nodeSelectorTerms") or []]
    known = [names for names in named if names is not None]
    if not named or len(known) < len(named):
        return None
    return frozenset().union(*known) if all(known) else frozenset()


def _names(term: Json) -> frozenset[str] | None:
    wanted = [
        frozenset(one.get("values") or [])
        for one in term.get("matchFields") or []
        if one["key"] == "metadata.name" and one["operator"] == "In"
    ]
    return frozenset.intersection(*wanted) if wanted else None


def any_term(terms: Iterable[Json], node: Json) -> bool:
    """One of the terms holds; of none, none does."""
    return any(holds(term, node) for term in terms)


def holds(term: Json, node: Json) -> bool:
    """All that a term asks of labels and fields; a term that asks nothing matches nothing."""
    labels = meta.labels(node)
    asked = [(one, labels.get(one["key"])) for one in term.get("matchExpressions") or []]
    asked += [(one, meta.name(node)) for one in term.get("matchFields") or [] if one["key"] == "metadata.name"]
    return bool(asked) and all(_OPERATORS[one["operator"]](value, one.get("values") or []) for one, value in asked)


def _number(text: str | None) -> int | None:
    try:
        return int(text) if text is not None else None
    except ValueError:
        return None


def _compares(is_right: Callable[[int, int], bool]) -> Callable[[str | None, list[str]], bool]:
    """A label or a value that is no number matches nothing."""

    def compare(value: str | None, values: list[str]) -> bool:
        found, wanted = _number(value), _number(values[0] if values else None)
        return found is not None and wanted is not None and is_right(found, wanted)

    return compare


_OPERATORS: dict[str, Callable[[str | None, list[str]], bool]] = {
    "In": lambda value, values: value in values,
    "NotIn": lambda value, values: value not in values,
    "Exists": lambda value, values: value is not None,
    "DoesNotExist": lambda value, values: value is None,
    "Gt": _compares(lambda found, wanted: found > wanted),
    "Lt": _compares(lambda found, wanted: found < wanted),
}
