"""Explanation: why an object is not where it should be. A kind of stead's own, made when asked and never stored."""

from typing import Any

from stead.kinds.columns import since
from stead.kinds.kind import Column, Kind
from stead.machinery.objects import Json, dig
from stead.machinery.times import Now

GROUP = "stead.dev"
API_VERSION = f"{GROUP}/v1"
LABEL = f"{GROUP}/kind"  # which kind of object is explained: `kubectl get explanations -l stead.dev/kind=statefulset`


def name_for(kind_id: str, name: str) -> str:
    """`statefulset.web`: what the explanation of an object is called."""
    return f"{kind_id.lower()}.{name}"


# --- how it is shown


def _first(obj: Json) -> Json:
    waits: list[Json] = obj.get("waits") or [{}]
    return waits[0]


def _text(obj: Json, now: Now) -> str:
    more = len(obj.get("waits") or ()) - 1
    return str(_first(obj).get("text") or obj.get("summary", "")) + (f" (+{more} more)" if more > 0 else "")


def _remedy(wait: Json) -> str:
    """The first that the chain knows."""
    found: list[str] = [wait.get("remedy") or "", *map(_remedy, wait.get("because") or ())]
    return next(filter(None, found), "")


def _since(obj: Json, now: Now) -> str:
    began = _first(obj).get("since")
    return since(began, now) if began else ""


# --- its fields

_TEXT: Json = {"type": "string"}


def _described(schema: Json, description: str) -> Json:
    return {**schema, "description": description}


_OBJECT: Json = {
    "type": "object",
    "properties": dict.fromkeys(("apiVersion", "kind", "namespace", "name", "uid"), _TEXT),
}
_WAIT: dict[str, Json] = {
    "text": _described(_TEXT, "What is waited for, in one plain sentence."),
    "object": _described(_OBJECT, "Whom the wait is about."),
    "rule": _described(_TEXT, "The rule of Kubernetes' behaviour that says so, by its name in stead's documents."),
    "controller": _described(_TEXT, "Who waits."),
    "since": _described({"type": "string", "format": "date-time"}, "Since when."),
    "remedy": _described(_TEXT, "What a person can do. Empty where waiting is the remedy."),
    "because": _described(
        {"type": "array", "items": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}},
        "What the object itself waits for, in the same form.",
    ),
}
_PROPERTIES: dict[str, Any] = {
    "apiVersion": _TEXT,
    "kind": _TEXT,
    "metadata": {"type": "object"},
    "object": _described(_OBJECT, "The object that is explained."),
    "summary": _described(_TEXT, "Where it stands."),
    "waits": {
        "type": "array",
        "items": {"type": "object", "properties": _WAIT},
        "description": "What it waits for; nothing where it is as its spec wants it.",
    },
}

EXPLANATION = Kind(
    id=f"Explanation.{GROUP}",
    name="Explanation",
    plural="explanations",
    version="v1",
    group=GROUP,
    short_names=("why",),
    verbs=("get", "list", "watch"),
    schema={
        "type": "object",
        "description": "Why an object is not where it should be: which rule it waits on, for whom, since when, and "
        "what would end the wait. Read-only, and never stored.",
        "properties": _PROPERTIES,
    },
    columns=(
        Column("Object", lambda obj, now: obj["metadata"]["name"], format="name", description="What is explained."),
        Column("Waits For", _text, description="The first thing it waits for."),
        Column("Since", _since, description="How long it has waited for that."),
        Column("Rule", lambda obj, now: _first(obj).get("rule", ""), description="The rule that says so."),
        Column("Remedy", lambda obj, now: _remedy(_first(obj)), description="What a person can do."),
        Column("Controller", lambda obj, now: _first(obj).get("controller", ""), priority=1, description="Who waits."),
        Column("Summary", lambda obj, now: dig(obj, "summary", default=""), priority=1, description="How it stands."),
    ),
)
