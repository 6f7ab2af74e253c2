"""Where a pod's volumes come from: claims and host paths, or directories that the runtime writes for it."""

from collections.abc import Callable, Mapping

from msgspec import Struct, field

from stead.controllers.kubelet import downward
from stead.controllers.kubelet.environment import config_data, expand
from stead.controllers.kubelet.observed import Observed
from stead.controllers.kubelet.settings import Settings
from stead.machinery import meta, quantity
from stead.machinery.objects import Json, dig
from stead.machinery.runtime import EmptyDir, File, Mount, VolumeFiles

FILE_MODE = 0o644
TOKEN_SECONDS = 3600
ADMITTED = "kube-api-access-"
PROVISIONED_BY = "pv.kubernetes.io/provisioned-by"


class Place(Struct, frozen=True):
    """A path of the host that a volume is. `is_grouped`: fsGroup counts here (not for a hostPath of the user's)."""

    source: str
    host_type: str = ""
    is_read_only: bool = False
    is_grouped: bool = False


class Problem(Struct, frozen=True):
    """Why a volume cannot be mounted yet, in the kubelet's words."""

    text: str


class Ground(Struct, frozen=True):
    """A pod's volumes, resolved: what the runtime makes, where the others are, and the first problem ("": none)."""

    declared: tuple[VolumeFiles | EmptyDir, ...] = ()
    places: Mapping[str, Place] = field(default_factory=dict)
    problem: str = ""


Source = Place | VolumeFiles | EmptyDir | Problem


def resolve(observed: Observed, settings: Settings) -> Ground:
    """Every volume of the pod's spec."""
    assert observed.pod is not None
    declared: list[VolumeFiles | EmptyDir] = []
    places: dict[str, Place] = {}
    problem = ""
    for volume in observed.pod["spec"].get("volumes") or ():
        name = volume["name"]
        match _source(observed, volume, settings):
            case Problem(text):
                problem = problem or text
            case Place() as place:
                places[name] = place
            case VolumeFiles() as files:
                declared.append(files)
                places[name] = Place(f"volume:{name}", is_read_only=True)
            case made:
                declared.append(made)
                places[name] = Place(f"volume:{name}")
    return Ground(tuple(declared), places, problem)


def mounts(container: Json, ground: Ground, values: Mapping[str, str]) -> tuple[Mount, ...]:
    """A container's mounts; `values` are its variables, for subPathExpr."""
    return tuple(_mount(entry, ground.places[entry["name"]], values) for entry in container.get("volumeMounts") or ())


def _mount(entry: Json, place: Place, values: Mapping[str, str]) -> Mount:
    part = entry.get("subPath") or expand(entry.get("subPathExpr") or "", values)
    is_read_only = place.is_read_only or bool(entry.get("readOnly"))
    more = {"is_grouped": place.is_grouped, "name": entry["name"]}
    if not part:
        return Mount(place.source, entry["mountPath"], is_read_only, place.host_type, **more)
    return Mount(f"{place.source}/{part}", entry["mountPath"], is_read_only, within=place.source, **more)


# --- sources


def _source(observed: Observed, volume: Json, settings: Settings) -> Source:
    for kind, given in volume.items():
        if given is not None and kind in _SOURCES:
            return _SOURCES[kind](observed, volume, settings)
    return _failed(volume, "no volume plugin matched")


def _claim(observed: Observed, volume: Json, settings: Settings) -> Place | Problem:
    asked = volume.get("persistentVolumeClaim") or {"claimName": f"{observed.key.name}-{volume['name']}"}
    name = f"{observed.key.namespace}/{asked['claimName']}"
    claim = observed.thing("PersistentVolumeClaim", asked["claimName"])
    if claim is None:
        why = f'error getting PVC {name}: could not find v1.PersistentVolumeClaim "{name}"'
        return _unmounted(volume, why)
    if dig(claim, "status", "phase") != "Bound":
        return _unmounted(volume, f"error processing PVC {name}: PVC is not bound")
    bound = observed.volume(dig(claim, "spec", "volumeName", default=""))
    if bound is None or dig(bound, "spec", "claimRef", "uid", default=meta.uid(claim)) != meta.uid(claim):
        return _unmounted(volume, f"error processing PVC {name}: PVC is not bound")
    is_read_only = bool(asked.get("readOnly"))
    if host := dig(bound, "spec", "hostPath"):
        if PROVISIONED_BY in meta.annotations(bound):  # made for this claim: open to whoever the pod runs as
            return Place(host["path"], "", is_read_only, is_grouped=True)
        return Place(host["path"], host.get("type") or "", is_read_only)
    if local := dig(bound, "spec", "local"):
        return Place(local["path"], "Directory", is_read_only, is_grouped=True)
    return _failed(volume, f'volume "{meta.name(bound)}" is neither a hostPath nor a local volume')


def _empty(observed: Observed, volume: Json, settings: Settings) -> EmptyDir:
    limit = volume["emptyDir"].get("sizeLimit")
    is_memory = volume["emptyDir"].get("medium") == "Memory"
    return EmptyDir(volume["name"], is_memory, quantity.parse(limit).value if limit else None)


def _host_path(observed: Observed, volume: Json, settings: Settings) -> Place:
    return Place(volume["hostPath"]["path"], volume["hostPath"].get("type") or "")


def _single(observed: Observed, volume: Json, settings: Settings) -> VolumeFiles | Problem:
    """configMap, secret and downwardAPI: a projected volume with one source."""
    kind = next(kind for kind in ("configMap", "secret", "downwardAPI") if volume.get(kind) is not None)
    return _files(observed, volume, [{kind: volume[kind]}], settings)


def _projected(observed: Observed, volume: Json, settings: Settings) -> VolumeFiles | Problem:
    sources = volume["projected"].get("sources") or []
    if volume["name"].startswith(ADMITTED):
        sources = [_optional(source) for source in sources]
    return _files(observed, volume, sources, settings)


def _optional(source: Json) -> Json:
    """The volume that admission gave every pod: certificates may come later, no pod waits for them."""
    return {"configMap": {**source["configMap"], "optional": True}} if source.get("configMap") else source


def _files(observed: Observed, volume: Json, sources: list[Json], settings: Settings) -> VolumeFiles | Problem:
    whole = dig(volume, "projected", "defaultMode", default=FILE_MODE)
    files: dict[str, File] = {}
    for source in sources:
        kind = next(filter(_PROJECTIONS.get, source), "")
        given = source.get(kind)
        found = _PROJECTIONS[kind](observed, given, settings) if given is not None else []
        if isinstance(found, Problem):
            return _failed(volume, found.text)
        mode = dig(given, "defaultMode", default=whole)
        files |= {file.path: File(file.path, file.data, file.mode or mode) for file in found}
    return VolumeFiles(volume["name"], tuple(files[path] for path in sorted(files)))


def _config_files(observed: Observed, source: Json, settings: Settings) -> list[File] | Problem:
    return _data_files(source, observed.thing("ConfigMap", source.get("name", "")), "ConfigMap")


def _secret_files(observed: Observed, source: Json, settings: Settings) -> list[File] | Problem:
    named = {**source, "name": source.get("secretName") or source.get("name", "")}
    return _data_files(named, observed.thing("Secret", named["name"]), "Secret")


def _data_files(source: Json, thing: Json | None, kind: str) -> list[File] | Problem:
    if thing is None:
        return [] if source.get("optional") else Problem(f'{kind.lower()} "{source.get("name", "")}" not found')
    data = config_data(kind, thing)
    if not source.get("items"):
        return [File(key, data[key], 0) for key in sorted(data)]
    absent = [item["key"] for item in source["items"] if item["key"] not in data]
    if absent and not source.get("optional"):
        return Problem(f"references non-existent {kind.removesuffix('Map').lower()} key: {absent[0]}")
    return [
        File(item["path"], data[item["key"]], item.get("mode") or 0) for item in source["items"] if item["key"] in data
    ]


def _downward_files(observed: Observed, source: Json, settings: Settings) -> list[File] | Problem:
    files = []
    for item in source.get("items") or ():
        text: str | None
        if item.get("resourceFieldRef"):
            text = downward.resource(observed, item["resourceFieldRef"], "")
        else:
            text = downward.field(observed, item["fieldRef"]["fieldPath"])
        if text is None:
            return Problem(f"unsupported fieldPath: {item['fieldRef']['fieldPath']}")
        files.append(File(item["path"], text.encode(), item.get("mode") or 0))
    return files


def _token_files(observed: Observed, source: Json, settings: Settings) -> list[File]:
    if settings.make_token is None or observed.pod is None:
        return []
    seconds = int(source.get("expirationSeconds") or TOKEN_SECONDS)
    return [File(source["path"], settings.make_token(observed.pod, source.get("audience", ""), seconds), 0)]


def _failed(volume: Json, why: str) -> Problem:
    return Problem(f'MountVolume.SetUp failed for volume "{volume["name"]}" : {why}')


def _unmounted(volume: Json, why: str) -> Problem:
    name = volume["name"]
    return Problem(
        f"Unable to attach or mount volumes: unmounted volumes=[{name}], unattached volumes=[], "
        f"failed to process volumes=[{name}]: {why}"
    )


_SOURCES: Mapping[str, Callable[[Observed, Json, Settings], Source]] = {
    "persistentVolumeClaim": _claim,
    "ephemeral": _claim,
    "emptyDir": _empty,
    "hostPath": _host_path,
    "configMap": _single,
    "secret": _single,
    "downwardAPI": _single,
    "projected": _projected,
}
_PROJECTIONS: Mapping[str, Callable[[Observed, Json, Settings], list[File] | Problem]] = {
    "configMap": _config_files,
    "secret": _secret_files,
    "downwardAPI": _downward_files,
    "serviceAccountToken": _token_files,
}
