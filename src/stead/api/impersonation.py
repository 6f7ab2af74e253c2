"""Acting as somebody else (`kubectl --as`): allowed to those whom a rule lets `impersonate` that name and those groups.

An unknown header of this family is refused rather than passed over: what is done in another's name must never be
done in one's own by mistake.
"""

from collections.abc import Iterator, Mapping

from stead.api import authorization
from stead.api.authorization import Authorize, Deed
from stead.api.request import Request, User
from stead.api.tokens import ACCOUNT, AUTHENTICATED, GROUPS
from stead.machinery.errors import BadRequest

PREFIX = "impersonate-"
NAME, GROUP, UID, EXTRA = "impersonate-user", "impersonate-group", "impersonate-uid", "impersonate-extra-"
ANONYMOUS, UNAUTHENTICATED = "system:anonymous", "system:unauthenticated"


def acting(authorize: Authorize, request: Request) -> User:
    """Whose rights count for a request; raises Forbidden, and BadRequest for groups without a name."""
    if not any([name.startswith(PREFIX) for name in request.headers]):  # noqa: C419  a generator costs twice as much
        return request.user
    told = {name: value for name, value in request.headers.items() if name.startswith(PREFIX)}
    _check(told)
    groups = tuple(group.strip() for group in told.get(GROUP, "").split(",") if group.strip())
    for deed in _deeds(told, groups):
        authorization.require(authorize, request.user, deed)
    return User(told[NAME], _with_implied(told[NAME], groups), told.get(UID, ""))


def _check(told: Mapping[str, str]) -> None:
    for name in told:
        if name not in (NAME, GROUP, UID) and not name.startswith(EXTRA):
            raise BadRequest(f"unknown impersonation header {name}")
    if not told.get(NAME):
        raise BadRequest("requested groups, a uid or extras without impersonating a user")


def _deeds(told: Mapping[str, str], groups: tuple[str, ...]) -> Iterator[Deed]:
    """All that must be allowed for this."""
    name = told[NAME]
    namespace, _, account = name.removeprefix(ACCOUNT).partition(":")
    if name.startswith(ACCOUNT) and namespace and account:
        yield Deed("impersonate", "", "serviceaccounts", namespace, account)
    else:
        yield Deed("impersonate", "", "users", "", name)
    yield from (Deed("impersonate", "", "groups", "", group) for group in groups)
    if told.get(UID):
        yield Deed("impersonate", "authentication.k8s.io", "uids", "", told[UID])
    for header in told:
        if header.startswith(EXTRA):
            key = header.removeprefix(EXTRA)
            yield Deed("impersonate", "authentication.k8s.io", "userextras", "", told[header], key)


def _with_implied(name: str, groups: tuple[str, ...]) -> tuple[str, ...]:
    """The groups that come with a name: those of service accounts, and everybody's."""
    if name.startswith(ACCOUNT) and not groups:
        namespace = name.removeprefix(ACCOUNT).partition(":")[0]
        groups = (GROUPS, f"{GROUPS}:{namespace}")
    everybodys = UNAUTHENTICATED if name == ANONYMOUS else AUTHENTICATED
    return tuple(dict.fromkeys((*groups, everybodys)))
