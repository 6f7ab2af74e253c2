"""EndpointSlice: addresses behind a service."""

from collections.abc import Sequence
from typing import Any

from stead.kinds import objectmeta
from stead.kinds.addresswarnings import address_warnings
from stead.kinds.checks import unchanged
from stead.kinds.columns import AGE, NAME, at, joined
from stead.kinds.defaulting import each
from stead.kinds.endpointrules import validate_slice
from stead.kinds.kind import Column, Kind
from stead.kinds.syntax import subdomain_faults
from stead.machinery import meta
from stead.machinery.fields import FieldError
from stead.machinery.objects import Json, without
from stead.machinery.times import Now

_SHOWN = 3


def default(obj: Json) -> Json:
    return each(obj, "ports", _default_port)


def _default_port(port: Json) -> Json:
    """Here a name is a pointer: without one it is the empty name."""
    return {"name": "", "protocol": "TCP", **{key: value for key, value in port.items() if value is not None}}


def prepare_create(obj: Json) -> Json:
    """What a place was once called by is not taken any more."""
    return each(obj, "endpoints", lambda endpoint: without(endpoint, "deprecatedTopology"))


def prepare_update(new: Json, old: Json) -> Json:
    return new if new.get("endpoints") == old.get("endpoints") else prepare_create(new)


def warnings(new: Json, old: Json | None) -> list[str]:
    """Domains are of yesterday; addresses that are written oddly are told of where a person wrote them."""
    told = ["spec.addressType: FQDN endpoints are deprecated"] if new.get("addressType") == "FQDN" else []
    if meta.labels(new).get("endpointslice.kubernetes.io/managed-by") in _OUR_OWN:
        return told
    for index, endpoint in enumerate(new.get("endpoints") or []):
        for place, address in enumerate(endpoint.get("addresses") or []):
            told += address_warnings(f"endpoints[{index}].addresses[{place}]", address)
    return told


_OUR_OWN = ("endpointslice-controller.k8s.io", "endpointslicemirroring-controller.k8s.io")


def validate_create(obj: Json) -> Sequence[FieldError]:
    return [*objectmeta.validate_create(obj, subdomain_faults), *validate_slice(obj)]


def validate_update(new: Json, old: Json) -> Sequence[FieldError]:
    errors = [
        *objectmeta.common(new, old),
        *objectmeta.validate_create(new, subdomain_faults),
        *validate_slice(new, old),
    ]
    return [*errors, *unchanged("addressType", new.get("addressType"), old.get("addressType"))]


def shortened(words: Sequence[str], empty: str) -> str:
    """A list as a cell shows it: the first three, and how many more."""
    if not words:
        return empty
    more = f" + {len(words) - _SHOWN} more..." if len(words) > _SHOWN else ""
    return joined(words[:_SHOWN]) + more


def _ports(obj: Json, now: Now) -> str:
    return shortened([_port(port) for port in obj.get("ports") or []], "<unset>")


def _port(port: Json) -> str:
    """A number, or (with none, which means all) the port's name, or `*`."""
    number: Any = port.get("port")
    return str(number if number is not None else port.get("name") or "*")


def _addresses(obj: Json, now: Now) -> str:
    addresses = [address for endpoint in obj.get("endpoints") or [] for address in endpoint.get("addresses") or []]
    return shortened(addresses, "<unset>")


ENDPOINT_SLICE = Kind(
    id="EndpointSlice",
    name="EndpointSlice",
    plural="endpointslices",
    version="v1",
    group="discovery.k8s.io",
    type="discovery.v1.EndpointSlice",
    has_generation=True,
    wants_labels=True,
    default=default,
    prepare_create=prepare_create,
    prepare_update=prepare_update,
    validate_create=validate_create,
    validate_update=validate_update,
    warnings=warnings,
    columns=(
        NAME,
        Column("AddressType", at("addressType"), description="IPv4, IPv6 or FQDN."),
        Column("Ports", _ports, description="Ports the addresses answer on."),
        Column("Endpoints", _addresses, description="The addresses."),
        AGE,
    ),
)
