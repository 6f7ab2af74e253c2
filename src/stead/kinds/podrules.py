"""What a pod may not be, and what of it may not change (V-4 in api.md)."""

from collections.abc import Iterator, Sequence
from typing import Any

from stead.kinds import apparmor, objectmeta
from stead.kinds.checks import Errors, between, needed
from stead.kinds.containerrules import without_old
from stead.kinds.podspecrules import MIRROR, pod_annotation_errors, validate_pod_spec
from stead.kinds.schedulingrules import validate_tolerations
from stead.kinds.shownstructs import as_struct, difference
from stead.kinds.syntax import subdomain_faults
from stead.machinery import fields, meta
from stead.machinery.fields import FieldError
from stead.machinery.objects import Json, dig

_MUTABLE = (
    "pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,"
    "`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),"
    "`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)"
)
_LARGEST_DEADLINE = 2**31 - 1


def validate_create(obj: Json) -> Sequence[FieldError]:
    spec = obj["spec"]
    errors = objectmeta.validate_create(obj, subdomain_faults)
    errors += validate_whole(obj)
    if spec.get("ephemeralContainers"):
        errors.append(fields.forbidden("spec.ephemeralContainers", "cannot be set on create"))
    if spec.get("nodeName") and spec.get("schedulingGates"):
        told = "cannot be set until all schedulingGates have been cleared"
        errors.append(fields.forbidden("spec.nodeName", told))
    return errors


def validate_whole(obj: Json, old: Json | None = None) -> Errors:
    """All that holds of a pod whenever it is written; some is let be where it was so before."""
    spec = obj["spec"]
    errors = pod_annotation_errors(meta.annotations(obj), spec, "metadata.annotations")
    errors += validate_pod_spec(spec, "spec", meta.name(obj))
    if not spec.get("serviceAccountName"):
        told = "must not be specified when serviceAccountName is not set"
        errors += [fields.forbidden(path, told) for path in _token_paths(spec)]
    for list_ in ("containers", "initContainers", "ephemeralContainers"):
        errors += _padding_errors(spec.get(list_) or [], f"spec.{list_}")
    return errors if old is None else without_old(errors, old["spec"])


def _token_paths(spec: Json) -> Iterator[str]:
    for index, volume in enumerate(spec.get("volumes") or []):
        for number, source in enumerate(dig(volume, "projected", "sources", default=[])):
            if source.get("serviceAccountToken") is not None:
                yield f"spec.volumes[{index}].projected.sources[{number}].serviceAccountToken"


def _padding_errors(containers: list[Json], path: str) -> Errors:
    told = "must not have leading or trailing whitespace"
    return [
        fields.invalid(f"{path}[{index}].image", container["image"], told)
        for index, container in enumerate(containers)
        if container.get("image", "") != container.get("image", "").strip()
    ]


def validate_update(new: Json, old: Json) -> Sequence[FieldError]:
    """Its images, its deadline, more tolerations, fewer gates: nothing else."""
    spec, before = new["spec"], old["spec"]
    errors = [*objectmeta.validate_update(new, old), *objectmeta.validate_create(new, subdomain_faults)]
    errors += [*validate_whole(new, old), *annotation_changes(new, old)]
    for list_ in ("containers", "initContainers"):
        now, then = spec.get(list_) or [], before.get(list_) or []
        if len(now) != len(then):
            return [*errors, fields.forbidden(f"spec.{list_}", "pod updates may not add or remove containers")]
        for index, container in enumerate(now):
            errors += needed(f"spec.{list_}[{index}].image", container.get("image"))
        errors += _padding_errors(now, f"spec.{list_}")
    deadline = _deadline_errors(spec.get("activeDeadlineSeconds"), before.get("activeDeadlineSeconds"))
    if deadline and spec.get("activeDeadlineSeconds") is not None:
        return [*errors, *deadline]
    errors += deadline
    errors += _toleration_errors(spec.get("tolerations") or [], before.get("tolerations") or [])
    errors += _gate_errors(spec.get("schedulingGates") or [], before.get("schedulingGates") or [])
    if before.get("schedulingGates"):
        errors += _narrowing_errors(spec, before)
    as_before = _with_mutable_of(spec, before)
    if as_before != before:
        errors.append(fields.forbidden("spec", f"{_MUTABLE}\n{difference('core.v1.PodSpec', before, as_before)}"))
    return errors


def _deadline_errors(now: int | None, before: int | None) -> Errors:
    path = "spec.activeDeadlineSeconds"
    if now is None:
        told = "must not update from a positive integer to nil value"
        return [] if before is None else [fields.invalid(path, None, told)]
    errors = between(path, now, 0, _LARGEST_DEADLINE)
    if not errors and before is not None and before < now:
        errors = [fields.invalid(path, now, "must be less than or equal to previous value")]
    return errors


def _toleration_errors(now: list[Json], before: list[Json]) -> Errors:
    """Tolerations may be added; of those there are, the seconds alone may change."""
    kept = [_without_seconds(toleration) for toleration in now]
    if any(_without_seconds(toleration) not in kept for toleration in before):
        told = "existing toleration can not be modified except its tolerationSeconds"
        return [fields.forbidden("spec.tolerations", told)]
    return validate_tolerations(now, "spec.tolerations")


def _without_seconds(toleration: Json) -> Json:
    return {key: value for key, value in toleration.items() if key != "tolerationSeconds" and value}


def _gate_errors(now: list[Json], before: list[Json]) -> Errors:
    known = {gate.get("name", "") for gate in before}
    return [
        fields.forbidden(
            f"spec.schedulingGates[{index}].name",
            f"only deletion is allowed, but found new scheduling gate '{gate.get('name', '')}'",
        )
        for index, gate in enumerate(now)
        if gate.get("name", "") not in known
    ]


def _narrowing_errors(spec: Json, before: Json) -> Errors:
    """A pod that is held back may be told fewer nodes to run on, never others."""
    selector, old = spec.get("nodeSelector") or {}, before.get("nodeSelector") or {}
    errors: Errors = []
    if any(selector.get(key) != value for key, value in old.items()):
        told = "only additions to spec.nodeSelector are allowed (no mutations or deletions)"
        errors.append(fields.invalid("spec.nodeSelector", dict(sorted(selector.items())) or None, told))
    now, then = (
        dig(one, "affinity", "nodeAffinity", _REQUIRED, "nodeSelectorTerms", default=[]) for one in (spec, before)
    )
    path = f"spec.affinity.nodeAffinity.{_REQUIRED}.nodeSelectorTerms"
    if then and len(now) != len(then):
        told = "no additions/deletions to non-empty NodeSelectorTerms list are allowed"
        return [*errors, fields.invalid(path, [as_struct(_TERM, term) for term in now] or None, told)]
    for index, (one, other) in enumerate(zip(now, then, strict=False)):
        if not _is_narrower(one, other):
            told = "only additions are allowed (no mutations or deletions)"
            errors.append(fields.invalid(f"{path}[{index}]", as_struct(_TERM, one), told))
    return errors


def _is_narrower(now: Json, before: Json) -> bool:
    """Whether a term has all that it had, first and in its order; one that said nothing may not begin to."""
    if not before.get("matchExpressions") and not before.get("matchFields"):
        return not now.get("matchExpressions") and not now.get("matchFields")
    pairs = [(now.get(member) or [], before.get(member) or []) for member in ("matchExpressions", "matchFields")]
    return all(after[: len(then)] == then for after, then in pairs)


_REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
_TERM = "core.v1.NodeSelectorTerm"


def _with_mutable_of(spec: Json, before: Json) -> Json:
    """The new spec as it would be if all that may change had not."""
    kept: dict[str, Any] = {**spec}
    for member in ("activeDeadlineSeconds", "schedulingGates", "tolerations"):
        _keep(kept, before, member)
    for list_ in ("containers", "initContainers"):
        if spec.get(list_):
            pairs = zip(spec[list_], before[list_], strict=True)
            kept[list_] = [{**now, "image": then.get("image", "")} for now, then in pairs]
    grace = before.get("terminationGracePeriodSeconds")
    if grace is not None and grace < 0 and spec.get("terminationGracePeriodSeconds") == 1:
        kept["terminationGracePeriodSeconds"] = grace
    if before.get("schedulingGates"):
        _keep(kept, before, "nodeSelector")
        affinity: dict[str, Any] = {**(spec.get("affinity") or {})}
        _keep(affinity, before.get("affinity") or {}, "nodeAffinity")
        if affinity or before.get("affinity") is not None:
            kept["affinity"] = affinity
        else:
            kept.pop("affinity", None)
    return kept


def _keep(spec: dict[str, Any], before: Json, member: str) -> None:
    if before.get(member) is None:
        spec.pop(member, None)
    else:
        spec[member] = before[member]


def annotation_changes(new: Json, old: Json) -> Errors:
    """What a pod mirrors, and what AppArmor does to it, is said once, when it is made."""
    now, before = meta.annotations(new), meta.annotations(old)
    errors: Errors = []
    for key in sorted({*before} - {*now}) + sorted(key for key in before if now.get(key, before[key]) != before[key]):
        what = _said_once(key)
        if what:
            told = f"may not remove or update {what}"
            errors.append(fields.forbidden(f"metadata.annotations[{key}]", told))
    for key in sorted({*now} - {*before}):
        what = _said_once(key)
        if what:
            errors.append(fields.forbidden(f"metadata.annotations[{key}]", f"may not add {what}"))
    return [*errors, *pod_annotation_errors(now, new["spec"], "metadata.annotations")]


def _said_once(key: str) -> str:
    if key == MIRROR:
        return "mirror pod annotation"
    return "AppArmor annotations" if key.startswith(apparmor.PREFIX) else ""
