"""The way in for controllers: the same verbs and rules as for users, on objects instead of requests.

Controllers are trusted with the form of what they write (no decoding) and nobody contests their fields (no field
managers); everything else - defaults, admission, validation, conflicts - is the same.
"""

from collections.abc import Mapping
from typing import Any

from stead.api import bodies, deletion, subresources, tokens, verbs
from stead.api.core import Call, Core, key_in
from stead.api.options import DeleteOptions
from stead.api.request import User
from stead.api.tokens import Wanted
from stead.api.verbs import Place
from stead.kinds.kind import Kind
from stead.machinery import errors, meta
from stead.machinery.errors import BadRequest
from stead.machinery.keys import Key
from stead.machinery.objects import Json
from stead.machinery.patches import merge_patch
from stead.machinery.times import Now

CONTROLLER = User("system:stead", ("system:masters", "system:authenticated"))


class Door:
    """Every method raises the ApiError that a user would be answered with."""

    def __init__(self, core: Core) -> None:
        self.core = core

    def get(self, key: Key) -> Json | None:
        row = self.core.store.get(key)
        return row.obj if row else None

    def create(self, obj: Json, now: Now, user: User = CONTROLLER) -> Json:
        """Create an object; its apiVersion and kind say what."""
        kind = self._kind(obj)
        made = kind.default(bodies.named(kind, _with_metadata(obj)))
        return verbs.create(self.core, Call(now, user), kind, made).obj

    def update(self, obj: Json, now: Now, subresource: str = "", user: User = CONTROLLER) -> Json:
        """Replace an object, or its status; a resourceVersion in it must be current, a uid the bearer's."""
        kind = self._kind(obj)
        place = Place(kind, key_in(kind, meta.namespace(obj), meta.name(obj)), subresource)
        if (kind.id, subresource) == ("Namespace", "finalize"):
            return subresources.finalize(self.core, Call(now, user), place, obj).obj
        made = kind.default(bodies.named(kind, obj))
        return verbs.update(self.core, Call(now, user), place, verbs.replaced(place, made)).obj

    def merge_patch(
        self,
        key: Key,
        body: Mapping[str, Any],
        now: Now,
        *,
        subresource: str = "",
        uid: str = "",
        if_revision: str = "",
        user: User = CONTROLLER,
    ) -> Json:
        """Merge `body` into an object. `uid` and `if_revision`, where given, must still be true, else Conflict."""
        kind = self.core.registry.by_id(key.kind)
        place = Place(kind, key, subresource)

        def change(old: Json) -> Json:
            if uid and uid != meta.uid(old):
                raise refuse_other(kind, key, uid)
            if if_revision and if_revision != meta.resource_version(old):
                raise errors.modified(kind.plural, kind.group, key.name)
            made = merge_patch(old, body)
            return made if subresource == "status" else kind.default(made)  # a status leaves the rest as it is

        return verbs.update(self.core, Call(now, user), place, change).obj

    def delete(
        self,
        key: Key,
        now: Now,
        *,
        uid: str = "",
        grace_seconds: int | None = None,
        policy: str | None = "Background",
        user: User = CONTROLLER,
    ) -> Json | None:
        """Delete an object; answers what is left of it, None where it is gone at once."""
        kind = self.core.registry.by_id(key.kind)
        asked = DeleteOptions(grace_seconds, policy, uid)
        done = deletion.delete(self.core, Call(now, user), Place(kind, key), asked)
        return None if done.is_removed else done.obj

    def bind(self, pod: Key, uid: str, node: str, now: Now, *, user: User = CONTROLLER) -> None:
        """Give a pod its node."""
        subresources.bind(self.core, Call(now, user), (pod, uid), node)

    def issue_token(self, account: Key, wanted: Wanted, now: Now) -> str:
        """A token for a ServiceAccount; raises NotFound."""
        found = self.core.store.get(account)
        if found is None:
            raise errors.not_found("serviceaccounts", "", account.name)
        return tokens.issue(self.core, found.obj, wanted, now)

    def bearer(self, token: str, now: Now) -> User | None:
        """Who carries a service account token; None where it is not to be believed."""
        return tokens.bearer(self.core, token, now)

    def _kind(self, obj: Json) -> Kind:
        kind = self.core.registry.by_type(str(obj.get("apiVersion", "")), str(obj.get("kind", "")))
        if kind is None:
            raise BadRequest(f'no kind "{obj.get("kind", "")}" is served for version "{obj.get("apiVersion", "")}"')
        return kind


def refuse_other(kind: Kind, key: Key, uid: str) -> errors.Conflict:
    why = f"the bearer of this name is not the one with the uid {uid}"
    return errors.conflict(kind.plural, kind.group, key.name, why)


def _with_metadata(obj: Json) -> Json:
    return obj if "metadata" in obj else {**obj, "metadata": {}}
