"""What a pod's volumes may not be: one source each, and what every source type needs."""

from collections.abc import Callable, Mapping

from stead.kinds import storagesources as sources
from stead.kinds.checks import Errors, faults, known, needed
from stead.kinds.claimspec import validate_claim_template
from stead.kinds.envrules import file_field_errors, resource_field_errors
from stead.kinds.syntax import (
    descending_path_faults,
    label_faults,
    local_path_faults,
    subdomain_faults,
)
from stead.machinery import fields, quantity
from stead.machinery.objects import Json

_MODE_TOLD = "must be a number between 0 and 0777 (octal), both inclusive"
_ONE_TYPE = "may not specify more than 1 volume type"
_SHORTEST_TOKEN, _LONGEST_TOKEN = 600, 2**32


def validate_volumes(volumes: list[Json], pod_name: str, path: str) -> tuple[Mapping[str, Json], Errors]:
    """The volumes that mounts may name, and what is wrong with the rest."""
    good: dict[str, Json] = {}
    errors: Errors = []
    for index, volume in enumerate(volumes):
        at, name = f"{path}[{index}]", volume.get("name", "")
        found = _source_errors(volume, pod_name, at)
        found += faults(f"{at}.name", name, label_faults(name)) if name else [fields.required(f"{at}.name")]
        if name in good:
            found.append(fields.duplicate(f"{at}.name", name))
        if not found:
            good[name] = volume
        errors += found
    return good, errors


def _source_errors(volume: Json, pod_name: str, path: str) -> Errors:
    given = [source for source in _SOURCES if volume.get(source) is not None]
    if not given:
        return [fields.required(path, "must specify a volume type")]
    first, *others = given
    errors = _SOURCES[first](volume[first], f"{path}.{_MISNAMED.get(first, first)}")
    errors += [fields.forbidden(f"{path}.{_MISNAMED_AGAIN.get(source, source)}", _ONE_TYPE) for source in others]
    if first == "iscsi" and sources.iscsi_name_is_too_long(volume.get("name", ""), volume[first]):
        errors += sources.iscsi_too_long(f"{path}.name", volume.get("name", ""))
    if first == "ephemeral" and pod_name and volume.get("name"):
        claim = f"{pod_name}-{volume['name']}"
        told = [f'PVC name "{claim}": {fault}' for fault in subdomain_faults(claim)]
        errors += faults(f"{path}.name", volume["name"], told)
    return errors


def _empty_dir(source: Json, path: str) -> Errors:
    limit = source.get("sizeLimit")
    if limit is None or quantity.compare(limit, "0") >= 0:
        return []
    return [fields.forbidden(f"{path}.sizeLimit", "SizeLimit field must be a valid resource quantity")]


def _git_repo(source: Json, path: str) -> Errors:
    errors = needed(f"{path}.repository", source.get("repository"))
    place = source.get("directory", "")
    return [*errors, *faults(f"{path}.directory", place, descending_path_faults(place))]


def _keyed(name: str) -> Callable[[Json, str], Errors]:
    """ConfigMap and Secret: a name, a mode, and files for keys."""

    def rule(source: Json, path: str) -> Errors:
        errors = needed(f"{path}.{name}", source.get(name))
        errors += _mode_errors(source.get("defaultMode"), f"{path}.defaultMode")
        return [*errors, *_item_errors(source, path)]

    return rule


def _mode_errors(mode: int | None, path: str) -> Errors:
    return [] if mode is None or 0 <= mode <= 0o777 else [fields.invalid(path, mode, _MODE_TOLD)]


def _item_errors(source: Json, path: str) -> Errors:
    errors: Errors = []
    for index, item in enumerate(source.get("items") or []):
        at, place = f"{path}.items[{index}]", item.get("path", "")
        errors += needed(f"{at}.key", item.get("key"))
        errors += needed(f"{at}.path", place)
        errors += faults(f"{at}.path", place, local_path_faults(place))
        errors += _mode_errors(item.get("mode"), f"{at}.mode")
    return errors


def _downward(source: Json, path: str) -> Errors:
    errors = _mode_errors(source.get("defaultMode"), f"{path}.defaultMode")
    for item in source.get("items") or []:
        errors += _downward_file_errors(item, path)
    return errors


def _downward_file_errors(item: Json, path: str) -> Errors:
    place, field, resource = item.get("path", ""), item.get("fieldRef"), item.get("resourceFieldRef")
    errors = needed(f"{path}.path", place)
    errors += faults(f"{path}.path", place, local_path_faults(place))
    if field is not None:
        errors += file_field_errors(field, f"{path}.fieldRef")
        if resource is not None:
            told = "fieldRef and resourceFieldRef can not be specified simultaneously"
            errors.append(fields.invalid(path, "resource", told))
    elif resource is not None:
        errors += resource_field_errors(resource, f"{path}.resourceFieldRef", is_file=True)
    else:
        errors.append(fields.required(path, "one of fieldRef and resourceFieldRef is required"))
    return [*errors, *_mode_errors(item.get("mode"), f"{path}.mode")]


def _projected(source: Json, path: str) -> Errors:
    errors = _mode_errors(source.get("defaultMode"), f"{path}.defaultMode")
    taken: set[str] = set()
    for index, projection in enumerate(source.get("sources") or []):
        at = f"{path}.sources[{index}]"
        given = [sort for sort in _PROJECTIONS if projection.get(sort) is not None]
        for sort in given:
            errors += _PROJECTIONS[sort](projection[sort], f"{at}.{sort}", path)
            errors += _clash_errors(projection[sort], taken, path)
        if len(given) > 1:
            errors.append(fields.forbidden(at, "may not specify more than 1 volume type per source"))
    return errors


def _clash_errors(projection: Json, taken: set[str], path: str) -> Errors:
    """Two projections cannot write one file; the token's path is not looked at."""
    errors: Errors = []
    for item in projection.get("items") or []:
        place = item.get("path", "")
        if place and place in taken:
            errors.append(fields.invalid(path, projection.get("name") or place, "conflicting duplicate paths"))
        taken.add(place)
    return errors


def _projected_keys(projection: Json, path: str, whole: str) -> Errors:
    return [*needed(f"{path}.name", projection.get("name")), *_item_errors(projection, path)]


def _projected_downward(projection: Json, path: str, whole: str) -> Errors:
    errors: Errors = []
    for item in projection.get("items") or []:
        errors += _downward_file_errors(item, path)
    return errors


def _projected_token(projection: Json, path: str, whole: str) -> Errors:
    seconds, place = projection.get("expirationSeconds", 0), projection.get("path", "")
    at = f"{path}.expirationSeconds"
    errors: Errors = []
    if seconds < _SHORTEST_TOKEN:
        errors.append(fields.invalid(at, seconds, "may not specify a duration less than 10 minutes"))
    if seconds > _LONGEST_TOKEN:
        errors.append(fields.invalid(at, seconds, "may not specify a duration larger than 2^32 seconds"))
    if not place:
        return [*errors, fields.required(f"{whole}.path")]
    return [*errors, *faults(f"{whole}.path", place, local_path_faults(place))]


_PROJECTIONS: Mapping[str, Callable[[Json, str, str], Errors]] = {
    "secret": _projected_keys,
    "configMap": _projected_keys,
    "downwardAPI": _projected_downward,
    "serviceAccountToken": _projected_token,
}


def _csi(source: Json, path: str) -> Errors:
    errors = sources.driver_errors(source.get("driver", ""), f"{path}.driver")
    secret = source.get("nodePublishSecretRef")
    if secret is None:
        return errors
    name = secret.get("name", "")
    if not name:
        return [*errors, fields.required(f"{path}.nodePublishSecretRef.name")]
    return [*errors, *faults(f"{path}.name", name, subdomain_faults(name))]


def _ephemeral(source: Json, path: str) -> Errors:
    template = source.get("volumeClaimTemplate")
    if template is None:
        return [fields.required(f"{path}.volumeClaimTemplate")]
    return validate_claim_template(template, f"{path}.volumeClaimTemplate")


def _image(source: Json, path: str) -> Errors:
    errors = needed(f"{path}.reference", source.get("reference"))
    policy = source.get("pullPolicy")
    return errors + (known(f"{path}.pullPolicy", policy, ["Always", "IfNotPresent", "Never"]) if policy else [])


# Every source type in the order in which it is looked at: the first found counts, more are one too many.
_SOURCES: Mapping[str, Callable[[Json, str], Errors]] = {
    "emptyDir": _empty_dir,
    "hostPath": sources.host_path,
    "gitRepo": _git_repo,
    "gcePersistentDisk": sources.disk("pdName"),
    "awsElasticBlockStore": sources.disk("volumeID"),
    "secret": _keyed("secretName"),
    "nfs": sources.nfs,
    "iscsi": sources.iscsi_of_pod,
    "glusterfs": sources.needs("endpoints", "path"),
    "flocker": sources.flocker,
    "persistentVolumeClaim": sources.needs("claimName"),
    "rbd": sources.needs("monitors", "image"),
    "cinder": sources.cinder_of_pod,
    "cephfs": sources.needs("monitors"),
    "quobyte": sources.quobyte,
    "downwardAPI": _downward,
    "fc": sources.fibre_channel,
    "flexVolume": sources.flex_volume,
    "configMap": _keyed("name"),
    "azureFile": sources.needs("secretName", "shareName"),
    "vsphereVolume": sources.needs("volumePath"),
    "photonPersistentDisk": sources.needs("pdID"),
    "portworxVolume": sources.needs("volumeID"),
    "azureDisk": sources.azure_disk,
    "storageos": sources.storage_os_of_pod,
    "projected": _projected,
    "scaleIO": sources.needs("gateway", "system", "volumeName"),
    "csi": _csi,
    "ephemeral": _ephemeral,
    "image": _image,
}
# Names that upstream's messages spell otherwise, when a source is looked into and when it is one too many.
_MISNAMED = {"gcePersistentDisk": "persistentDisk"}
_MISNAMED_AGAIN = {"downwardAPI": "downwarAPI", "cephfs": "cephFS"}
