"""Endpoints: the older form of a service's addresses, kept for those who still read it."""

from collections.abc import Iterator, Sequence

from stead.kinds import objectmeta
from stead.kinds.addresswarnings import address_warnings
from stead.kinds.columns import AGE, NAME
from stead.kinds.defaulting import each, filled
from stead.kinds.endpointrules import validate_subsets
from stead.kinds.endpointslice import shortened
from stead.kinds.kind import Column, Kind
from stead.kinds.syntax import subdomain_faults
from stead.machinery import meta
from stead.machinery.fields import FieldError
from stead.machinery.objects import Json
from stead.machinery.times import Now


def default(obj: Json) -> Json:
    return each(obj, "subsets", lambda subset: each(subset, "ports", lambda port: filled(port, protocol="TCP")))


def validate_create(obj: Json) -> Sequence[FieldError]:
    return [*objectmeta.validate_create(obj, subdomain_faults), *validate_subsets(obj)]


def validate_update(new: Json, old: Json) -> Sequence[FieldError]:
    meta_errors = [*objectmeta.validate_update(new, old), *objectmeta.validate_create(new, subdomain_faults)]
    return [*meta_errors, *validate_subsets(new, old)]


def _endpoints(obj: Json, now: Now) -> str:
    subsets = obj.get("subsets") or []
    return shortened([text for subset in subsets for text in _of_subset(subset)], "" if subsets else "<none>")


def warnings(new: Json, old: Json | None) -> list[str]:
    """Addresses that are written oddly, where it is a person's to write them better."""
    if meta.labels(new).get("endpoints.kubernetes.io/managed-by") == "endpoint-controller":
        return []
    told: list[str] = []
    for index, subset in enumerate(new.get("subsets") or []):
        for member in ("addresses", "notReadyAddresses"):
            for place, address in enumerate(subset.get(member) or []):
                path = f"subsets[{index}].{member}[{place}].ip"
                told += address_warnings(path, address.get("ip", ""))
    return told


def _of_subset(subset: Json) -> Iterator[str]:
    """Every address with every port; an address alone where no port is told."""
    addresses = [address["ip"] for address in subset.get("addresses") or []]
    ports = subset.get("ports") or []
    if not ports:
        yield from addresses
    for port in ports:
        for address in addresses:
            yield f"[{address}]:{port['port']}" if ":" in address else f"{address}:{port['port']}"


ENDPOINTS = Kind(
    id="Endpoints",
    name="Endpoints",
    plural="endpoints",
    version="v1",
    singular="endpoints",
    short_names=("ep",),
    type="core.v1.Endpoints",
    default=default,
    allows_create_on_update=True,
    deprecation="v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice",
    validate_create=validate_create,
    validate_update=validate_update,
    warnings=warnings,
    columns=(NAME, Column("Endpoints", _endpoints, description="Addresses with their ports."), AGE),
)
