"""Ports of a pod's containers that stand in each other's way, and are let in all the same."""

from collections.abc import Iterator

from stead.machinery.goprint import quoted
from stead.machinery.objects import Json

Placed = tuple[str, Json]  # a port's path and the port, or a container's


def port_warnings(containers: list[Placed]) -> Iterator[str]:
    """Upstream looks at all containers together: first at numbers, then at names."""
    ports = [
        (f"{path}.ports[{index}]", port)
        for path, container in containers
        for index, port in enumerate(container.get("ports") or [])
    ]
    yield from _numbers(ports)
    yield from _names(ports)


def _numbers(ports: list[Placed]) -> Iterator[str]:
    seen: dict[tuple[int, str], list[Placed]] = {}
    for path, port in ports:
        if port.get("hostIP") and not port.get("hostPort"):
            yield f"{path}: hostIP set without hostPort: {_as_go(port)}"
        others = seen.setdefault((port.get("containerPort", 0), port.get("protocol", "")), [])
        for other_path, other in others:
            told = _conflict(_host(port), _host(other))
            if told:
                yield f"{path}: {told} port definition with {other_path}"
        others.append((path, port))


def _host(port: Json) -> tuple[str, int]:
    return port.get("hostIP") or "", port.get("hostPort") or 0


def _conflict(one: tuple[str, int], other: tuple[str, int]) -> str:
    if one == other:
        return "duplicate"
    if not one[1] or not other[1]:
        return "overlapping"
    return "dangerously ambiguous" if one[1] == other[1] and bool(one[0]) != bool(other[0]) else ""


def _names(ports: list[Placed]) -> Iterator[str]:
    seen: dict[str, str] = {}
    for path, port in ports:
        name = port.get("name")
        if name and name in seen:
            told = f"services and probes that select ports by name will use {seen[name]}"
            yield f"{path}: duplicate port name {quoted(name)} with {seen[name]}, {told}"
        if name:
            seen.setdefault(name, path)


def _as_go(port: Json) -> str:
    """A port as Go prints its struct."""
    members = {
        "Name": port.get("name") or "",
        "HostPort": port.get("hostPort") or 0,
        "ContainerPort": port.get("containerPort", 0),
        "Protocol": port.get("protocol", ""),
        "HostIP": port.get("hostIP") or "",
    }
    return f"{{{' '.join(f'{name}:{value}' for name, value in members.items())}}}"
