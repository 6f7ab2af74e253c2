"""AppArmor profiles that annotations still name: a new pod's containers get them as fields."""

from typing import Any

from stead.machinery import meta
from stead.machinery.objects import Json, dig

PREFIX = "container.apparmor.security.beta.kubernetes.io/"
_LOCAL = "localhost/"
_TYPES = {"unconfined": "Unconfined", "runtime/default": "RuntimeDefault"}
_LISTS = ("initContainers", "containers", "ephemeralContainers")


def annotated(pod: Json) -> Json:
    """The pod with the profiles of its annotations as fields, where a container has none and the pod not the same."""
    annotations, spec = meta.annotations(pod), pod["spec"]
    if dig(spec, "os", "name") == "windows" or not any(key.startswith(PREFIX) for key in annotations):
        return pod
    own = dig(spec, "securityContext", "appArmorProfile")
    lists: dict[str, Any] = {}
    for list_ in _LISTS:
        if spec.get(list_):
            lists[list_] = [
                _with_profile(one, annotations.get(PREFIX + one.get("name", "")), own) for one in spec[list_]
            ]
    return {**pod, "spec": {**spec, **lists}}


def _with_profile(container: Json, annotation: str | None, own: Json | None) -> Json:
    profile = profile_of(annotation)
    context = container.get("securityContext") or {}
    if profile is None or context.get("appArmorProfile") is not None or profile == own:
        return container
    return {**container, "securityContext": {**context, "appArmorProfile": profile}}


def profile_of(annotation: str | None) -> Json | None:
    """What an annotation means as a field; None where it would not be let in."""
    if annotation is None:
        return None
    if annotation in _TYPES:
        return {"type": _TYPES[annotation]}
    local = annotation.removeprefix(_LOCAL)
    is_fit = annotation.startswith(_LOCAL) and local and local.strip() == local
    return {"type": "Localhost", "localhostProfile": local} if is_fit else None


def warnings(pod: Json) -> list[str]:
    """Of a new pod, whose annotations have become fields by now."""
    if dig(pod, "spec", "os", "name") == "windows":
        return []
    told: list[str] = []
    for list_ in _LISTS:
        for container in dig(pod, "spec", list_, default=[]):
            key = PREFIX + container.get("name", "")
            annotation = meta.annotations(pod).get(key)
            profile = dig(container, "securityContext", "appArmorProfile")
            named = profile_of(annotation)
            if annotation is not None and (profile == named if named else profile is None):
                told.append(f"metadata.annotations[{key}]: {DEPRECATED}")
    return told


DEPRECATED = 'deprecated since v1.30; use the "appArmorProfile" field instead'


def faults(annotations: Json, spec: Json) -> list[tuple[str, str, str]]:
    """What is wrong with annotations: the key, the value that is shown, and why."""
    names = {container.get("name", "") for list_ in _LISTS[:2] for container in spec.get(list_) or []}
    found: list[tuple[str, str, str]] = []
    for key, value in sorted(annotations.items()):
        name = key.removeprefix(PREFIX)
        if not key.startswith(PREFIX):
            continue
        if name not in names:
            found.append((key, name, "container not found"))
        if value and value not in _TYPES and not value.startswith(_LOCAL):
            found.append((key, value, f'invalid AppArmor profile name: "{value}"'))
    return found
