"""Keys whose values a new pod brings itself: they become part of the selectors that they stand beside.

Of pods only, when they are created; a template keeps them as they are.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from stead.machinery.objects import Json

_REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
_PREFERRED = "preferredDuringSchedulingIgnoredDuringExecution"
_OPERATORS = {"matchLabelKeys": "In", "mismatchLabelKeys": "NotIn"}


def merged(spec: Json, labels: Mapping[str, str]) -> Json:
    """`spec` with every selector asking for, or keeping off, what the pod's own labels say under those keys."""
    spreads = spec.get("topologySpreadConstraints")
    if spreads:
        spec = {**spec, "topologySpreadConstraints": [_with_own(one, labels, ("matchLabelKeys",)) for one in spreads]}
    affinity = spec.get("affinity")
    if affinity:
        both = {side: _side(affinity[side], labels) for side in _SIDES if affinity.get(side)}
        spec = {**spec, "affinity": {**affinity, **both}}
    return spec


_SIDES = ("podAffinity", "podAntiAffinity")


def _side(side: Json, labels: Mapping[str, str]) -> Json:
    terms: dict[str, Any] = {}
    if side.get(_REQUIRED):
        terms[_REQUIRED] = [_with_own(term, labels, _OPERATORS) for term in side[_REQUIRED]]
    if side.get(_PREFERRED):
        terms[_PREFERRED] = [
            {**weighted, "podAffinityTerm": _with_own(weighted.get("podAffinityTerm") or {}, labels, _OPERATORS)}
            for weighted in side[_PREFERRED]
        ]
    return {**side, **terms}


def _with_own(term: Json, labels: Mapping[str, str], members: Iterable[str]) -> Json:
    selector = term.get("labelSelector")
    more = [
        {"key": key, "operator": _OPERATORS[member], "values": [labels[key]]}
        for member in members
        for key in term.get(member) or []
        if key in labels
    ]
    if selector is None or not more:
        return term
    expressions = [*(selector.get("matchExpressions") or []), *more]
    return {**term, "labelSelector": {**selector, "matchExpressions": expressions}}
