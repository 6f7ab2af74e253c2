"""Sets of schedules as manifests: short shapes become objects that the API takes."""

from collections.abc import Mapping
from typing import Any

from stead.machinery.objects import Json, dig
from stead.runtimes.scripts import PREFIX

TROUBLES: dict[str, dict[str, str]] = {
    "none": {},
    "image": {"image-missing": "true"},
    "unready": {"unready": "true"},
    "crash": {"exit-after": "1s", "exit-code": "1"},
}
_TROUBLE_WORDS = ("image-missing", "unready", "exit-after", "exit-code", "exit-attempts")
_SCRIPT = {"readyAfter": "ready-after", "startAfter": "start-after", "stopAfter": "stop-after"}
_PROBE = {"exec": {"command": ["ready"]}, "periodSeconds": 4, "failureThreshold": 1}


def manifest(shape: Mapping[str, Any]) -> Json:
    """The StatefulSet of a shape."""
    name = shape["name"]
    spec: dict[str, Any] = {
        "serviceName": name,
        "replicas": shape["replicas"],
        "podManagementPolicy": shape["policy"],
        "selector": {"matchLabels": {"app": name}},
        "minReadySeconds": shape["minReadySeconds"],
        "revisionHistoryLimit": shape["historyLimit"],
        "persistentVolumeClaimRetentionPolicy": {
            "whenDeleted": shape["whenDeleted"],
            "whenScaled": shape["whenScaled"],
        },
        "template": template(shape, "a", "none"),
        "volumeClaimTemplates": [_claim(one) for one in shape["claims"]],
        **({"ordinals": {"start": shape["start"]}} if shape["start"] else {}),
        **({"updateStrategy": strategy(shape)} if shape["strategy"] != "default" or _is_rolling_said(shape) else {}),
    }
    return {"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": name}, "spec": spec}


def service(shape: Mapping[str, Any]) -> Json:
    """Its headless Service."""
    spec = {"clusterIP": "None", "selector": {"app": shape["name"]}, "ports": [{"name": "web", "port": 80}]}
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": shape["name"]}, "spec": spec}


def strategy(shape: Mapping[str, Any]) -> Json:
    """`bare` is `type: RollingUpdate` and nothing else: its rollingUpdate stays null (RE-2)."""
    if shape["strategy"] in ("OnDelete", "bare"):
        return {"type": "OnDelete" if shape["strategy"] == "OnDelete" else "RollingUpdate"}
    rolling = {"partition": shape["partition"], "maxUnavailable": shape["maxUnavailable"]}
    return {
        "type": "RollingUpdate",
        "rollingUpdate": {word: value for word, value in rolling.items() if value is not None},
    }


def strategy_of(obj: Json) -> dict[str, Any]:
    """What a set says of its strategy, in a shape's words."""
    said = dig(obj, "spec", "updateStrategy", default={})
    rolling = said.get("rollingUpdate")
    known = {"partition": dig(rolling, "partition", default=0), "maxUnavailable": dig(rolling, "maxUnavailable")}
    is_bare = said.get("type") == "RollingUpdate" and rolling is None
    return {"strategy": "bare" if is_bare else said.get("type", "RollingUpdate"), **known}


def revised(template: Json, image: str, trouble: str) -> Json:
    """Another image in a pod template's first container, and what it suffers from."""
    first, *others = template["spec"]["containers"]
    words = {PREFIX + word: value for word, value in {**dict.fromkeys(_TROUBLE_WORDS), **TROUBLES[trouble]}.items()}
    return {"metadata": {"annotations": words}, "spec": {"containers": [{**first, "image": image}, *others]}}


def template(shape: Mapping[str, Any], image: str, trouble: str) -> dict[str, Any]:
    """A pod template; `trouble` says what its containers suffer from, for a merge over any other."""
    words: dict[str, str | None] = dict.fromkeys(_TROUBLE_WORDS)
    words |= {word: f"{shape[name]}s" for name, word in _SCRIPT.items() if shape[name]}
    if shape["exitAfter"] is not None:
        words |= {"exit-after": f"{shape['exitAfter']}s", "exit-attempts": "2"}
    words |= TROUBLES[trouble]
    container: dict[str, Any] = {"name": "app", "image": image}
    if shape["readyAfter"] or trouble == "unready":
        container["readinessProbe"] = _PROBE
    if shape["claims"]:
        container["volumeMounts"] = [{"name": one, "mountPath": f"/{one}"} for one in shape["claims"]]
    annotations = {PREFIX + word: value for word, value in words.items()}
    spec = {"terminationGracePeriodSeconds": shape["grace"], "containers": [container]}
    return {"metadata": {"labels": {"app": shape["name"]}, "annotations": annotations}, "spec": spec}


def created(obj: Json) -> Json:
    """The manifest without the nulls that a merge would take away."""
    return {
        name: created(value) if isinstance(value, dict) else value for name, value in obj.items() if value is not None
    }


def stray(shape: Mapping[str, Any], pod: str) -> Json:
    """A pod that somebody made by hand, with the set's labels."""
    made = created(template(shape, "stray", "none"))
    spec = {"containers": [{"name": "app", "image": "stray"}], "terminationGracePeriodSeconds": 1}
    metadata = {"name": pod, "namespace": "default", "labels": made["metadata"]["labels"]}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}


def _claim(name: str) -> Json:
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    return {"metadata": {"name": name}, "spec": spec}


def _is_rolling_said(shape: Mapping[str, Any]) -> bool:
    return bool(shape["partition"]) or shape["maxUnavailable"] is not None
