"""Claims per ordinal, and whom the retention policy makes their owner (PVC and RP in controller.md)."""

from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

from stead.controllers.statefulset import identity
from stead.controllers.statefulset.spec import Spec
from stead.machinery import meta
from stead.machinery.keys import Key
from stead.machinery.objects import Json
from stead.machinery.plan import Patch

KIND = "PersistentVolumeClaim"

Claims: TypeAlias = Callable[[str], Json | None]  # a claim of the set's namespace by its name


def key(spec: Spec, template: Json, ordinal: int) -> Key:
    return Key(KIND, spec.namespace, identity.claim_name(spec, template, ordinal))


def claim(spec: Spec, template: Json, ordinal: int) -> Json:
    """The claim that `template` asks for (PVC-1)."""
    metadata = {field: value for field, value in template["metadata"].items() if field != "creationTimestamp"}
    metadata |= {"name": identity.claim_name(spec, template, ordinal), "namespace": spec.namespace}
    metadata["labels"] = {**metadata.get("labels", {}), **spec.match_labels}
    return {"apiVersion": "v1", "kind": KIND, "metadata": metadata, "spec": template.get("spec") or {}}


def missing(spec: Spec, ordinal: int, claims: Claims) -> Iterator[Json]:
    """Claims that are not there yet, ready to be created; those that are there are used as they are (PVC-2)."""
    for template in spec.claim_templates:
        if claims(identity.claim_name(spec, template, ordinal)) is None:
            yield claim(spec, template, ordinal)


def existing(spec: Spec, ordinal: int, claims: Claims) -> Iterator[Json]:
    for template in spec.claim_templates:
        found = claims(identity.claim_name(spec, template, ordinal))
        if found is not None:
            yield found


def terminating(spec: Spec, ordinal: int, claims: Claims) -> Iterator[Json]:
    """PVC-4."""
    return (found for found in existing(spec, ordinal, claims) if meta.is_terminating(found))


def stale(spec: Spec, ordinal: int, claims: Claims) -> Json | None:
    """PVC-8: with whenScaled=Delete, a claim that still belongs to an earlier pod of this name."""
    if spec.when_scaled != "Delete":
        return None
    name = identity.pod_name(spec, ordinal)
    return next((found for found in existing(spec, ordinal, claims) if _pod_refs(found, name)), None)


def is_kept_right(spec: Spec, claim: Json, pod: Json) -> bool:
    """Whether the claim's owners are what the policy asks for (RP-1, RP-3 to RP-6)."""
    refs = meta.owners(claim)
    if not refs:
        return not _wanted(spec, pod)
    if _is_stale(spec, refs, pod):
        return True
    ours = [ref for ref in refs if ref["uid"] in (spec.uid, meta.uid(pod))]
    if has_conflict(spec, claim, pod):
        return not ours
    if any(not ref.get("controller") for ref in ours):
        return False
    return sorted(ref["uid"] for ref in ours) == [ref["uid"] for ref in _wanted(spec, pod)]


def has_conflict(spec: Spec, claim: Json, pod: Json) -> bool:
    """RP-4: somebody else controls the claim, an earlier bearer of our own names included."""
    if spec.retains_all:
        return False
    return any(
        ref["uid"] not in (spec.uid, meta.uid(pod)) and (ref.get("controller") or _is_named(spec, ref, pod))
        for ref in meta.owners(claim)
    )


def keep(spec: Spec, claim: Json, pod: Json) -> Patch:
    """Give the claim the owners that the policy asks for; foreign ones that do not control stay (RP-5)."""
    refs = [ref for ref in meta.owners(claim) if not _is_named(spec, ref, pod)]
    if not has_conflict(spec, claim, pod):
        refs = [*refs, *_wanted(spec, pod)]
    key = Key(KIND, spec.namespace, meta.name(claim))
    body = {"metadata": {"ownerReferences": refs or None}}
    return Patch(key, body, uid=meta.uid(claim), if_revision=meta.resource_version(claim))


def _wanted(spec: Spec, pod: Json) -> list[dict[str, Any]]:
    """The table of RP-1."""
    found = identity.parse(meta.name(pod))
    if found is not None and not spec.wants(found.ordinal) and spec.when_scaled == "Delete":
        return [_pod_owner(pod)]
    return [spec.owner] if spec.when_deleted == "Delete" else []


def _pod_owner(pod: Json) -> dict[str, Any]:
    reference = {"apiVersion": "v1", "kind": "Pod", "name": meta.name(pod), "uid": meta.uid(pod)}
    return {**reference, "controller": True, "blockOwnerDeletion": True}


def _is_stale(spec: Spec, refs: list[Json], pod: Json) -> bool:
    return any(_is_named(spec, ref, pod) and ref["uid"] not in (spec.uid, meta.uid(pod)) for ref in refs)


def _is_named(spec: Spec, ref: Json, pod: Json) -> bool:
    """Whether a reference names our set or this pod, whatever its uid."""
    called = (ref.get("apiVersion"), ref.get("kind"), ref.get("name"))
    return called in (("apps/v1", "StatefulSet", spec.name), ("v1", "Pod", meta.name(pod)))


def _pod_refs(claim: Json, pod_name: str) -> list[Json]:
    named = ("v1", "Pod", pod_name)
    return [ref for ref in meta.owners(claim) if (ref.get("apiVersion"), ref.get("kind"), ref.get("name")) == named]
