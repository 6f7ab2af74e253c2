"""Owners named twice: once is enough, and the writer is told which."""

from typing import Any

from stead.api.core import Call
from stead.machinery import meta
from stead.machinery.objects import Json

_ADVICE = (
    "API server dedups owner references in 1.20+, and may reject such requests as early as 1.24; "
    "please fix your requests; duplicate UID(s) observed: "
)
_SENT = f".metadata.ownerReferences contains duplicate entries; {_ADVICE}"
_MADE = f".metadata.ownerReferences contains duplicate entries after mutating admission happens; {_ADVICE}"


def once_each(call: Call, obj: Json, *, is_patched: bool = False) -> Json:
    """The object with every owner reference once; `is_patched` where a patch has made it."""
    owners = meta.owners(obj)
    if len(owners) < 2:
        return obj
    kept: list[Any] = []
    for owner in owners:
        if owner not in kept:
            kept.append(owner)
    if len(kept) == len(owners):
        return obj
    repeated = [owner["uid"] for place, owner in enumerate(owners) if owner in owners[:place]]
    call.warn([(_MADE if is_patched else _SENT) + ", ".join(repeated)])
    return {**obj, "metadata": {**obj["metadata"], "ownerReferences": kept}}
