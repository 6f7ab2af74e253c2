"""What a container becomes: defaults of images, ports, probes and environment (D-4 in api.md)."""

import re

from stead.kinds.defaulting import by_member, each, filled, filled_zero, within
from stead.machinery import quantity
from stead.machinery.objects import Json

_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_IMAGE = re.compile(
    rf"(?:[A-Za-z0-9.-]+(?::[0-9]+)?/|\[[0-9a-fA-F:]+\](?::[0-9]+)?/)?{_COMPONENT}(?:/{_COMPONENT})*"
    r"(?::(?P<tag>\w[\w.-]{0,127}))?(?P<digest>@[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,})?$"
)

_MAYBE_FINER_THAN_MILLI = re.compile(r"[nu.]|[eE]-[0-9]")


def default_container(container: Json) -> Json:
    container = filled(
        container,
        imagePullPolicy=pull_policy(container.get("image", "")),
        terminationMessagePath="/dev/termination-log",
        terminationMessagePolicy="File",
        resources={},
    )
    container = within(container, "resources", default_resources)
    container = each(container, "ports", lambda port: filled(port, protocol="TCP"))
    container = each(container, "env", _default_variable)
    return by_member(container, _PROBES_AND_LIFECYCLE)


def pull_policy(image: str) -> str:
    """`Always` where the image's tag is (or, said by nothing, means) `latest`."""
    match = _IMAGE.match(image)
    if match is None:
        return "IfNotPresent"
    tag = match["tag"] or ("" if match["digest"] else "latest")
    return "Always" if tag == "latest" else "IfNotPresent"


def default_resources(resources: Json) -> Json:
    """Limits and requests of a container, a pod or a claim."""
    return by_member(resources, (("limits", default_amounts), ("requests", default_amounts)))


def default_amounts(amounts: Json) -> Json:
    """Amounts by resource; what is finer than a thousandth is rounded up to one."""
    fine = {name: text for name, text in amounts.items() if _MAYBE_FINER_THAN_MILLI.search(text)}
    return {**amounts, **{name: quantity.in_thousandths(text) for name, text in fine.items()}} if fine else amounts


def default_field_ref(source: Json) -> Json:
    """For whatever has a `fieldRef` or a `resourceFieldRef`: a variable's source, a file of the downward API."""
    source = within(source, "fieldRef", lambda ref: filled(ref, apiVersion="v1"))
    return within(source, "resourceFieldRef", lambda ref: filled(ref, divisor="0"))


def with_requests_from_limits(container: Json) -> Json:
    """Limits are requests where none were made. Pods only: a template keeps what was written."""
    limits = (container.get("resources") or {}).get("limits") or {}
    requests = (container.get("resources") or {}).get("requests") or {}
    if all(name in requests for name in limits):
        return container
    resources = {**container["resources"], "requests": {**limits, **requests}}
    return {**container, "resources": resources}


def with_host_ports(container: Json) -> Json:
    """In the host's network a container's port is the host's. Pods only."""
    return each(container, "ports", lambda port: filled_zero(port, hostPort=port.get("containerPort", 0)))


def _default_variable(variable: Json) -> Json:
    return within(variable, "valueFrom", _default_variable_source)


def _default_variable_source(source: Json) -> Json:
    return within(default_field_ref(source), "fileKeyRef", lambda ref: filled(ref, optional=False))


def _default_handler(handler: Json) -> Json:
    handler = within(handler, "httpGet", lambda get: filled(get, path="/", scheme="HTTP"))
    return within(handler, "grpc", lambda grpc: filled(grpc, service=""))


def _default_probe(probe: Json) -> Json:
    probe = _default_handler(probe)
    return filled_zero(probe, timeoutSeconds=1, periodSeconds=10, successThreshold=1, failureThreshold=3)


def _default_lifecycle(lifecycle: Json) -> Json:
    return by_member(lifecycle, (("postStart", _default_handler), ("preStop", _default_handler)))


_PROBES_AND_LIFECYCLE = (
    ("livenessProbe", _default_probe),
    ("readinessProbe", _default_probe),
    ("startupProbe", _default_probe),
    ("lifecycle", _default_lifecycle),
)
