"""Roles and their bindings: who may do what. The deciding is the api room's; here is what such objects may say."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial

from stead.kinds import objectmeta
from stead.kinds.checks import unchanged
from stead.kinds.columns import AGE, NAME, at
from stead.kinds.defaulting import filled
from stead.kinds.kind import Column, Kind
from stead.kinds.labelselector import validate_selector
from stead.kinds.shownstructs import as_struct
from stead.kinds.syntax import path_segment_faults, subdomain_faults
from stead.machinery import fields
from stead.machinery.fields import FieldError
from stead.machinery.objects import Json
from stead.machinery.times import Now

GROUP = "rbac.authorization.k8s.io"
CREATED = Column("Created At", at("metadata", "creationTimestamp", default=None), type="date")

# --- what they become


def default_binding(obj: Json) -> Json:
    """Users, groups and roles are of this group, service accounts of the core."""
    made = {**obj, "roleRef": {**(obj.get("roleRef") or {})}}
    made["roleRef"]["apiGroup"] = made["roleRef"].get("apiGroup") or GROUP
    if obj.get("subjects"):
        made["subjects"] = [_default_subject(subject) for subject in obj["subjects"]]
    return made


def _default_subject(subject: Json) -> Json:
    is_ours = subject.get("kind") in ("User", "Group")
    return filled(subject, apiGroup=GROUP) if is_ours and not subject.get("apiGroup") else subject


# --- what they may not be


def _role_errors(is_namespaced: bool, obj: Json) -> Sequence[FieldError]:
    errors = list(objectmeta.validate_create(obj, path_segment_faults, is_namespaced=is_namespaced))
    for index, rule in enumerate(obj.get("rules") or ()):
        errors += _rule_errors(rule, f"rules[{index}]", is_namespaced)
    aggregation = obj.get("aggregationRule")
    return errors if aggregation is None else [*errors, *_aggregation_errors(aggregation)]


def _aggregation_errors(aggregation: Json) -> Iterator[FieldError]:
    path, selectors = "aggregationRule.clusterRoleSelectors", aggregation.get("clusterRoleSelectors") or []
    if not selectors:
        yield fields.required(path, "at least one clusterRoleSelector required if aggregationRule is non-nil")
    for index, selector in enumerate(selectors):
        yield from validate_selector(selector, f"{path}[{index}]")


def _role_update_errors(is_namespaced: bool, new: Json, old: Json) -> Sequence[FieldError]:
    errors = [*objectmeta.common(new, old), *_role_errors(is_namespaced, new)]
    return [*errors, *objectmeta.changed(new, old)]


def _rule_errors(rule: Json, path: str, is_namespaced: bool) -> Iterator[FieldError]:
    if not rule.get("verbs"):
        yield fields.required(f"{path}.verbs", "verbs must contain at least one value")
    urls = rule.get("nonResourceURLs")
    if urls and is_namespaced:
        told = "namespaced rules cannot apply to non-resource URLs"
        yield fields.invalid(f"{path}.nonResourceURLs", urls, told)
    if urls:
        if any(rule.get(field) for field in ("apiGroups", "resources", "resourceNames")):
            told = "rules cannot apply to both regular resources and non-resource URLs"
            yield fields.invalid(f"{path}.nonResourceURLs", urls, told)
        return
    if not rule.get("apiGroups"):
        yield fields.required(f"{path}.apiGroups", "resource rules must supply at least one api group")
    if not rule.get("resources"):
        yield fields.required(f"{path}.resources", "resource rules must supply at least one resource")


def _binding_errors(is_namespaced: bool, obj: Json) -> Sequence[FieldError]:
    errors = list(objectmeta.validate_create(obj, path_segment_faults, is_namespaced=is_namespaced))
    reference = obj.get("roleRef") or {}
    if reference.get("apiGroup") != GROUP:
        errors.append(fields.not_supported("roleRef.apiGroup", reference.get("apiGroup"), [GROUP]))
    kinds = ["Role", "ClusterRole"] if is_namespaced else ["ClusterRole"]
    if reference.get("kind") not in kinds:
        errors.append(fields.not_supported("roleRef.kind", reference.get("kind", ""), kinds))
    if not reference.get("name"):
        errors.append(fields.required("roleRef.name"))
    for fault in path_segment_faults(reference.get("name") or "") if reference.get("name") else ():
        errors.append(fields.invalid("roleRef.name", reference["name"], fault))
    for index, subject in enumerate(obj.get("subjects") or ()):
        errors += _subject_errors(subject, f"subjects[{index}]", is_namespaced)
    return errors


def _binding_update_errors(is_namespaced: bool, new: Json, old: Json) -> Sequence[FieldError]:
    errors = [*objectmeta.common(new, old), *_binding_errors(is_namespaced, new), *objectmeta.changed(new, old)]
    if unchanged("roleRef", new.get("roleRef"), old.get("roleRef")):
        shown = as_struct("rbac.v1.RoleRef", new.get("roleRef") or {})
        errors.append(fields.invalid("roleRef", shown, "cannot change roleRef"))
    return errors


def _subject_errors(subject: Json, path: str, is_namespaced: bool) -> Iterator[FieldError]:
    kind, group = subject.get("kind") or "", subject.get("apiGroup") or ""
    if not subject.get("name"):
        yield fields.required(f"{path}.name")
    if kind == "ServiceAccount":
        for fault in subdomain_faults(subject.get("name") or "") if subject.get("name") else ():
            yield fields.invalid(f"{path}.name", subject["name"], fault)
        if group:
            yield fields.not_supported(f"{path}.apiGroup", group, [""])
        if not is_namespaced and not subject.get("namespace"):
            yield fields.required(f"{path}.namespace")
    elif kind in ("User", "Group"):
        if group != GROUP:
            yield fields.not_supported(f"{path}.apiGroup", group, [GROUP])
    else:
        yield fields.not_supported(f"{path}.kind", kind, ["ServiceAccount", "User", "Group"])


# --- how they are shown


def _role_of(obj: Json, now: Now) -> str:
    reference = obj.get("roleRef") or {}
    return f"{reference.get('kind', '')}/{reference.get('name', '')}"


def _subjects(kind: str) -> Callable[[Json, Now], str]:
    def cell(obj: Json, now: Now) -> str:
        found = [subject for subject in obj.get("subjects") or () if subject.get("kind") == kind]
        return ", ".join(_shown(subject) for subject in found)

    return cell


def _shown(subject: Json) -> str:
    name = str(subject.get("name", ""))
    return f"{subject.get('namespace', '')}/{name}" if subject.get("kind") == "ServiceAccount" else name


BINDING_COLUMNS = (
    NAME,
    Column("Role", _role_of),
    AGE,
    Column("Users", _subjects("User"), priority=1),
    Column("Groups", _subjects("Group"), priority=1),
    Column("ServiceAccounts", _subjects("ServiceAccount"), priority=1),
)


def _role(name: str, *, is_namespaced: bool) -> Kind:
    return Kind(
        id=name,
        name=name,
        plural=f"{name.lower()}s",
        version="v1",
        group=GROUP,
        is_namespaced=is_namespaced,
        type=f"rbac.v1.{name}",
        allows_create_on_update=True,
        validate_create=partial(_role_errors, is_namespaced),
        validate_update=partial(_role_update_errors, is_namespaced),
        columns=(NAME, CREATED),
    )


def _binding(name: str, *, is_namespaced: bool) -> Kind:
    return Kind(
        id=name,
        name=name,
        plural=f"{name.lower()}s",
        version="v1",
        group=GROUP,
        is_namespaced=is_namespaced,
        type=f"rbac.v1.{name}",
        allows_create_on_update=True,
        default=default_binding,
        validate_create=partial(_binding_errors, is_namespaced),
        validate_update=partial(_binding_update_errors, is_namespaced),
        columns=BINDING_COLUMNS,
    )


CLUSTER_ROLE_BINDING = _binding("ClusterRoleBinding", is_namespaced=False)
CLUSTER_ROLE = _role("ClusterRole", is_namespaced=False)
ROLE_BINDING = _binding("RoleBinding", is_namespaced=True)
ROLE = _role("Role", is_namespaced=True)
KINDS = (CLUSTER_ROLE_BINDING, CLUSTER_ROLE, ROLE_BINDING, ROLE)
