"""Node: where pods run, and what it says about itself."""

from collections.abc import Sequence

from stead.kinds import objectmeta
from stead.kinds.addresswarnings import range_warnings
from stead.kinds.checks import Errors, faults, one_of
from stead.kinds.columns import AGE, NAME, Cell, at, joined
from stead.kinds.kind import Column, Kind, Subresource
from stead.kinds.resourcenames import amount_errors
from stead.kinds.schedulingrules import TAINT_EFFECTS
from stead.kinds.shownstructs import as_struct
from stead.kinds.syntax import label_value_faults, qualified_name_faults, range_faults, range_version, subdomain_faults
from stead.machinery import fields, meta
from stead.machinery.fields import FieldError
from stead.machinery.objects import Json, dig, with_value
from stead.machinery.times import Now

_ROLE_PREFIX = "node-role.kubernetes.io/"
_ROLE_LABEL = "kubernetes.io/role"


def default(obj: Json) -> Json:
    """What can be used is all there is, unless said otherwise; the first range of pod addresses is told twice."""
    spec = obj.get("spec") or {}
    first, ranges = spec.get("podCIDR") or "", spec.get("podCIDRs") or []
    if first and first != (ranges or [""])[0]:
        obj = with_value(obj, ("spec", "podCIDRs"), [first])
    elif ranges and not first:
        obj = with_value(obj, ("spec", "podCIDR"), ranges[0])
    status = obj.get("status") or {}
    if status.get("allocatable") or not status.get("capacity"):
        return obj
    return with_value(obj, ("status", "allocatable"), status["capacity"])


def prepare_update(new: Json, old: Json) -> Json:
    return {**new, "status": old.get("status") or {}}


def prepare_status(new: Json, old: Json) -> Json:
    return {**new, "spec": old.get("spec") or {}}


def validate_create(obj: Json) -> Sequence[FieldError]:
    errors = [*objectmeta.validate_create(obj, subdomain_faults), *_taint_errors(obj), *_resource_errors(obj)]
    return [*errors, *_range_errors(dig(obj, "spec", "podCIDRs", default=[]))]


def _resource_errors(obj: Json) -> Errors:
    errors: Errors = []
    for list_ in ("capacity", "allocatable"):
        for resource, amount in sorted(dig(obj, "status", list_, default={}).items()):
            errors += amount_errors(resource, amount, f"status.{list_}.{resource}")
    return errors


def _range_errors(ranges: list[str]) -> Errors:
    """Ranges of addresses, at most one of each family."""
    errors: Errors = []
    for index, text in enumerate(ranges):
        errors += faults(f"spec.podCIDRs[{index}]", text, range_faults(text))
    if len(ranges) > 1 and sorted(range_version(text) for text in ranges) != [4, 6]:
        told = "may specify no more than one CIDR for each IP family"
        errors.append(fields.invalid("spec.podCIDRs", ranges, told))
    repeated = [(index, text) for index, text in enumerate(ranges) if text in ranges[:index]]
    return [*errors, *(fields.duplicate(f"spec.podCIDRs[{index}]", text) for index, text in repeated)]


def _taint_errors(obj: Json) -> Errors:
    """Upstream looks for taints under `metadata` in its messages."""
    errors: Errors = []
    seen: set[tuple[str, str]] = set()
    for index, taint in enumerate(dig(obj, "spec", "taints", default=[])):
        path, key, effect = f"metadata.taints[{index}]", taint.get("key", ""), taint.get("effect", "")
        errors += faults(f"{path}.key", key, qualified_name_faults(key))
        if found := label_value_faults(taint.get("value", "")):
            errors.append(fields.invalid(f"{path}.value", taint["value"], ";".join(found)))
        errors += one_of(f"{path}.effect", effect, TAINT_EFFECTS)
        if (key, effect) in seen:
            twice = fields.duplicate(path, as_struct("core.v1.Taint", taint))
            told = f"{twice.text}: taints must be unique by key and effect pair"
            errors.append(FieldError(path, fields.DUPLICATE, told))
        seen.add((key, effect))
    return errors


def validate_update(new: Json, old: Json) -> Sequence[FieldError]:
    errors = [*objectmeta.common(new, old), *validate_create(new), *objectmeta.changed(new, old)]
    return [*errors, *_change_errors(new, old)]


def validate_status(new: Json, old: Json) -> Sequence[FieldError]:
    return [*objectmeta.validate_update(new, old), *_change_errors(new, old)]


def _change_errors(new: Json, old: Json) -> Errors:
    """A provider's id and the node's range of pod addresses are written once; an address is told once.

    Upstream looks at resources and taints here, too: on an update of the node itself they are told of twice.
    """
    errors = [*_resource_errors(new), *_address_errors(dig(new, "status", "addresses", default=[]))]
    now, before = dig(new, "spec", "podCIDRs", default=[]), dig(old, "spec", "podCIDRs", default=[])
    changed = 1 if len(now) != len(before) else sum(one != other for one, other in zip(now, before, strict=True))
    told = 'node updates may not change podCIDR except from "" to valid'
    errors += [fields.forbidden("spec.podCIDRs", told)] * changed if before else []
    provider = dig(old, "spec", "providerID", default="")
    if provider and dig(new, "spec", "providerID", default="") != provider:
        told = 'node updates may not change providerID except from "" to valid'
        errors.append(fields.forbidden("spec.providerID", told))
    errors += _taint_errors(new)
    if dig(new, "spec", "externalID", default="") != dig(old, "spec", "externalID", default=""):
        errors.append(fields.forbidden("spec.externalID", "may not be updated"))
    return errors


def warnings(new: Json, old: Json | None) -> list[str]:
    """What a node says that nobody reads any more, and ranges that are written oddly."""
    spec = new.get("spec") or {}
    told = ["spec.configSource: the feature is removed"] if spec.get("configSource") is not None else []
    if spec.get("externalID"):
        told.append("spec.externalID: this field is deprecated, and is unused by Kubernetes")
    ranges = enumerate(spec.get("podCIDRs") or [])
    return [*told, *(text for index, one in ranges for text in range_warnings(f"spec.podCIDRs[{index}]", one))]


def _address_errors(addresses: list[Json]) -> Errors:
    seen: set[tuple[str, str]] = set()
    errors: Errors = []
    for index, address in enumerate(addresses):
        known = address.get("type", ""), address.get("address", "")
        if known in seen:
            errors.append(fields.duplicate(f"status.addresses[{index}]", as_struct("core.v1.NodeAddress", address)))
        seen.add(known)
    return errors


def _status(obj: Json, now: Now) -> str:
    """`Ready`, `NotReady` or `Unknown`, and whether pods are kept away."""
    ready = meta.condition(obj, "Ready")
    words = ["Unknown" if ready is None else "Ready" if ready.get("status") == "True" else "NotReady"]
    if dig(obj, "spec", "unschedulable", default=False):
        words.append("SchedulingDisabled")
    return joined(words)


def _roles(obj: Json, now: Now) -> str:
    labels = meta.labels(obj)
    roles = {key.removeprefix(_ROLE_PREFIX) for key in labels if key.startswith(_ROLE_PREFIX)} - {""}
    if labels.get(_ROLE_LABEL):
        roles.add(labels[_ROLE_LABEL])
    return joined(sorted(roles)) or "<none>"


def _address(type_: str) -> Cell:
    def cell(obj: Json, now: Now) -> str:
        addresses = dig(obj, "status", "addresses", default=[])
        return next((each["address"] for each in addresses if each["type"] == type_), "<none>")

    return cell


def _info(member: str) -> Cell:
    return lambda obj, now: dig(obj, "status", "nodeInfo", member) or "<unknown>"


def _kernel(obj: Json, now: Now) -> str:
    kernel = _info("kernelVersion")(obj, now)
    architecture = dig(obj, "status", "nodeInfo", "architecture")
    return f"{kernel} ({architecture})" if architecture else kernel


NODE = Kind(
    id="Node",
    name="Node",
    plural="nodes",
    version="v1",
    is_namespaced=False,
    short_names=("no",),
    type="core.v1.Node",
    default=default,
    prepare_update=prepare_update,
    prepare_status=prepare_status,
    validate_create=validate_create,
    validate_update=validate_update,
    validate_status=validate_status,
    warnings=warnings,
    columns=(
        NAME,
        Column("Status", _status, description="Whether it takes pods."),
        Column("Roles", _roles, description="What it is used for."),
        AGE,
        Column("Version", at("status", "nodeInfo", "kubeletVersion"), description="Its kubelet's version."),
        Column("Internal-IP", _address("InternalIP"), priority=1, description="Its address among nodes."),
        Column("External-IP", _address("ExternalIP"), priority=1, description="Its address outside."),
        Column("OS-Image", _info("osImage"), priority=1, description="Its operating system."),
        Column("Kernel-Version", _kernel, priority=1, description="Its kernel."),
        Column("Container-Runtime", _info("containerRuntimeVersion"), priority=1, description="Who runs containers."),
    ),
    subresources=(Subresource("status"),),
    selectable_fields={
        "spec.unschedulable": lambda obj: str(bool(dig(obj, "spec", "unschedulable", default=False))).lower(),
    },
)
