"""May this user do that? One question, asked before every verb; the answer is a reason to refuse, or nothing."""

from collections.abc import Callable
from dataclasses import dataclass

from stead.api.request import User
from stead.machinery.errors import Forbidden, qualified

MASTERS = "system:masters"


@dataclass(frozen=True, slots=True)
class Deed:
    """What somebody wants to do. `path` is set instead of the rest for URLs that name no resource."""

    verb: str
    group: str = ""
    plural: str = ""
    namespace: str = ""
    name: str = ""
    subresource: str = ""
    path: str = ""

    @property
    def resource(self) -> str:
        return f"{self.plural}/{self.subresource}" if self.subresource else self.plural


Authorize = Callable[[User, Deed], str | None]


def everyone(user: User, deed: Deed) -> str | None:
    """Without rules, who is let in at the door may do everything."""
    return None


def require(authorize: Authorize, user: User, deed: Deed) -> None:
    """Raise Forbidden, in upstream's words, where `authorize` gives a reason."""
    if MASTERS in user.groups:
        return
    reason = authorize(user, deed)
    if reason is not None:
        raise forbidden(user, deed, reason)


def forbidden(user: User, deed: Deed, reason: str = "") -> Forbidden:
    why = f": {reason}" if reason else ""
    if deed.path:
        return Forbidden(f'forbidden: User "{user.name}" cannot {deed.verb} path "{deed.path}"{why}')
    named = f' "{deed.name}"' if deed.name else ""
    where = f'in the namespace "{deed.namespace}"' if deed.namespace else "at the cluster scope"
    told = (
        f"{qualified(deed.plural, deed.group)}{named} is forbidden: "
        f'User "{user.name}" cannot {deed.verb} resource "{deed.resource}" in API group "{deed.group}" {where}{why}'
    )
    details = {"name": deed.name, "group": deed.group, "kind": deed.plural}
    return Forbidden(told, details={key: value for key, value in details.items() if value})
