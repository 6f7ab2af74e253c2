"""What every namespace has: a `default` ServiceAccount, and the cluster's CA in a ConfigMap."""

from collections.abc import Iterable

from msgspec import Struct

from stead.machinery import meta
from stead.machinery.cache import Cache
from stead.machinery.keys import Key
from stead.machinery.objects import Json
from stead.machinery.plan import Calm, Create, Plan, Update
from stead.machinery.times import Now
from stead.machinery.watch import WatchEvent


class Observed(Struct, frozen=True):
    namespace: str
    found: Json | None


class _OnePerNamespace(Calm):
    """Keeps one object of one name in every namespace that is not going."""

    kind: str
    object_name: str

    @property
    def kinds(self) -> tuple[str, ...]:
        return ("Namespace", self.kind)

    def wants(self, event: WatchEvent, cache: Cache) -> Iterable[Key]:
        if event.key.kind == "Namespace":
            return [event.key]
        if event.key.kind == self.kind and event.key.name == self.object_name:
            return [Key("Namespace", "", event.key.namespace)]
        return []

    def observe(self, cache: Cache, key: Key) -> Observed | None:
        namespace = cache.get(key)
        if namespace is None or meta.is_terminating(namespace):
            return None
        return Observed(key.name, cache.get(Key(self.kind, key.name, self.object_name)))


class ServiceAccounts(_OnePerNamespace):
    name = "serviceaccount"
    kind, object_name = "ServiceAccount", "default"

    def reconcile(self, observed: Observed, now: Now) -> Plan:
        if observed.found is not None:
            return Plan()
        metadata = {"name": self.object_name, "namespace": observed.namespace}
        return Plan((Create({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata}),))


class RootCertificates(_OnePerNamespace):
    """`certificate` is the CA in PEM."""

    name = "root-ca"
    kind, object_name = "ConfigMap", "kube-root-ca.crt"

    def __init__(self, certificate: str) -> None:
        self.certificate = certificate

    def reconcile(self, observed: Observed, now: Now) -> Plan:
        data = {"ca.crt": self.certificate}
        if observed.found is None:
            metadata = {"name": self.object_name, "namespace": observed.namespace}
            return Plan((Create({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}),))
        if observed.found.get("data") != data:
            return Plan((Update({**observed.found, "data": data}),))
        return Plan()
