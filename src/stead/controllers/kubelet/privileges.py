"""Who a container may be: what its securityContext asks, and `runAsNonRoot`."""

from typing import Any

from stead.controllers.kubelet.lives import Life
from stead.controllers.kubelet.round import Round
from stead.machinery.objects import Json, dig


def asked(round_: Round, life: Life) -> dict[str, Any]:
    """The fields of StartContainer about users and their rights; a container's own words count before its pod's."""
    pod: Json = dig(round_.pod, "spec", "securityContext", default={})
    own: Json = life.spec.get("securityContext") or {}
    changed = own.get("capabilities") or {}
    return {
        "run_as_user": own.get("runAsUser", pod.get("runAsUser")),
        "run_as_group": own.get("runAsGroup", pod.get("runAsGroup")),
        "groups": tuple(pod.get("supplementalGroups") or ()),
        "capabilities_added": ("ALL",) if own.get("privileged") else tuple(changed.get("add") or ()),
        "capabilities_dropped": tuple(changed.get("drop") or ()),
        "may_gain_privileges": own.get("allowPrivilegeEscalation") is not False,
        "seccomp": _profile(pod, own),
        "is_root_read_only": bool(own.get("readOnlyRootFilesystem")),
    }


def profiles(round_: Round) -> tuple[str, ...]:
    """The seccomp profiles that the pod's containers ask for."""
    pod: Json = dig(round_.pod, "spec", "securityContext", default={})
    found = {_profile(pod, life.spec.get("securityContext") or {}) for life in round_.lives.all}
    return tuple(sorted(found - {""}))


def _profile(pod: Json, own: Json) -> str:
    return "" if own.get("privileged") else _seccomp(own.get("seccompProfile") or pod.get("seccompProfile"))


def _seccomp(profile: Json | None) -> str:
    """`RuntimeDefault`, `Localhost/<path>`, or "" for Unconfined, which is what nobody asked about gets."""
    kind = (profile or {}).get("type", "")
    if kind == "Localhost":
        return f"Localhost/{(profile or {}).get('localhostProfile', '')}"
    return "RuntimeDefault" if kind == "RuntimeDefault" else ""


def problem(round_: Round, life: Life) -> str:
    """Why `runAsNonRoot` forbids the start, in the kubelet's words; "" where it does not."""
    pod: Json = dig(round_.pod, "spec", "securityContext", default={})
    own: Json = life.spec.get("securityContext") or {}
    if not own.get("runAsNonRoot", pod.get("runAsNonRoot")):
        return ""
    user = own.get("runAsUser", pod.get("runAsUser"))
    who = f'(pod: "{round_.full_name}", container: {life.name})'
    if user is not None:
        return "" if user else f"container's runAsUser breaks non-root policy {who}"
    named = str(life.image.get("user", "")).partition(":")[0]
    if named in ("", "0", "root"):
        return f"container has runAsNonRoot and image will run as root {who}"
    told = f"container has runAsNonRoot and image has non-numeric user ({named}), cannot verify user is non-root {who}"
    return "" if named.isdigit() else told
