"""Small, complete, overridable objects, as the API would have stored them."""

from collections.abc import Sequence
from typing import Any

from stead.controllers.statefulset import identity, spec
from stead.kinds import statefulset
from stead.kinds.encoding import template_data
from stead.machinery import meta
from stead.machinery.names import revision_name
from stead.machinery.objects import Json, decode
from stead.machinery.times import Now, from_text, to_text

NOON = Now(from_text("2026-11-22T12:00:00Z"), 0.0)
AN_HOUR_AGO = to_text(NOON.wall - 3600)

_PHASES = {"R": "Running", "U": "Running", "T": "Running", "P": "Pending", "F": "Failed", "S": "Succeeded"}
_READY = "RT"


def a_template(image: str = "a", **pod_spec: Any) -> Json:
    """A pod template; `image` tells one from another."""
    body = {"containers": [{"name": "nginx", "image": image}], **pod_spec}
    return {"metadata": {"labels": {"app": "nginx"}}, "spec": body}


def a_claim_template(name: str = "www") -> Json:
    asked = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    return {"metadata": {"name": name}, "spec": {**asked, "storageClassName": "fast"}}


def a_stateful_set(
    name: str = "web", replicas: int = 3, *, status: Json | None = None, metadata: Json | None = None, **fields: Any
) -> Json:
    """A stored set with its defaults. `fields` go into the spec, `metadata` over what stands there."""
    asked: dict[str, Any] = {
        "replicas": replicas,
        "serviceName": "nginx",
        "selector": {"matchLabels": {"app": "nginx"}},
        "template": a_template(),
        **fields,
    }
    meta_ = {"name": name, "namespace": "default", "uid": f"{name}-uid", "generation": 1, "resourceVersion": "10"}
    obj = {"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {**meta_, **(metadata or {})}, "spec": asked}
    return {**statefulset.default(obj), "status": status or {"replicas": 0, "availableReplicas": 0}}


def a_revision(of: Json, template: Json, number: int = 1, **metadata: Any) -> Json:
    """The ControllerRevision that keeps `template` (not yet defaulted) for the set `of`."""
    defaulted = statefulset.default({**of, "spec": {**of["spec"], "template": template}})["spec"]["template"]
    data = template_data(defaulted)
    name = revision_name(meta.name(of), data, 0)
    meta_ = {
        "name": name,
        "namespace": meta.namespace(of),
        "uid": f"{name}-uid",
        "resourceVersion": "5",
        "creationTimestamp": AN_HOUR_AGO,
        "labels": {**template["metadata"]["labels"], "controller.kubernetes.io/hash": name.rpartition("-")[2]},
        "ownerReferences": [meta.owner_reference(of)],
        **metadata,
    }
    kind = {"apiVersion": "apps/v1", "kind": "ControllerRevision"}
    return {**kind, "metadata": meta_, "data": decode(data), "revision": number}


def a_pod(
    of: Json,
    ordinal: int = 0,
    state: str = "R",
    *,
    revision: Json | None = None,
    ready_since: str = AN_HOUR_AGO,
    status: Json | None = None,
    **metadata: Any,
) -> Json:
    """Replica `ordinal` of the set `of`, in a state of `pictures`, made from `revision`."""
    read = spec.read(of)
    made = a_revision(of, of["spec"]["template"]) if revision is None else revision
    pod = identity.pod(read, ordinal, made["data"]["spec"]["template"], meta.name(made))
    body = {name: value for name, value in pod["spec"].items() if name != "$patch"}
    stamps: dict[str, Any] = {
        "uid": f"{read.name}-{ordinal}-uid",
        "resourceVersion": "20",
        "creationTimestamp": AN_HOUR_AGO,
    }
    if state == "T":
        stamps["deletionTimestamp"] = AN_HOUR_AGO
    ready = {"type": "Ready", "status": str(state in _READY), "lastTransitionTime": ready_since}
    found = {"phase": _PHASES[state], "conditions": [ready], **(status or {})}
    return {**pod, "metadata": {**pod["metadata"], **stamps, **metadata}, "spec": body, "status": found}


def a_claim(of: Json, ordinal: int = 0, template: str = "www", *, owners: Sequence[Json] = (), **metadata: Any) -> Json:
    """A bound claim of replica `ordinal`."""
    name = f"{template}-{meta.name(of)}-{ordinal}"
    meta_: dict[str, Any] = {"name": name, "namespace": meta.namespace(of), "uid": f"{name}-uid"}
    meta_ |= {"resourceVersion": "30", "creationTimestamp": AN_HOUR_AGO, **metadata}
    if owners:
        meta_["ownerReferences"] = list(owners)
    wanted = a_claim_template(template)["spec"]
    kind = {"apiVersion": "v1", "kind": "PersistentVolumeClaim"}
    return {**kind, "metadata": meta_, "spec": wanted, "status": {"phase": "Bound"}}
