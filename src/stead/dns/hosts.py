"""The names of a cluster as lines of a hosts file, for processes that ask no name server of ours (the plain tier)."""

from collections.abc import Iterator

from stead.dns.names import NameIndex

Named = tuple[str, str]  # an address, and a name within the domain of services: `web-0.nginx.default`


def written(index: NameIndex, namespace: str, zone: str) -> str:
    """A hosts file with all names as a pod of `namespace` may write them, whatever its resolver would search for."""
    return "".join(f"{address} {' '.join(_forms(name, namespace, zone))}\n" for address, name in _named(index))


def _named(index: NameIndex) -> Iterator[Named]:
    """Every service by its ready endpoints, for those who are not in its network reach no service's own address."""
    for space, service in index.places():
        for endpoint in index.endpoints(space, service):
            yield endpoint.address, f"{service}.{space}"
            yield endpoint.address, f"{endpoint.label}.{service}.{space}"


def _forms(name: str, namespace: str, zone: str) -> Iterator[str]:
    """`web-0.nginx.default`, and with more said, or, at home, with less."""
    yield f"{name}.svc.{zone}"
    yield f"{name}.svc"
    yield name
    if name.endswith(f".{namespace}"):
        yield name.removesuffix(f".{namespace}")
