"""A small cluster for names: namespaces, services and slices, told in few words."""

from stead.dns.answer import Answer, Forward, Settings, Zone
from stead.dns.names import NameIndex
from stead.dns.question import Question
from stead.machinery.cache import Cache
from stead.machinery.keys import key_of


def namespace(name="default"):
    return "Namespace", {"metadata": {"name": name}}


def service(name, *, cluster_ip="None", ports=(("web", "TCP", 80),), alias=""):
    spec = {"clusterIP": cluster_ip, "ports": [{"name": n, "protocol": p, "port": i} for n, p, i in ports]}
    if alias:
        spec = {"type": "ExternalName", "externalName": alias}
    return "Service", {"metadata": {"name": name, "namespace": "default"}, "spec": spec}


def slice_(service, *endpoints, name="", ports=(("web", "TCP", 80),), labels=True):
    """Each endpoint is `address`, `hostname=address`, with a `!` before it if it is not ready."""
    told = []
    for text in endpoints:
        hostname, _, address = text.lstrip("!").rpartition("=")
        told.append({"addresses": [address], "conditions": {"ready": not text.startswith("!")}})
        if hostname:
            told[-1]["hostname"] = hostname
    meta = {"name": name or f"{service}-x", "namespace": "default"}
    if labels:
        meta["labels"] = {"kubernetes.io/service-name": service}
    return "EndpointSlice", {
        "metadata": meta,
        "addressType": "IPv6" if ":" in "".join(endpoints) else "IPv4",
        "endpoints": told,
        "ports": [{"name": n, "protocol": p, "port": i} for n, p, i in ports],
    }


def cache_of(*objects):
    cache = Cache([NameIndex()])
    for kind, obj in (namespace(), *objects):
        cache.put(key_of(kind, obj), obj)
    return cache


def ask(cache, name, type_="A", settings=None):
    """The answer in words: texts of the records, `NODATA`, `NXDOMAIN` or `-> name`."""
    zone = Zone(cache.index(NameIndex), settings or Settings())
    outcome = zone.answer(Question(tuple(name.split(".")), type_))
    if isinstance(outcome, Forward):
        return " ".join([*(record.text for record in outcome.records), "->", outcome.name])
    assert isinstance(outcome, Answer)
    return " ".join(record.text for record in outcome.records) or ("NODATA" if outcome.exists else "NXDOMAIN")
