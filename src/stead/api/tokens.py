"""Service account tokens: signed statements of who carries them, believed as long as the account they name is there."""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Sequence
from typing import Any

from msgspec import Struct

from stead.api import chance
from stead.api.core import Core
from stead.api.request import ADMIN, User
from stead.machinery import meta
from stead.machinery.keys import Key
from stead.machinery.objects import Json, decode, encode
from stead.machinery.times import Now

SHORTEST_SECONDS = 600
LONGEST_SECONDS = 2**32
DEFAULT_SECONDS = 3600
HEADER = {"alg": "HS256", "typ": "JWT"}
PRIVATE = "kubernetes.io"
ACCOUNT = "system:serviceaccount:"
GROUPS = "system:serviceaccounts"
AUTHENTICATED = "system:authenticated"


class Wanted(Struct, frozen=True):
    """What a token is for. No audiences: this API. `bound`: the object (kind, name, uid) it shall not outlive."""

    audiences: tuple[str, ...] = ()
    seconds: int = DEFAULT_SECONDS
    bound: Json | None = None


def issue(core: Core, account: Json, wanted: Wanted, now: Now) -> str:
    """A token for a ServiceAccount."""
    name, namespace = meta.name(account), meta.namespace(account)
    about: dict[str, Any] = {"namespace": namespace, "serviceaccount": {"name": name, "uid": meta.uid(account)}}
    if wanted.bound:
        bound = wanted.bound
        about[str(bound["kind"]).lower()] = {"name": bound["name"], "uid": bound.get("uid", "")}
    claims = {
        "aud": list(wanted.audiences or (issuer(core),)),
        "exp": int(now.wall) + wanted.seconds,
        "iat": int(now.wall),
        "iss": issuer(core),
        "jti": chance.uid(core.chance),
        PRIVATE: about,
        "nbf": int(now.wall),
        "sub": f"{ACCOUNT}{namespace}:{name}",
    }
    said = f"{_text(encode(HEADER))}.{_text(encode(claims))}"
    return f"{said}.{_text(_signature(core, said))}"


def bearer(core: Core, token: str, now: Now, audiences: Sequence[str] = ()) -> User | None:
    """Who carries a token; None where it is not ours, over, for somebody else's ears, or its account is gone."""
    admin = core.settings.admin_token
    if admin and hmac.compare_digest(token.encode(), admin.encode()):
        return ADMIN
    claims = _claims(core, token)
    if claims is None or not claims.get("nbf", 0) <= now.wall < claims.get("exp", 0):
        return None
    if not set(claims.get("aud") or ()) & set(audiences or (issuer(core),)):
        return None
    about = claims[PRIVATE]
    account = about["serviceaccount"]
    if not _is_there(core, Key("ServiceAccount", about["namespace"], account["name"]), account["uid"]):
        return None
    pod = about.get("pod")
    if pod and not _is_there(core, Key("Pod", about["namespace"], pod["name"]), pod["uid"]):
        return None
    return account_user(about["namespace"], account["name"], account["uid"])


def account_user(namespace: str, name: str, uid: str = "") -> User:
    return User(f"{ACCOUNT}{namespace}:{name}", (GROUPS, f"{GROUPS}:{namespace}", AUTHENTICATED), uid)


def issuer(core: Core) -> str:
    return f"https://kubernetes.default.svc.{core.settings.cluster_domain}"


def _is_there(core: Core, key: Key, uid: str) -> bool:
    row = core.store.get(key)
    return row is not None and (not uid or meta.uid(row.obj) == uid)


def _claims(core: Core, token: str) -> dict[str, Any] | None:
    said, _, signature = token.rpartition(".")
    try:
        if not hmac.compare_digest(_bytes(signature), _signature(core, said)):
            return None
        claims: dict[str, Any] = decode(_bytes(said.partition(".")[2]))
    except (binascii.Error, ValueError):
        return None
    return claims


def _signature(core: Core, said: str) -> bytes:
    return hmac.new(core.settings.token_key, said.encode(), hashlib.sha256).digest()


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _bytes(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
