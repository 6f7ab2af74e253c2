"""StatefulSet: defaults, preparation, columns and subresources. What it may not be stands in `statefulsetrules`."""

from typing import Any

from msgspec.structs import replace

from stead.kinds.columns import AGE, NAME, joined
from stead.kinds.defaulting import each, filled, within
from stead.kinds.kind import Column, Kind, Subresource
from stead.kinds.podspec import default_pod_template
from stead.kinds.statefulsetrules import validate_create, validate_status, validate_update, warnings
from stead.kinds.volumes import default_claim_spec
from stead.machinery.objects import Json, dig, with_value, without
from stead.machinery.times import Now


def default(obj: Json) -> Json:
    """D-1 to D-5: every field that a stored StatefulSet always has."""
    spec = filled(obj.get("spec") or {}, podManagementPolicy="OrderedReady", replicas=1, revisionHistoryLimit=10)
    policy = filled(spec.get("persistentVolumeClaimRetentionPolicy") or {}, whenDeleted="Retain", whenScaled="Retain")
    spec = {
        **spec,
        "persistentVolumeClaimRetentionPolicy": policy,
        "updateStrategy": _default_strategy(spec.get("updateStrategy") or {}),
        "template": default_pod_template(spec.get("template") or {}),
    }
    return {**obj, "spec": each(spec, "volumeClaimTemplates", _default_claim_template)}


def _default_strategy(strategy: Json) -> Json:
    """D-2: only a missing type brings a missing `rollingUpdate` into being."""
    if not strategy.get("type"):
        strategy = {**strategy, "type": "RollingUpdate", "rollingUpdate": strategy.get("rollingUpdate") or {}}
    if strategy["type"] != "RollingUpdate":
        return strategy
    return within(strategy, "rollingUpdate", lambda rolling: filled(rolling, partition=0))


def _default_claim_template(template: Json) -> Json:
    """D-5: a template is of one kind, whatever it says, and carries a claim's first status."""
    return {
        **template,
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "spec": default_claim_spec(template.get("spec") or {}),
        "status": filled(template.get("status") or {}, phase="Pending"),
    }


def prepare_create(obj: Json) -> Json:
    """S-1: a new set has no status yet."""
    return without_max_unavailable({**obj, "status": _EMPTY_STATUS})


def prepare_update(new: Json, old: Json) -> Json:
    """S-2: the status is the stored one, whatever was sent."""
    new = {**new, "status": old.get("status") or _EMPTY_STATUS}
    was_used = dig(old, "spec", "updateStrategy", "rollingUpdate", "maxUnavailable") is not None
    return new if was_used else without_max_unavailable(new)


def _default_with_max_unavailable(obj: Json) -> Json:
    """D-2 with the switch on: a rolling update takes one pod at a time, unless it says otherwise."""
    obj = default(obj)
    if dig(obj, "spec", "updateStrategy", "rollingUpdate") is None:
        return obj
    rolling = filled(obj["spec"]["updateStrategy"]["rollingUpdate"], maxUnavailable=1)
    return with_value(obj, ("spec", "updateStrategy", "rollingUpdate"), rolling)


def _create_with_max_unavailable(obj: Json) -> Json:
    return {**obj, "status": _EMPTY_STATUS}


def _update_with_max_unavailable(new: Json, old: Json) -> Json:
    return {**new, "status": old.get("status") or _EMPTY_STATUS}


def prepare_status(new: Json, old: Json) -> Json:
    """S-3: the spec is the stored one, whatever was sent."""
    return {**new, "spec": old["spec"]}


def without_max_unavailable(obj: Json) -> Json:
    """1.36 as it comes has the switch for `maxUnavailable` off, and drops what it does not know."""
    return without(obj, "spec", "updateStrategy", "rollingUpdate", "maxUnavailable")


def _ready(obj: Json, now: Now) -> str:
    return f"{dig(obj, 'status', 'readyReplicas', default=0)}/{dig(obj, 'spec', 'replicas', default=0)}"


def _containers(member: str) -> Any:
    def cell(obj: Json, now: Now) -> str:
        containers = dig(obj, "spec", "template", "spec", "containers", default=[])
        return joined(container.get(member, "") for container in containers)

    return cell


_EMPTY_STATUS = {"replicas": 0, "availableReplicas": 0}

STATEFUL_SET = Kind(
    id="StatefulSet",
    name="StatefulSet",
    plural="statefulsets",
    version="v1",
    group="apps",
    short_names=("sts",),
    categories=("all",),
    type="apps.v1.StatefulSet",
    has_generation=True,
    default=default,
    prepare_create=prepare_create,
    prepare_update=prepare_update,
    prepare_status=prepare_status,
    validate_create=validate_create,
    validate_update=validate_update,
    validate_status=validate_status,
    warnings=warnings,
    columns=(
        NAME,
        Column("Ready", _ready, description="Ready replicas of those wanted."),
        AGE,
        Column("Containers", _containers("name"), priority=1, description="Names of the template's containers."),
        Column("Images", _containers("image"), priority=1, description="Images of the template's containers."),
    ),
    subresources=(Subresource("scale", kind="Scale", group="autoscaling", version="v1"), Subresource("status")),
)

# RU-4: where the switch for `maxUnavailable` is on, as it is again in 1.37
WITH_MAX_UNAVAILABLE = replace(
    STATEFUL_SET,
    default=_default_with_max_unavailable,
    prepare_create=_create_with_max_unavailable,
    prepare_update=_update_with_max_unavailable,
)
