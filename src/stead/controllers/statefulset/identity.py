"""What replica i must be: its name, labels, host name and volumes; and whether a pod that is there is it."""

import re
from functools import lru_cache
from typing import Any, NamedTuple

from stead.controllers.statefulset.spec import Spec
from stead.machinery import meta
from stead.machinery.objects import Json, dig, with_value

POD_NAME_LABEL = "statefulset.kubernetes.io/pod-name"
POD_INDEX_LABEL = "apps.kubernetes.io/pod-index"
REVISION_LABEL = "controller-revision-hash"

_NAME = re.compile(r"(.*)-([0-9]+)", re.ASCII)
HIGHEST = 2**31 - 1
_KEPT_METADATA = ("labels", "annotations", "finalizers")


class Identity(NamedTuple):
    """A pod's name taken apart. `ordinal` is -1 where the number does not fit an int32 (ID-2)."""

    parent: str
    ordinal: int


@lru_cache(16_384)  # a name is taken apart at each change of its pod
def parse(name: str) -> Identity | None:
    """`web-7` to ("web", 7), greedily; None for a name that no replica can have (ID-2)."""
    found = _NAME.fullmatch(name)
    if found is None:
        return None
    ordinal = int(found[2]) if len(found[2]) <= 4000 else HIGHEST + 1
    return Identity(found[1], ordinal if ordinal <= HIGHEST else -1)


def pod_name(spec: Spec, ordinal: int) -> str:
    return f"{spec.name}-{ordinal}"


def claim_name(spec: Spec, template: Json, ordinal: int) -> str:
    """ID-5."""
    return f"{meta.name(template)}-{spec.name}-{ordinal}"


def revision_of(pod: Json) -> str:
    """The name of the ControllerRevision a pod was made from, "" if it does not say."""
    return str(meta.labels(pod).get(REVISION_LABEL, ""))


def pod(spec: Spec, ordinal: int, template: Json, revision: str) -> Json:
    """A new replica, made of `template` as `revision` keeps it (ID-6 to ID-9, SY-5)."""
    name = pod_name(spec, ordinal)
    kept = template.get("metadata") or {}
    metadata: dict[str, Any] = {field: kept[field] for field in _KEPT_METADATA if kept.get(field)}
    labels = {**metadata.get("labels", {}), **_labels(name, ordinal), REVISION_LABEL: revision}
    metadata |= {"name": name, "generateName": f"{spec.name}-", "namespace": spec.namespace}
    metadata |= {"labels": labels, "ownerReferences": [spec.owner]}
    body = {**(template.get("spec") or {}), "hostname": name, "subdomain": spec.service_name}
    if not spec.service_name:
        del body["subdomain"]
    made = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": body}
    return _with_storage(spec, made, ordinal)


def matches(spec: Spec, pod: Json) -> bool:
    """ID-10: name and pod-name label; hostname, subdomain, index and revision are no part of it."""
    name = meta.name(pod)
    found = parse(name)
    if found is None or found.ordinal < 0 or found.parent != spec.name:
        return False
    return name == pod_name(spec, found.ordinal) and meta.labels(pod).get(POD_NAME_LABEL) == name


def has_storage(spec: Spec, pod: Json, ordinal: int) -> bool:
    """PR-7: every claim template has a volume of its name that points at the right claim."""
    if not spec.claim_templates:
        return True
    volumes = {volume["name"]: volume for volume in dig(pod, "spec", "volumes", default=[])}
    return all(
        dig(volumes.get(meta.name(template)), "persistentVolumeClaim", "claimName")
        == claim_name(spec, template, ordinal)
        for template in spec.claim_templates
    )


def repaired(spec: Spec, pod: Json, ordinal: int) -> Json:
    """`pod` with its identity and storage put right. The API refuses some of it (ID-3, PR-7); that is as it is."""
    if not matches(spec, pod):
        name = pod_name(spec, ordinal)
        labels = {**meta.labels(pod), **_labels(name, ordinal)}
        pod = {**pod, "metadata": {**pod["metadata"], "name": name, "namespace": spec.namespace, "labels": labels}}
    return pod if has_storage(spec, pod, ordinal) else _with_storage(spec, pod, ordinal)


def _labels(name: str, ordinal: int) -> dict[str, str]:
    return {POD_NAME_LABEL: name, POD_INDEX_LABEL: str(ordinal)}


def _with_storage(spec: Spec, pod: Json, ordinal: int) -> Json:
    """ID-9: the claims' volumes, in the templates' order, before the template's own of other names."""
    if not spec.claim_templates:
        return pod
    claimed = [
        {"name": meta.name(template), "persistentVolumeClaim": {"claimName": claim_name(spec, template, ordinal)}}
        for template in spec.claim_templates
    ]
    taken = {volume["name"] for volume in claimed}
    others = [volume for volume in dig(pod, "spec", "volumes", default=[]) if volume["name"] not in taken]
    return with_value(pod, ("spec", "volumes"), [*claimed, *others])
