"""Who owns a dependent: keep it, adopt it, let it go, or leave it alone (CL-1 to CL-4 in controller.md)."""

from typing import Any, Literal, TypeAlias

from stead.machinery import meta
from stead.machinery.keys import Key
from stead.machinery.objects import Json
from stead.machinery.plan import Patch

Claim: TypeAlias = Literal["keep", "adopt", "release", "ignore"]


def judge(dependent: Json, owner_uid: str, *, is_match: bool, is_owner_terminating: bool) -> Claim:
    """What an owner does about a dependent that its selector and name filter match, or do not.

    A terminating owner neither adopts nor releases (DL-4), and nobody adopts what is terminating.
    """
    controller = meta.controller_of(dependent)
    if controller is not None:
        if controller["uid"] != owner_uid:
            return "ignore"
        if is_match:
            return "keep"
        return "ignore" if is_owner_terminating else "release"
    is_adoptable = is_match and not is_owner_terminating and not meta.is_terminating(dependent)
    return "adopt" if is_adoptable else "ignore"


def adopt(key: Key, dependent: Json, owner: dict[str, Any]) -> Patch:
    """Add `owner`, a controller reference; refused where the dependent has changed since."""
    return _with_owners(key, dependent, [*meta.owners(dependent), owner])


def release(key: Key, dependent: Json, owner_uid: str) -> Patch:
    """Take the reference to `owner_uid` off; refused where the dependent has changed since."""
    return _with_owners(key, dependent, [ref for ref in meta.owners(dependent) if ref["uid"] != owner_uid])


def still_there(key: Key, owner: Json) -> Patch:
    """Change nothing, but be refused if the owner is no longer what the cache says.

    Before the first adoption of a round, so that nobody adopts for an owner already gone or going (CL-3).
    """
    return Patch(key, {}, uid=meta.uid(owner), if_revision=meta.resource_version(owner))


def _with_owners(key: Key, dependent: Json, owners: list[Any]) -> Patch:
    body = {"metadata": {"ownerReferences": owners or None}}
    return Patch(key, body, uid=meta.uid(dependent), if_revision=meta.resource_version(dependent))
