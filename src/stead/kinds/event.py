"""Event: something was done, or refused. Kept as v1, served as events.k8s.io/v1 too, under that group's names."""

from collections.abc import Sequence
from typing import Any

from stead.kinds import objectmeta
from stead.kinds.checks import Errors, faults, needed, unchanged
from stead.kinds.columns import at, name_of, since
from stead.kinds.kind import Column, Kind
from stead.kinds.shownstructs import as_struct
from stead.kinds.syntax import path_segment_faults, qualified_name_faults, subdomain_faults
from stead.machinery import fields
from stead.machinery.fields import FieldError
from stead.machinery.objects import Json, dig
from stead.machinery.times import Now

# v1's name -> the name in events.k8s.io/v1
_RENAMED = {
    "involvedObject": "regarding",
    "message": "note",
    "source": "deprecatedSource",
    "firstTimestamp": "deprecatedFirstTimestamp",
    "lastTimestamp": "deprecatedLastTimestamp",
    "count": "deprecatedCount",
    "reportingComponent": "reportingController",
}
_OF_NO_NAMESPACE = ("", "default")  # where what is told of the cluster's own objects lies
_NEWER_OF_NO_NAMESPACE = ("default", "kube-system")
_LONGEST_WORD, _LONGEST_MESSAGE = 128, 1024
_RENAMED_BACK = {new: old for old, new in _RENAMED.items()}


def to_events_group(obj: Json) -> Json:
    """A stored event as events.k8s.io/v1 names its fields."""
    renamed = {_RENAMED.get(key, key): value for key, value in obj.items()}
    return {**renamed, "apiVersion": "events.k8s.io/v1"}


def to_core(obj: Json) -> Json:
    """An event of events.k8s.io/v1 as it is kept."""
    renamed = {_RENAMED_BACK.get(key, key): value for key, value in obj.items()}
    return {**renamed, "apiVersion": "v1"}


def last_told(obj: Json, now: str) -> str:
    """When an event was last told, as text; what claims to lie behind `now` does not count."""
    told: list[str | None] = [obj.get("lastTimestamp"), obj.get("eventTime"), dig(obj, "series", "lastObservedTime")]
    created: str = obj["metadata"].get("creationTimestamp", "")
    return max(created, *(text for text in told if text and text <= now), "")


def validate_create(obj: Json) -> Sequence[FieldError]:
    """Upstream asks more of an event that has the newer `eventTime`, and of its metadata only what fits into a URL."""
    return _event_errors(obj) or objectmeta.validate_create(obj, path_segment_faults)


def validate_update(new: Json, old: Json) -> Sequence[FieldError]:
    return [*objectmeta.common(new, old), *_event_errors(new)]


def _event_errors(obj: Json, controller_field: str = "reportingComponent") -> Errors:
    namespace = obj["metadata"].get("namespace", "")
    regarded = dig(obj, "involvedObject", "namespace", default="")
    if obj.get("eventTime"):
        lies_right = bool(regarded) or namespace in _NEWER_OF_NO_NAMESPACE
        errors = _new_event_errors(obj, controller_field)
    else:
        lies_right = regarded == namespace if regarded else namespace in _OF_NO_NAMESPACE
        errors = []
    if not lies_right:
        told = "does not match event.namespace"
        errors = [fields.invalid("involvedObject.namespace", regarded, told), *errors]
    return [*errors, *faults("namespace", namespace, subdomain_faults(namespace))]


def _new_event_errors(obj: Json, controller_field: str) -> Errors:
    controller = obj.get("reportingComponent", "")
    errors = needed(controller_field, controller)
    errors += faults(controller_field, controller, qualified_name_faults(controller))
    for member in ("reportingInstance", "action", "reason"):
        errors += needed(member, obj.get(member))
        if len((obj.get(member) or "").encode()) > _LONGEST_WORD:
            errors.append(fields.invalid(member, "", f"can have at most {_LONGEST_WORD} characters"))
    if len(obj.get("message", "").encode()) > _LONGEST_MESSAGE:
        errors.append(fields.invalid("message", "", f"can have at most {_LONGEST_MESSAGE} characters"))
    return errors


def validate_create_of_its_group(obj: Json) -> Sequence[FieldError]:
    """Who writes under the newer names writes nothing of the older ones, and names the event as anything else."""
    errors = _event_errors(obj, "reportingController")
    return [*errors, *objectmeta.validate_create(obj, subdomain_faults), *_newer_errors(obj)]


def _newer_errors(obj: Json) -> Errors:
    errors = [*_series_errors(obj.get("series")), *needed("eventTime", obj.get("eventTime"))]
    type_ = obj.get("type", "")
    if type_ not in ("Normal", "Warning"):
        errors.append(fields.invalid("type", "", f"has invalid value: {type_}"))
    for member in ("firstTimestamp", "lastTimestamp", "count"):
        errors += [fields.invalid(member, "", "needs to be unset")] if obj.get(member) else []
    source = obj.get("source") or {}
    if source.get("component") or source.get("host"):
        errors.append(fields.invalid("source", "", "needs to be unset"))
    return errors


def _series_errors(series: Json | None) -> Errors:
    if series is None:
        return []
    few = [] if series.get("count", 0) >= 2 else [fields.invalid("series.count", "", "should be at least 2")]
    return [*few, *needed("series.lastObservedTime", series.get("lastObservedTime"))]


def validate_update_of_its_group(new: Json, old: Json) -> Sequence[FieldError]:
    """Only a series goes on; all else was said when it was said."""
    errors = [*objectmeta.common(new, old), *_event_errors(new, "reportingController"), *objectmeta.changed(new, old)]
    if new.get("series") != old.get("series"):
        errors += _series_errors(new.get("series"))
    for member in _SAID:
        told = "reportingController" if member == "reportingComponent" else member
        errors += unchanged(told, _as_go(member, new), _as_go(member, old))
    return errors


def _as_go(member: str, obj: Json) -> Any:
    """A member as upstream's own struct holds it: only what may be missing is missing."""
    value = obj.get(member)
    match member:
        case "involvedObject" | "source":
            return as_struct(f"core.v1.{_STRUCTS[member]}", value or {})
        case "related":
            return None if value is None else as_struct("core.v1.ObjectReference", value)
        case "firstTimestamp" | "lastTimestamp" | "eventTime":
            return value
        case _:
            return value or (0 if member == "count" else "")


_STRUCTS = {"involvedObject": "ObjectReference", "source": "EventSource"}
_SAID = (
    "involvedObject",
    "reason",
    "message",
    "source",
    "firstTimestamp",
    "lastTimestamp",
    "count",
    "reason",  # a reason that changes is told twice
    "type",
    "eventTime",
    "action",
    "related",
    "reportingComponent",
    "reportingInstance",
)


def _last_seen(obj: Json, now: Now) -> str:
    latest = dig(obj, "series", "lastObservedTime") or obj.get("lastTimestamp") or _first(obj)
    return since(latest, now)


def _first_seen(obj: Json, now: Now) -> str:
    return since(_first(obj), now)


def _first(obj: Json) -> Any:
    return obj.get("firstTimestamp") or obj.get("eventTime")


def _count(obj: Json, now: Now) -> int:
    series = dig(obj, "series", "count")
    return int(series or obj.get("count") or 1)


def _object(obj: Json, now: Now) -> str:
    regarded = obj.get("involvedObject") or {}
    kind, name = str(regarded.get("kind", "")).lower(), str(regarded.get("name", ""))
    return f"{kind}/{name}" if name else kind


def _source(obj: Json, now: Now) -> str:
    """`component, host`; the newer reporting fields where the older are empty."""
    component = dig(obj, "source", "component") or obj.get("reportingComponent") or ""
    host = dig(obj, "source", "host") or obj.get("reportingInstance") or ""
    return f"{component}, {host}" if host else str(component)


def _message(obj: Json, now: Now) -> str:
    return str(obj.get("message", "")).strip()


_COLUMNS = (
    Column("Last Seen", _last_seen, description="When it was told last."),
    Column("Type", at("type"), description="Normal or Warning."),
    Column("Reason", at("reason"), description="What it is about, in one word."),
    Column("Object", _object, description="What it tells of."),
    Column("Subobject", at("involvedObject", "fieldPath"), priority=1, description="Which part of the object."),
    Column("Source", _source, priority=1, description="Who tells it."),
    Column("Message", _message, description="What happened."),
    Column("First Seen", _first_seen, priority=1, description="When it was told first."),
    Column("Count", _count, priority=1, description="How often it was told."),
    Column("Name", name_of, format="name", priority=1, description="The event's own name."),
)


def _regarded(member: str) -> Any:
    return lambda obj: str(dig(obj, "involvedObject", member, default=""))


_REGARDED = ("kind", "namespace", "name", "uid", "apiVersion", "resourceVersion", "fieldPath")
_OWN_FIELDS = {
    "reason": lambda obj: str(obj.get("reason", "")),
    "reportingComponent": lambda obj: str(obj.get("reportingComponent", "")),
    "source": lambda obj: str(dig(obj, "source", "component") or obj.get("reportingComponent", "")),
    "type": lambda obj: str(obj.get("type", "")),
}

EVENT = Kind(
    id="Event",
    name="Event",
    plural="events",
    version="v1",
    short_names=("ev",),
    type="core.v1.Event",
    allows_create_on_update=True,
    validate_create=validate_create,
    validate_update=validate_update,
    columns=_COLUMNS,
    selectable_fields={**{f"involvedObject.{member}": _regarded(member) for member in _REGARDED}, **_OWN_FIELDS},
)

# The functions of this kind see stored events, as `stored_as` says; names change only on the way in and out.
EVENT_OF_ITS_GROUP = Kind(
    id="Event.events.k8s.io",
    name="Event",
    plural="events",
    version="v1",
    group="events.k8s.io",
    short_names=("ev",),
    type="events.v1.Event",
    allows_create_on_update=True,
    validate_create=validate_create_of_its_group,
    validate_update=validate_update_of_its_group,
    columns=_COLUMNS,
    selectable_fields={**{f"regarding.{member}": _regarded(member) for member in _REGARDED}, **_OWN_FIELDS},
    stored_as="Event",
    to_stored=to_core,
    from_stored=to_events_group,
)
