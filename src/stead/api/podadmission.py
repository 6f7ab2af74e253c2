"""What every pod gets on its way in: an account and its token, a priority, patience with a failing node (S-8)."""

from collections.abc import Iterable
from typing import Any

from stead.api import chance
from stead.api.core import Call, Core
from stead.machinery import errors, meta
from stead.machinery.errors import Forbidden
from stead.machinery.goprint import quoted
from stead.machinery.keys import Key
from stead.machinery.objects import Json, dig

ACCOUNT = "default"
TOKEN_PATH = "/var/run/secrets/kubernetes.io/serviceaccount"
TOKEN_VOLUME = "kube-api-access-"
TOKEN_SECONDS = 3607
MIRROR = "kubernetes.io/config.mirror"
NODE_TROUBLES = ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable")
PRIORITY_CLASSES = {"": 0, "system-cluster-critical": 2_000_000_000, "system-node-critical": 2_000_001_000}


def with_account(core: Core, call: Call, pod: Json) -> Json:
    """The pod with its account, the account's pull secrets and a volume with its token."""
    if MIRROR in meta.annotations(pod):
        return pod
    spec = dict(pod.get("spec") or {})
    name = spec.get("serviceAccountName") or ACCOUNT
    row = core.store.get(Key("ServiceAccount", meta.namespace(pod), name))
    if row is None:
        where = f"{meta.namespace(pod)}/{name}"
        raise _forbidden(pod, f'error looking up service account {where}: serviceaccount "{name}" not found')
    spec["serviceAccountName"] = spec["serviceAccount"] = name
    if not spec.get("imagePullSecrets") and row.obj.get("imagePullSecrets"):
        spec["imagePullSecrets"] = row.obj["imagePullSecrets"]
    if _mounts_token(spec, row.obj):
        spec = _with_token(core, spec)
    return {**pod, "spec": spec}


def _mounts_token(spec: Json, account: Json) -> bool:
    """The pod's word goes before the account's."""
    for said in (spec.get("automountServiceAccountToken"), account.get("automountServiceAccountToken")):
        if said is not None:
            return bool(said)
    return True


def _with_token(core: Core, spec: dict[str, Any]) -> dict[str, Any]:
    volumes = spec.get("volumes") or []
    there = [volume["name"] for volume in volumes if str(volume.get("name", "")).startswith(TOKEN_VOLUME)]
    name = there[0] if there else TOKEN_VOLUME + chance.suffix(core.chance)
    mount = {"name": name, "readOnly": True, "mountPath": TOKEN_PATH}
    is_mounted = False
    for group in ("initContainers", "containers"):
        containers = spec.get(group) or []
        mounted = [_with_mount(container, mount) for container in containers]
        is_mounted = is_mounted or any(new is not old for new, old in zip(mounted, containers, strict=True))
        if containers:
            spec[group] = mounted
    if is_mounted and not there:
        spec["volumes"] = [*volumes, {"name": name, "projected": _token_projection()}]
    return spec


def _with_mount(container: Json, mount: Json) -> Json:
    mounts = container.get("volumeMounts") or []
    if any(found.get("mountPath") == TOKEN_PATH for found in mounts):
        return container
    return {**container, "volumeMounts": [*mounts, mount]}


def _token_projection() -> Json:
    """The token, the certificates to know the API by, the namespace."""
    namespace = {"path": "namespace", "fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.namespace"}}
    sources = [
        {"serviceAccountToken": {"expirationSeconds": TOKEN_SECONDS, "path": "token"}},
        _certificate("kube-root-ca.crt", "ca.crt"),
        {"downwardAPI": {"items": [namespace]}},
        _certificate("openshift-service-ca.crt", "service-ca.crt"),
    ]
    return {"sources": sources, "defaultMode": 0o644}


def _certificate(config_map: str, key: str) -> Json:
    return {"configMap": {"name": config_map, "items": [{"key": key, "path": key}]}}


def with_priority(core: Core, call: Call, pod: Json) -> Json:
    spec = dict(pod["spec"])
    name = spec.get("priorityClassName", "")
    if name not in PRIORITY_CLASSES:
        raise _forbidden(pod, f"no PriorityClass with name {name} was found")
    computed, given = PRIORITY_CLASSES[name], spec.get("priority")
    if given is not None and given != computed:
        raise _forbidden(
            pod,
            f"the integer value of priority ({given}) must not be provided in pod spec; priority admission controller "
            f"computed {computed} from the given PriorityClass name",
        )
    spec["priority"] = computed
    spec.setdefault("preemptionPolicy", "PreemptLowerPriority")
    return {**pod, "spec": spec}


def with_runtime(core: Core, call: Call, pod: Json) -> Json:
    """No runtime class is served, so that none can be found."""
    name = dig(pod, "spec", "runtimeClassName", default="")
    if name:
        raise _forbidden(pod, f"pod rejected: RuntimeClass {quoted(name)} not found")
    return pod


def with_tolerations(core: Core, call: Call, pod: Json) -> Json:
    """A pod stays five minutes (or what the cluster says) on a node in trouble, unless it says otherwise."""
    found = dig(pod, "spec", "tolerations", default=[])
    patience = (core.settings.not_ready_seconds, core.settings.unreachable_seconds)
    missing = [
        _patience(trouble, seconds)
        for trouble, seconds in zip(NODE_TROUBLES, patience, strict=True)
        if not _tolerates(found, trouble)
    ]
    return {**pod, "spec": {**pod["spec"], "tolerations": [*found, *missing]}} if missing else pod


def _patience(trouble: str, seconds: int) -> Json:
    return {"key": trouble, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": seconds}


def _tolerates(tolerations: Iterable[Json], trouble: str) -> bool:
    return any(
        found.get("key", "") in ("", trouble) and found.get("effect", "") in ("", "NoExecute") for found in tolerations
    )


def _forbidden(pod: Json, why: str) -> Forbidden:
    name = meta.name(pod)
    return Forbidden(f'pods "{name}" is forbidden: {why}', details=errors.named("pods", "", name))
