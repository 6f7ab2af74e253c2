"""Service account tokens for pods: the same bytes until most of their life is over, then new ones."""

from collections.abc import Callable
from typing import NamedTuple

from stead.api.server import Api
from stead.api.tokens import Wanted
from stead.machinery import meta
from stead.machinery.errors import ApiError
from stead.machinery.keys import Key
from stead.machinery.objects import Json, dig
from stead.machinery.times import Now

RENEWED_AT = 0.8  # of a token's life, as the kubelet does
KEPT = 20_000  # of more pods, each look at a volume would make a new one


class _Issued(NamedTuple):
    token: bytes
    renew_at: float


class PodTokens:
    """A `TokenMaker` for the kubelet. `clock` is asked, because a volume is looked at again and again."""

    def __init__(self, api: Api, clock: Callable[[], Now]) -> None:
        self._api = api
        self._clock = clock
        self._issued: dict[tuple[str, str, int], _Issued] = {}

    def __call__(self, pod: Json, audience: str, seconds: int) -> bytes:
        """The token's bytes; b"" while its ServiceAccount is not there."""
        now, place = self._clock(), (meta.uid(pod), audience, seconds)
        found = self._issued.get(place)
        if found is None or now.wall >= found.renew_at:
            found = self._issued[place] = self._issue(pod, audience, seconds, now)
            while len(self._issued) > KEPT:
                del self._issued[next(iter(self._issued))]
        return found.token

    def _issue(self, pod: Json, audience: str, seconds: int, now: Now) -> _Issued:
        account = Key("ServiceAccount", meta.namespace(pod), dig(pod, "spec", "serviceAccountName", default="default"))
        bound = {"kind": "Pod", "apiVersion": "v1", "name": meta.name(pod), "uid": meta.uid(pod)}
        wanted = Wanted((audience,) if audience else (), seconds, bound)
        try:
            token = self._api.issue_token(account, wanted, now)
        except ApiError:
            return _Issued(b"", now.wall + 1)
        return _Issued(token.encode(), now.wall + seconds * RENEWED_AT)
