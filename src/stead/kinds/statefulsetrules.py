"""What a StatefulSet may not be, and what of it may not change (2.2 to 2.4 in api.md)."""

from collections.abc import Sequence
from typing import Any

from stead.kinds import objectmeta
from stead.kinds.checks import Errors, bare_invalid, faults, int_or_percent, known, non_negative, not_more_than_all
from stead.kinds.claimspec import validate_claim_spec
from stead.kinds.labelselector import as_shown, validate_selector
from stead.kinds.podspecrules import template_metadata_errors, validate_template
from stead.kinds.podwarnings import claim_warnings, template_warnings
from stead.kinds.shownstructs import as_struct
from stead.kinds.syntax import label_faults
from stead.machinery import fields, selectors
from stead.machinery.fields import FieldError
from stead.machinery.objects import Json, dig

_MUTABLE = (
    "replicas",
    "ordinals",
    "template",
    "updateStrategy",
    "revisionHistoryLimit",
    "persistentVolumeClaimRetentionPolicy",
    "minReadySeconds",
)
_QUOTED = [f"'{name}'" for name in _MUTABLE]
_FORBIDDEN = (
    f"updates to statefulset spec for fields other than {', '.join(_QUOTED[:-1])} and {_QUOTED[-1]} are forbidden"
)
_MANAGEMENT = ("OrderedReady", "Parallel")
_RETENTION = ["Retain", "Delete"]
_COUNTS = ("replicas", "readyReplicas", "currentReplicas", "updatedReplicas", "availableReplicas")


def validate_create(obj: Json) -> Sequence[FieldError]:
    return [*objectmeta.validate_create(obj, label_faults), *_spec_errors(obj["spec"])]


def validate_update(new: Json, old: Json) -> Sequence[FieldError]:
    """U-1 to U-3: what was let in once is not held against an update."""
    spec, before = new["spec"], old["spec"]
    errors = objectmeta.validate_update(new, old)
    errors += _spec_errors(spec, before)
    if _lasting(spec) != _lasting(before):
        errors.append(fields.forbidden("spec", _FORBIDDEN))
    return errors


def _lasting(spec: Json) -> dict[str, Any]:
    """What may not change; an empty list says as much as none."""
    return {member: value for member, value in spec.items() if member not in _MUTABLE and value not in (None, [], {})}


def _spec_errors(spec: Json, before: Json | None = None) -> Errors:
    """`before` is the stored spec, on update: what cannot change any more is let be, right or wrong."""
    errors = _strategy_errors(spec)
    errors += _retention_errors(spec.get("persistentVolumeClaimRetentionPolicy") or {})
    errors += _claim_errors(spec) if before is None else []
    for member in ("replicas", "minReadySeconds"):
        errors += non_negative(f"spec.{member}", spec.get(member))
    errors += non_negative("spec.ordinals.start", dig(spec, "ordinals", "start"))
    name = spec.get("serviceName")
    errors += faults("spec.serviceName", name, label_faults(name)) if name and before is None else []
    errors += _selector_errors(spec.get("selector"))
    errors += _template_errors(spec, before)
    return [*errors, *_restart_errors(dig(spec, "template", "spec", default={}))]


def _strategy_errors(spec: Json) -> Errors:
    management, strategy = spec.get("podManagementPolicy", ""), spec.get("updateStrategy") or {}
    errors: Errors = []
    if management not in _MANAGEMENT:
        errors.append(fields.invalid("spec.podManagementPolicy", management, "must be 'OrderedReady' or 'Parallel'"))
    sort, rolling = strategy.get("type", ""), strategy.get("rollingUpdate")
    if sort == "RollingUpdate":
        return errors + (_rolling_errors(rolling, "spec.updateStrategy.rollingUpdate") if rolling is not None else [])
    if sort != "OnDelete":
        shown = as_struct("apps.v1.StatefulSetUpdateStrategy", strategy)
        return [*errors, fields.invalid("spec.updateStrategy", shown, "must be 'RollingUpdate' or 'OnDelete'")]
    if rolling is not None:
        shown = as_struct("apps.v1.RollingUpdateStatefulSetStrategy", rolling)
        told = "only allowed for updateStrategy 'RollingUpdate'"
        errors.append(fields.invalid("spec.updateStrategy.rollingUpdate", shown, told))
    return errors


def _rolling_errors(rolling: Json, path: str) -> Errors:
    errors = non_negative(f"{path}.partition", rolling.get("partition"))
    most, at = rolling.get("maxUnavailable"), f"{path}.maxUnavailable"
    if most is None:
        return errors
    errors += int_or_percent(at, most)
    if most in (0, "0%"):
        errors.append(fields.invalid(at, most, "cannot be 0"))
    return [*errors, *not_more_than_all(at, most)]


def _retention_errors(policy: Json) -> Errors:
    path = "spec.persistentVolumeClaimRetentionPolicy"
    return [
        error
        for member in ("whenDeleted", "whenScaled")
        for error in known(f"{path}.{member}", policy.get(member, ""), _RETENTION)
    ]


def _claim_errors(spec: Json) -> Errors:
    errors: Errors = []
    for index, template in enumerate(spec.get("volumeClaimTemplates") or []):
        errors += validate_claim_spec(template.get("spec") or {}, f"spec.volumeClaimTemplates[{index}].spec")
    return errors


def _selector_errors(selector: Json | None) -> Errors:
    if selector is None:
        return [fields.required("spec.selector")]
    errors = validate_selector(selector, "spec.selector")
    if not selector.get("matchLabels") and not selector.get("matchExpressions"):
        errors.append(fields.invalid("spec.selector", dict(selector), "empty selector is invalid for statefulset"))
    return errors


def _template_errors(spec: Json, before: Json | None) -> Errors:
    """A selector that cannot be read says so once more, and nothing is said of the template."""
    template, selector = spec.get("template") or {}, spec.get("selector")
    path = "spec.template"
    try:
        understood = selectors.from_object(selector)
    except ValueError:
        return [bare_invalid("spec.selector", as_shown(selector))]
    labels = dig(template, "metadata", "labels", default={})
    errors: Errors = []
    if not understood.is_empty and not understood.matches(labels):
        told = "`selector` does not match template `labels`"
        errors.append(fields.invalid(f"{path}.metadata.labels", dict(sorted(labels.items())) or None, told))
    errors += template_metadata_errors(template.get("metadata") or {}, template.get("spec") or {}, path)
    if before is None or not validate_template(_with_claims(before), path):
        errors += validate_template(_with_claims(spec), path)
    return errors


def _with_claims(spec: Json) -> Json:
    """The template as its pods will have it: a volume for every claim, and no name of their own yet."""
    template = spec.get("template") or {}
    pod = template.get("spec") or {}
    names = dict.fromkeys(
        dig(claim, "metadata", "name", default="") for claim in spec.get("volumeClaimTemplates") or []
    )
    own = [volume for volume in pod.get("volumes") or [] if volume.get("name") not in names]
    claims = [{"name": name, "persistentVolumeClaim": {"claimName": name or "claim"}} for name in names]
    return {**template, "spec": {**pod, "volumes": [*own, *claims], "hostname": "", "subdomain": ""}}


def _restart_errors(pod: Json) -> Errors:
    path = "spec.template.spec"
    errors = known(f"{path}.restartPolicy", pod.get("restartPolicy", ""), ["Always"])
    if pod.get("activeDeadlineSeconds") is not None:
        told = "activeDeadlineSeconds in StatefulSet is not Supported"
        errors.append(fields.forbidden(f"{path}.activeDeadlineSeconds", told))
    return errors


def validate_status(new: Json, old: Json) -> Sequence[FieldError]:
    """V-1."""
    status = new.get("status") or {}
    errors = objectmeta.common(new, old)
    for member in (*_COUNTS, "observedGeneration", "collisionCount"):
        errors += non_negative(f"status.{member}", status.get(member))
    for member in _COUNTS[1:]:
        if status.get(member, 0) > status.get("replicas", 0):
            told = "cannot be greater than status.replicas"
            errors.append(fields.invalid(f"status.{member}", status.get(member, 0), told))
    available = status.get("availableReplicas", 0)
    if available > status.get("readyReplicas", 0):
        told = "cannot be greater than status.readyReplicas"
        errors.append(fields.invalid("status.availableReplicas", available, told))
    errors += objectmeta.changed(new, old)
    collisions, before = status.get("collisionCount"), dig(old, "status", "collisionCount")
    if before is not None and (collisions is None or collisions < before):
        errors.append(fields.invalid("status.collisionCount", collisions or 0, "cannot be decremented"))
    return errors


def warnings(new: Json, old: Json | None) -> Sequence[str]:
    """S-6: of the template where it is new, of the claims and the history always."""
    spec = new["spec"]
    told = [] if old is not None and spec["template"] == old["spec"]["template"] else _template_warnings(spec)
    for index, claim in enumerate(spec.get("volumeClaimTemplates") or []):
        told += claim_warnings(claim.get("spec") or {}, f"spec.volumeClaimTemplates[{index}]")
    if spec.get("revisionHistoryLimit", 0) < 0:
        told.append(
            "spec.revisionHistoryLimit: a negative value retains all historical revisions; a value >= 0 is recommended"
        )
    return told


def _template_warnings(spec: Json) -> list[str]:
    return template_warnings(spec["template"], "spec.template")
