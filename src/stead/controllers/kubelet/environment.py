"""The variables a container sees, final: every source read, every `$(NAME)` replaced."""

import re
from base64 import b64decode
from collections.abc import Mapping

from msgspec import Struct

from stead.controllers.kubelet import downward, servicelinks
from stead.controllers.kubelet.observed import Observed
from stead.controllers.kubelet.settings import Settings
from stead.machinery.objects import Json, dig

REFERENCE = re.compile(r"\$(?:\$|\(([^()]*)\))")


class Environment(Struct, frozen=True):
    """`problem` says in the kubelet's words why it cannot be told yet, "" if it can."""

    values: Mapping[str, str]
    problem: str = ""


class Missing(Struct, frozen=True):
    why: str


def resolve(observed: Observed, container: Json, settings: Settings) -> Environment:
    """All variables of one container, later ones over earlier: services', the cluster's, envFrom, env."""
    values = {**servicelinks.variables(observed), **dict(settings.environment)}
    if dig(observed.pod, "spec", "hostNetwork"):
        values.update(settings.host_environment)
    for source in container.get("envFrom") or ():
        found = _all_of(observed, source)
        if isinstance(found, Missing):
            return Environment(values, found.why)
        values.update({source.get("prefix", "") + name: value for name, value in found.items()})
    for variable in container.get("env") or ():
        text = _value(observed, container, variable, values)
        if isinstance(text, Missing):
            return Environment(values, text.why)
        if text is not None:
            values[variable["name"]] = text
    return Environment(values)


def expand(text: str, values: Mapping[str, str]) -> str:
    """`$(NAME)` becomes its value where there is one, `$$` becomes `$`."""

    def replacement(match: re.Match[str]) -> str:
        if match[1] is None:
            return "$"
        return values.get(match[1], match[0])

    return REFERENCE.sub(replacement, text)


def config_data(kind: str, thing: Json) -> dict[str, bytes]:
    """What a ConfigMap or Secret holds, by key."""
    if kind == "Secret":
        return {key: b64decode(text) for key, text in (thing.get("data") or {}).items()}
    plain = {key: str(text).encode() for key, text in (thing.get("data") or {}).items()}
    return plain | {key: b64decode(text) for key, text in (thing.get("binaryData") or {}).items()}


def _value(observed: Observed, container: Json, variable: Json, values: Mapping[str, str]) -> str | Missing | None:
    """The value of one entry of `env`; None leaves the variable out (an optional key that is not there)."""
    source = variable.get("valueFrom")
    if not source:
        return expand(str(variable.get("value") or ""), values)
    if reference := source.get("fieldRef"):
        text = downward.field(observed, reference["fieldPath"])
        return Missing(f"unsupported fieldPath: {reference['fieldPath']}") if text is None else text
    if reference := source.get("resourceFieldRef"):
        return downward.resource(observed, reference, container["name"])
    kind, reference = ("ConfigMap", source["configMapKeyRef"]) if source.get("configMapKeyRef") else ("Secret", None)
    return _key(observed, kind, reference or source.get("secretKeyRef") or {})


def _key(observed: Observed, kind: str, reference: Json) -> str | Missing | None:
    name, key = reference.get("name", ""), reference.get("key", "")
    thing = observed.thing(kind, name)
    data = config_data(kind, thing) if thing else {}
    if key in data:
        return data[key].decode(errors="replace")
    if reference.get("optional"):
        return None
    if thing is None:
        return Missing(f'{kind.lower()} "{name}" not found')
    return Missing(f"couldn't find key {key} in {kind} {observed.key.namespace}/{name}")


def _all_of(observed: Observed, source: Json) -> dict[str, str] | Missing:
    kind = "ConfigMap" if source.get("configMapRef") else "Secret"
    reference = source.get("configMapRef") or source.get("secretRef") or {}
    name = reference.get("name", "")
    thing = observed.thing(kind, name)
    if thing is None:
        return {} if dig(reference, "optional", default=False) else Missing(f'{kind.lower()} "{name}" not found')
    return {key: data.decode(errors="replace") for key, data in sorted(config_data(kind, thing).items())}
