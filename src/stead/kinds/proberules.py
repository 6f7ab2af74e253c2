"""What probes and lifecycle hooks may not be: one way to ask, and sensible numbers."""

from collections.abc import Callable

from stead.kinds.checks import Errors, faults, known, needed, non_negative
from stead.kinds.syntax import http_header_faults, port_faults, port_name_faults
from stead.machinery import fields
from stead.machinery.objects import Json

_SCHEMES = ["HTTP", "HTTPS"]
_NUMBERS = ("initialDelaySeconds", "timeoutSeconds", "periodSeconds", "successThreshold", "failureThreshold")
_ONE_HANDLER = "may not specify more than 1 handler type"


def validate_probe(probe: Json, sort: str, grace: int | None, path: str) -> Errors:
    """`sort` is the probe's field: a readiness probe may succeed slowly, the others may end the container."""
    errors = _handler_errors(probe, ("exec", "httpGet", "tcpSocket", "grpc"), grace, path)
    for member in _NUMBERS:
        errors += non_negative(f"{path}.{member}", probe.get(member))
    own_grace = probe.get("terminationGracePeriodSeconds")
    at = f"{path}.terminationGracePeriodSeconds"
    if own_grace is not None and own_grace <= 0:
        errors.append(fields.invalid(at, own_grace, "must be greater than 0"))
    if sort == "readinessProbe":
        told = "must not be set for readinessProbes"
        return errors if own_grace is None else [*errors, fields.invalid(at, own_grace, told)]
    threshold = probe.get("successThreshold", 0)
    return errors if threshold == 1 else [*errors, fields.invalid(f"{path}.successThreshold", threshold, "must be 1")]


def validate_lifecycle(lifecycle: Json, grace: int | None, path: str) -> Errors:
    errors: Errors = []
    for hook in ("postStart", "preStop"):
        if lifecycle.get(hook) is not None:
            handlers = ("exec", "httpGet", "tcpSocket", "sleep")
            errors += _handler_errors(lifecycle[hook], handlers, grace, f"{path}.{hook}")
    return errors


def _handler_errors(holder: Json, sorts: tuple[str, ...], grace: int | None, path: str) -> Errors:
    given = [sort for sort in sorts if holder.get(sort) is not None]
    if not given:
        return [fields.required(path, "must specify a handler type")]
    first, *others = given
    if first == "sleep":
        errors = _sleep_errors(holder[first], grace, f"{path}.sleep")
    else:
        errors = _HANDLERS[first](holder[first], f"{path}.{first}")
    return [*errors, *(fields.forbidden(f"{path}.{sort}", _ONE_HANDLER) for sort in others)]


def _sleep_errors(sleep: Json, grace: int | None, path: str) -> Errors:
    seconds = sleep.get("seconds", 0)
    if grace is None or 0 <= seconds <= grace:
        return []
    told = f"must be non-negative and less than terminationGracePeriodSeconds ({grace})"
    return [fields.invalid(path, seconds, told)]


def _exec_errors(action: Json, path: str) -> Errors:
    return needed(f"{path}.command", action.get("command"))


def _http_errors(action: Json, path: str) -> Errors:
    errors = needed(f"{path}.path", action.get("path"))
    errors += port_errors(action.get("port"), f"{path}.port")
    errors += known(f"{path}.scheme", action.get("scheme", ""), _SCHEMES)
    for header in action.get("httpHeaders") or []:
        errors += faults(f"{path}.httpHeaders", header.get("name", ""), http_header_faults(header.get("name", "")))
    return errors


def _tcp_errors(action: Json, path: str) -> Errors:
    return port_errors(action.get("port"), f"{path}.port")


def port_errors(port: int | str | None, path: str) -> Errors:
    """A port by its number or by its name; none is number 0."""
    if isinstance(port, str):
        return faults(path, port, port_name_faults(port))
    return faults(path, port or 0, port_faults(port or 0))


_HANDLERS: dict[str, Callable[[Json, str], Errors]] = {
    "exec": _exec_errors,
    "httpGet": _http_errors,
    "tcpSocket": _tcp_errors,
    "grpc": _tcp_errors,
}
