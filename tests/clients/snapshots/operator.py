"""A kopf operator: for every Snapshot a ConfigMap of its own, a status, events, and a last word before it goes."""

from typing import Any

import kopf
import kubernetes

KIND = ("tests.stead.dev", "v1", "snapshots")


@kopf.on.startup()
def configure(settings: kopf.OperatorSettings, **_: Any) -> None:
    settings.posting.level = 20
    kubernetes.config.load_kube_config()


@kopf.on.create(*KIND)
@kopf.on.update(*KIND, field="spec")
def take(spec: kopf.Spec, name: str, namespace: str, patch: kopf.Patch, body: kopf.Body, **_: Any) -> dict[str, Any]:
    copy: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name},
        "data": {"set": spec["set"], "copies": str(spec["copies"])},
    }
    kopf.adopt(copy)
    core = kubernetes.client.CoreV1Api()
    try:
        core.create_namespaced_config_map(namespace, copy)
    except kubernetes.client.ApiException as error:
        if error.status != 409:
            raise
        core.patch_namespaced_config_map(name, namespace, {"data": copy["data"]})
    patch.status["taken"] = spec["copies"]
    kopf.info(body, reason="Taken", message=f"{spec['copies']} of {spec['set']}")
    return {"copies": spec["copies"]}


@kopf.on.delete(*KIND)
def forget(name: str, namespace: str, **_: Any) -> None:
    core = kubernetes.client.CoreV1Api()
    core.create_namespaced_config_map(namespace, {"metadata": {"name": f"{name}-forgotten"}})


@kopf.on.create("apps", "v1", "statefulsets", labels={"snapshots": "wanted"})
def follow(name: str, namespace: str, patch: kopf.Patch, **_: Any) -> None:
    patch.metadata.annotations["snapshots"] = "followed"


@kopf.on.event("v1", "pods", annotations={"snapshots": "wanted"})
def see(name: str, namespace: str, type: str | None, patch: kopf.Patch, **_: Any) -> None:
    if type != "DELETED":
        patch.metadata.labels["seen"] = "by-operator"
