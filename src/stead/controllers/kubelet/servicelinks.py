"""Variables that tell a container where services are, by the names of old container links."""

from collections.abc import Iterator

from stead.controllers.kubelet.observed import KUBERNETES, Observed
from stead.machinery.keys import key_of
from stead.machinery.objects import Json, dig


def variables(observed: Observed) -> dict[str, str]:
    """Of every service with an address of its own; of `kubernetes` alone where the pod wants no service links."""
    is_linked = dig(observed.pod, "spec", "enableServiceLinks", default=True)
    wanted = (one for one in observed.services if is_linked or key_of("Service", one) == KUBERNETES)
    return {name: value for service in wanted for name, value in _of(service)}


def _of(service: Json) -> Iterator[tuple[str, str]]:
    address, ports = dig(service, "spec", "clusterIP", default=""), dig(service, "spec", "ports", default=[])
    if address in ("", "None") or not ports:
        return
    name = service["metadata"]["name"].upper().replace("-", "_")
    yield f"{name}_SERVICE_HOST", address
    yield f"{name}_SERVICE_PORT", str(ports[0]["port"])
    for port in ports:
        if port.get("name"):
            yield f"{name}_SERVICE_PORT_{port['name'].upper().replace('-', '_')}", str(port["port"])
    yield f"{name}_PORT", _url(address, ports[0])
    for port in ports:
        protocol = (port.get("protocol") or "TCP").upper()
        prefix = f"{name}_PORT_{port['port']}_{protocol}"
        yield prefix, _url(address, port)
        yield f"{prefix}_PROTO", protocol.lower()
        yield f"{prefix}_PORT", str(port["port"])
        yield f"{prefix}_ADDR", address


def _url(address: str, port: Json) -> str:
    shown = f"[{address}]" if ":" in address else address
    return f"{(port.get('protocol') or 'TCP').lower()}://{shown}:{port['port']}"
