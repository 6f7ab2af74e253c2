"""Who of several controllers acts: one Lease, and whose hand it is in. Pure: leases and time come in, leases go out.

A holder that is not heard of for the lease's duration, counted by our own clock from when we last saw the lease change,
has lost it; a holder that cannot renew gives up well before that. The figures are client-go's.
"""

from random import Random
from typing import Any

from msgspec import Struct

from stead.machinery import meta, times
from stead.machinery.objects import Json, dig
from stead.machinery.times import Now

JITTER = 1.2


class Terms(Struct, frozen=True):
    """Seconds: a holder not heard of for `duration` is succeeded; one that has not renewed for `deadline` stops."""

    duration: float = 15.0
    deadline: float = 10.0
    retry: float = 2.0


TERMS = Terms()


class Election:
    """`bid` says what to write, `won` and `lost` what became of it; `leads` whether we may act now."""

    def __init__(self, namespace: str, name: str, identity: str, terms: Terms = TERMS) -> None:
        self.identity = identity
        self.terms = terms
        self.holder = ""
        self._namespace, self._name = namespace, name
        self._seen: Json = {}
        self._seen_at = float("-inf")
        self._renewed = float("-inf")

    @property
    def ends(self) -> float:
        """When we stop, if we do not renew."""
        return self._renewed + self.terms.deadline

    def leads(self, mono: float) -> bool:
        """Whether we hold it, and have renewed it recently enough."""
        return self.holder == self.identity and mono < self.ends

    def bid(self, lease: Json | None, now: Now) -> Json | None:
        """The lease as it should be written, given the one that is there; None: it is another's for now.

        It carries the version of the one it was made from, so that of two bids one is refused.
        """
        if lease is None:
            return self._written({}, {"acquireTime": times.to_micro_text(now.wall), "leaseTransitions": 0}, now)
        spec = lease.get("spec") or {}
        if spec != self._seen:
            self._seen, self._seen_at = spec, now.mono
        self.holder = str(spec.get("holderIdentity") or "")
        if self.holder == self.identity:
            kept = {name: spec[name] for name in ("acquireTime", "leaseTransitions") if name in spec}
            return self._written(lease["metadata"], kept, now)
        if self.holder and now.mono < self._seen_at + self._duration(spec):
            return None
        taken = {
            "acquireTime": times.to_micro_text(now.wall),
            "leaseTransitions": int(spec.get("leaseTransitions") or 0) + 1,
        }
        return self._written(lease["metadata"], taken, now)

    def won(self, lease: Json, asked: float) -> None:
        """What we wrote is written. `asked`: when the request began, for others count from no earlier."""
        self.holder = str(dig(lease, "spec", "holderIdentity", default=""))
        self._seen, self._seen_at = lease.get("spec") or {}, asked
        self._renewed = asked

    def pause(self, chance: Random) -> float:
        """Seconds until the next bid: regular for the holder, with jitter for those who wait."""
        is_mine = self.holder == self.identity
        return self.terms.retry if is_mine else self.terms.retry * (1 + JITTER * chance.random())

    def release(self, lease: Json, now: Now) -> Json | None:
        """The lease laid down, for the next to take it at once; None where it is not ours."""
        if dig(lease, "spec", "holderIdentity") != self.identity:
            return None
        self.holder = ""
        kept = {"leaseTransitions": int(dig(lease, "spec", "leaseTransitions", default=0))}
        freed = self._written(lease["metadata"], kept, now)
        return {**freed, "spec": {**freed["spec"], "holderIdentity": "", "leaseDurationSeconds": 1}}

    def _duration(self, spec: Json) -> float:
        """The holder's own promise, where it made one."""
        return float(spec.get("leaseDurationSeconds") or self.terms.duration)

    def _written(self, metadata: Json, kept: Json, now: Now) -> dict[str, Any]:
        told: dict[str, Any] = {"name": self._name, "namespace": self._namespace}
        if metadata:
            told |= {name: value for name, value in metadata.items() if name != "managedFields"}
            assert meta.resource_version({"metadata": metadata}), "a lease that was read has a version"
        spec = {
            "holderIdentity": self.identity,
            "leaseDurationSeconds": max(1, int(self.terms.duration)),
            **kept,
            "renewTime": times.to_micro_text(now.wall),
        }
        return {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": told, "spec": spec}
