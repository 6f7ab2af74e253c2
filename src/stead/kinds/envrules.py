"""What a container's environment may not be: variables, their sources, and whole sources of variables."""

import re
from collections.abc import Sequence

from stead.kinds.checks import Errors, faults, needed
from stead.kinds.syntax import config_key_faults, env_name_faults, qualified_name_faults, subdomain_faults
from stead.machinery import fields, quantity
from stead.machinery.objects import Json

_SOURCES = ("fieldRef", "resourceFieldRef", "configMapKeyRef", "secretKeyRef", "fileKeyRef")
_NO_SOURCE = "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`"
_MANY_SOURCES = "may not have more than one field specified at a time"
_FIELDS_OF_VARIABLES = [
    "metadata.name",
    "metadata.namespace",
    "metadata.uid",
    "spec.nodeName",
    "spec.serviceAccountName",
    "status.hostIP",
    "status.hostIPs",
    "status.podIP",
    "status.podIPs",
]
_FIELDS_OF_FILES = ["metadata.annotations", "metadata.labels", "metadata.name", "metadata.namespace", "metadata.uid"]
_CONVERTIBLE = {*_FIELDS_OF_VARIABLES, *_FIELDS_OF_FILES, "spec.restartPolicy", "spec.schedulerName", "status.phase"}
_RESOURCES = [
    "limits.cpu",
    "limits.ephemeral-storage",
    "limits.memory",
    "requests.cpu",
    "requests.ephemeral-storage",
    "requests.memory",
]
_HUGE = ("limits.hugepages-", "requests.hugepages-")
_SIZES = ["1", "1k", "1M", "1G", "1T", "1P", "1E", "1Ki", "1Mi", "1Gi", "1Ti", "1Pi", "1Ei"]
_SUBSCRIPT = re.compile(r"(?P<path>[^\[]+)\['(?P<key>.*)'\]")


def validate_env(variables: list[Json], path: str) -> Errors:
    errors: Errors = []
    for index, variable in enumerate(variables):
        at, name = f"{path}[{index}]", variable.get("name", "")
        errors += faults(f"{at}.name", name, env_name_faults(name)) if name else [fields.required(f"{at}.name")]
        if variable.get("valueFrom") is not None:
            errors += _source_errors(variable, f"{at}.valueFrom")
    return errors


def _source_errors(variable: Json, path: str) -> Errors:
    source = variable["valueFrom"]
    given = [name for name in _SOURCES if source.get(name) is not None]
    errors: Errors = []
    for name in given:
        errors += _one_source_errors(name, source[name], f"{path}.{name}")
    if not given:
        return [*errors, fields.invalid(path, "", _NO_SOURCE)]
    if variable.get("value"):
        return [*errors, fields.invalid(path, "", "may not be specified when `value` is not empty")]
    return [*errors, fields.invalid(path, "", _MANY_SOURCES)] if len(given) > 1 else errors


def _one_source_errors(sort: str, source: Json, path: str) -> Errors:
    if sort == "fieldRef":
        return field_errors(source, _FIELDS_OF_VARIABLES, path)
    if sort == "resourceFieldRef":
        return resource_field_errors(source, path, is_file=False)
    if sort == "fileKeyRef":
        return _file_key_errors(source, path)
    name, key = source.get("name", ""), source.get("key", "")
    errors = faults(f"{path}.name", name, subdomain_faults(name))
    return errors + (faults(f"{path}.key", key, config_key_faults(key)) if key else needed(f"{path}.key", key))


def _file_key_errors(source: Json, path: str) -> Errors:
    errors: Errors = []
    for member in ("key", "volumeName", "path"):
        errors += needed(f"{path}.{member}", source.get(member))
    return errors


def file_field_errors(source: Json, path: str) -> Errors:
    """A field that becomes a file: whole sets of labels and annotations, too."""
    return field_errors(source, _FIELDS_OF_FILES, path)


def field_errors(source: Json, allowed: Sequence[str], path: str) -> Errors:
    for member in ("apiVersion", "fieldPath"):
        if not source.get(member):
            return [fields.required(f"{path}.{member}")]
    field = source["fieldPath"]
    match = _SUBSCRIPT.fullmatch(field)
    if match:
        return _subscript_errors(match["path"], match["key"], field, path)
    if field not in _CONVERTIBLE:
        return [_inconvertible(path, field)]
    return [] if field in allowed else [fields.not_supported(f"{path}.fieldPath", field, sorted(allowed))]


def _subscript_errors(whole: str, key: str, field: str, path: str) -> Errors:
    if whole == "metadata.annotations":
        return faults(path, key.lower(), qualified_name_faults(key.lower()))
    if whole == "metadata.labels":
        return faults(path, key, qualified_name_faults(key))
    return [_inconvertible(path, field)]


def _inconvertible(path: str, field: str) -> fields.FieldError:
    told = f"error converting fieldPath: field label not supported: {field}"
    return fields.invalid(f"{path}.fieldPath", field, told)


def resource_field_errors(source: Json, path: str, *, is_file: bool) -> Errors:
    resource = source.get("resource", "")
    errors: Errors = []
    if is_file and not source.get("containerName"):
        errors.append(fields.required(f"{path}.containerName"))
    elif not resource:
        errors.append(fields.required(f"{path}.resource"))
    elif resource not in _RESOURCES and not resource.startswith(_HUGE):
        errors.append(fields.not_supported(f"{path}.resource", resource, _RESOURCES))
    return [*errors, *_divisor_errors(resource, source.get("divisor"), f"{path}.divisor")]


def _divisor_errors(resource: str, divisor: object, path: str) -> Errors:
    if divisor is None or quantity.compare(divisor, "0") == 0:
        return []
    if resource.endswith(".cpu"):
        told = "only divisor's values 1m and 1 are supported with the cpu resource"
        return [] if divisor in ("1m", "1") else [fields.invalid(path, resource, told)]
    if divisor in _SIZES or not resource:
        return []
    told = f"only divisor's values {', '.join(_SIZES)} are supported with the {_noun(resource)} resource"
    return [fields.invalid(path, resource, told)]


def _noun(resource: str) -> str:
    if resource.startswith(_HUGE):
        return "hugepages"
    return "memory" if resource.endswith("memory") else "local ephemeral storage"


def validate_env_from(sources: list[Json], path: str) -> Errors:
    errors: Errors = []
    for index, source in enumerate(sources):
        at, prefix = f"{path}[{index}]", source.get("prefix", "")
        errors += faults(f"{at}.prefix", prefix, env_name_faults(prefix)) if prefix else []
        given = [name for name in ("configMapRef", "secretRef") if source.get(name) is not None]
        for name in given:
            errors += _named_errors(source[name].get("name", ""), f"{at}.{name}.name")
        if not given:
            errors.append(fields.invalid(path, "", "must specify one of: `configMapRef` or `secretRef`"))
        elif len(given) > 1:
            errors.append(fields.invalid(path, "", _MANY_SOURCES))
    return errors


def _named_errors(name: str, path: str) -> Errors:
    return faults(path, name, subdomain_faults(name)) if name else [fields.required(path)]
