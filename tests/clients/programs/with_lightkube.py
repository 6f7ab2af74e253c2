"""lightkube: typed, generic, apply, watches, waits; plain and async."""

import threading

from lightkube import ApiError, AsyncClient, Client, codecs
from lightkube.generic_resource import create_namespaced_resource, load_in_cluster_generic_resources
from lightkube.models.apps_v1 import StatefulSetSpec
from lightkube.models.core_v1 import Container, PodSpec, PodTemplateSpec
from lightkube.models.meta_v1 import LabelSelector, ObjectMeta
from lightkube.resources.apps_v1 import StatefulSet
from lightkube.resources.core_v1 import ConfigMap, Event, Node, PersistentVolumeClaim, Pod
from lightkube.types import CascadeType, PatchType
from running import MANIFESTS, Space, until

CLIENT = "lightkube"

client = Client(field_manager="lightkube")


def a_map(space: Space, name: str, **data: str) -> ConfigMap:
    metadata = ObjectMeta(name=name, namespace=space.namespace, labels={"by": "test"})
    return ConfigMap(apiVersion="v1", kind="ConfigMap", metadata=metadata, data=data)


def ready(space: Space, name: str) -> int | None:
    found = client.get(StatefulSet, name, namespace=space.namespace)
    return found.status.readyReplicas if found.status else None


def can_create_scale_and_delete_a_set(space: Space) -> None:
    labels = {"app": "typed"}
    pod = PodSpec(containers=[Container(name="db", image="registry.example/db:1")], terminationGracePeriodSeconds=0)
    spec = StatefulSetSpec(
        serviceName="typed",
        selector=LabelSelector(matchLabels=labels),
        template=PodTemplateSpec(metadata=ObjectMeta(labels=labels), spec=pod),
    )
    metadata = ObjectMeta(name="typed", namespace=space.namespace)
    made = client.create(StatefulSet(metadata=metadata, spec=spec))
    assert made.spec.replicas == 1
    until(lambda: ready(space, "typed") == 1)
    scale = client.get(StatefulSet.Scale, "typed", namespace=space.namespace)
    scale.spec.replicas = 2
    client.replace(scale, "typed", namespace=space.namespace)
    until(lambda: ready(space, "typed") == 2)
    client.delete(StatefulSet, "typed", namespace=space.namespace, cascade=CascadeType.FOREGROUND)
    until(lambda: list(client.list(StatefulSet, namespace=space.namespace)) == [])


def can_load_manifests_and_list(space: Space) -> None:
    for found in codecs.load_all_yaml(MANIFESTS.read_text()):
        client.create(found, namespace=space.namespace)
    until(lambda: ready(space, "db") == 2)
    pods = list(client.list(Pod, namespace=space.namespace, labels={"app": "db"}))
    assert [pod.metadata.name for pod in pods] == ["db-0", "db-1"]
    assert [one.metadata.name for one in client.list(Node)] == ["stead"]
    assert {one.status.phase for one in client.list(PersistentVolumeClaim, namespace=space.namespace)} == {"Bound"}
    assert any(event.reason == "SuccessfulCreate" for event in client.list(Event, namespace=space.namespace))


def can_patch_in_each_way(space: Space) -> None:
    container = {"name": "db", "image": "registry.example/db:2"}
    patch = {"spec": {"template": {"spec": {"containers": [container]}}}}
    patched = client.patch(StatefulSet, "db", patch, namespace=space.namespace)
    assert patched.spec.template.spec.containers[0].ports[0].name == "sql"
    merge = {"spec": {"replicas": 1}}
    patched = client.patch(StatefulSet, "db", merge, namespace=space.namespace, patch_type=PatchType.MERGE)
    assert patched.spec.replicas == 1
    operations = [{"op": "replace", "path": "/spec/replicas", "value": 2}]
    patched = client.patch(StatefulSet, "db", operations, namespace=space.namespace, patch_type=PatchType.JSON)
    assert patched.spec.replicas == 2


def can_set_labels_and_annotations(space: Space) -> None:
    client.set(StatefulSet, "db", namespace=space.namespace, labels={"x": "y"}, annotations={"why": "because"})
    assert client.get(StatefulSet, "db", namespace=space.namespace).metadata.labels["x"] == "y"


def can_apply_and_meet_conflicts(space: Space) -> None:
    assert client.apply(a_map(space, "applied", a="1")).data == {"a": "1"}
    assert client.apply(a_map(space, "applied", b="2")).data == {"b": "2"}, "what is applied no more goes"
    try:
        client.apply(a_map(space, "applied", b="3"), field_manager="other")
    except ApiError as error:
        assert (error.status.code, error.status.reason) == (409, "Conflict")
        assert 'conflict with "lightkube"' in error.status.message
    else:
        raise AssertionError("no conflict")
    assert client.apply(a_map(space, "applied", b="3"), field_manager="other", force=True).data == {"b": "3"}


def can_tell_refusals(space: Space) -> None:
    for deed, code in (
        (lambda: client.get(ConfigMap, "none", namespace=space.namespace), 404),
        (lambda: client.create(a_map(space, "applied")), 409),
        (lambda: client.create(a_map(space, "A")), 422),
    ):
        try:
            deed()
        except ApiError as error:
            assert error.status.code == code
        else:
            raise AssertionError("taken")


def can_watch(space: Space) -> None:
    revision = client.create(a_map(space, "before")).metadata.resourceVersion

    def change() -> None:
        client.create(a_map(space, "watched", a="1"))
        client.patch(ConfigMap, "watched", {"data": {"a": "2"}}, namespace=space.namespace)
        client.delete(ConfigMap, "watched", namespace=space.namespace)

    changing = threading.Thread(target=change)
    changing.start()
    seen = []
    for event, found in client.watch(
        ConfigMap, namespace=space.namespace, labels={"by": "test"}, resource_version=revision, server_timeout=10
    ):
        seen.append((event, found.data["a"]))
        if event == "DELETED":
            break
    changing.join()
    assert seen == [("ADDED", "1"), ("MODIFIED", "2"), ("DELETED", "2")]


def can_wait_for_conditions(space: Space) -> None:
    pod = client.wait(Pod, "db-0", for_conditions=["Ready"], namespace=space.namespace)
    assert pod.status.phase == "Running"


def can_use_generic_resources(space: Space) -> None:
    lease = create_namespaced_resource("coordination.k8s.io", "v1", "Lease", "leases")
    body = lease(metadata=ObjectMeta(name="mine", namespace=space.namespace), spec={"holderIdentity": "me"})
    assert client.create(body)["spec"]["holderIdentity"] == "me"
    body = lease(
        apiVersion="coordination.k8s.io/v1", kind="Lease", metadata=body.metadata, spec={"holderIdentity": "you"}
    )
    assert client.apply(body, force=True)["spec"]["holderIdentity"] == "you"
    assert [one.metadata.name for one in client.list(lease, namespace=space.namespace)] == ["mine"]
    load_in_cluster_generic_resources(client)
    client.deletecollection(lease, namespace=space.namespace)
    assert list(client.list(lease, namespace=space.namespace)) == []


async def can_do_the_same_asynchronously(space: Space) -> None:
    asking = AsyncClient(field_manager="lightkube")
    made = await asking.create(a_map(space, "async", a="1"))
    async for event, found in asking.watch(
        ConfigMap, namespace=space.namespace, fields={"metadata.name": "async"}, server_timeout=10
    ):
        assert (event, found.metadata.uid) == ("ADDED", made.metadata.uid)
        break
    assert [one.metadata.name async for one in asking.list(ConfigMap, namespace=space.namespace, chunk_size=1)]
    await asking.delete(ConfigMap, "async", namespace=space.namespace)
