"""Files of one volume that are put to one path, or one into the other: let in, and told of."""

from collections.abc import Iterator

from stead.machinery.goprint import quoted
from stead.machinery.objects import Json

_SOURCES = ("secret", "configMap", "downwardAPI", "serviceAccountToken", "clusterTrustBundle", "podCertificate")
_OF_A_CERTIFICATE = {
    "certificateChainPath": "PodCertificate chain",
    "keyPath": "PodCertificate key",
    "credentialBundlePath": "PodCertificate credential bundle",
}
Placed = tuple[str, str]  # a path, and whose it is


def path_warnings(volumes: list[Json]) -> Iterator[str]:
    for volume in volumes:
        for sort, source in _alone(volume):
            paths = [(item.get("path", ""), "") for item in source.get("items") or []]
            yield from _overlaps(paths, f"volume {quoted(volume.get('name', ''))} ({sort})")
        if volume.get("projected") is not None:
            yield from _projected(volume)


def _alone(volume: Json) -> Iterator[tuple[str, Json]]:
    for member, word, name in (("configMap", "ConfigMap", "name"), ("secret", "Secret", "secretName")):
        source = volume.get(member)
        if source is not None:
            yield f"{word} {quoted(source.get(name) or '')}", source
    if volume.get("downwardAPI") is not None:
        yield "DownwardAPI", volume["downwardAPI"]


def _projected(volume: Json) -> Iterator[str]:
    name = quoted(volume.get("name", ""))
    paths: list[Placed] = []
    for source in volume["projected"].get("sources") or []:
        if all(source.get(member) is None for member in _SOURCES):
            yield f"volume {name} (Projected) has no sources provided"
        paths += _of_a_source(source)
    yield from _overlaps(paths, f"volume {name} (Projected)")


def _of_a_source(source: Json) -> list[Placed]:
    for member, word in (("configMap", "ConfigMap"), ("secret", "Secret"), ("downwardAPI", "DownwardAPI")):
        given = source.get(member)
        if given is not None and given.get("items") is not None:
            whose = word if member == "downwardAPI" else f"{word} {quoted(given.get('name') or '')}"
            return [(item.get("path", ""), whose) for item in given["items"]]
    if source.get("serviceAccountToken") is not None:
        return [(source["serviceAccountToken"].get("path", ""), "ServiceAccountToken")]
    bundle, certificate = source.get("clusterTrustBundle"), source.get("podCertificate") or {}
    if bundle is not None:
        whose = bundle.get("name") or bundle.get("signerName") or ""
        return [(bundle.get("path", ""), f"ClusterTrustBundle {quoted(whose)}")]
    return [(certificate[member], whose) for member, whose in _OF_A_CERTIFICATE.items() if certificate.get(member)]


def _overlaps(paths: list[Placed], of: str) -> Iterator[str]:
    seen: list[Placed] = []
    for given, whose in paths:
        path = given.rstrip("/")
        for other in seen:
            if path and other[0] and _lies_in(path, other[0]):
                yield f"{of}: overlapping paths: {_shown((path, whose))} with {_shown(other)}"
        seen.append((path, whose))


def _lies_in(one: str, other: str) -> bool:
    return f"{one}/".startswith(f"{other}/") or f"{other}/".startswith(f"{one}/")


def _shown(placed: Placed) -> str:
    path, whose = placed
    return f"{quoted(path)} ({whose})" if whose else quoted(path)
