"""The official Python client: typed, dynamic, watches, server-side apply."""

import threading

from kubernetes import aio, client, config, utils, watch
from kubernetes.client.exceptions import ApiException
from kubernetes.dynamic import DynamicClient
from kubernetes.dynamic.exceptions import ConflictError, NotFoundError
from kubernetes.informer import SharedInformer
from running import Space, until

CLIENT = "kubernetes"

config.load_kube_config()
apps, core, custom = client.AppsV1Api(), client.CoreV1Api(), client.CustomObjectsApi()
dynamic = DynamicClient(client.ApiClient())
sets = dynamic.resources.get(api_version="apps/v1", kind="StatefulSet")
maps = dynamic.resources.get(api_version="v1", kind="ConfigMap")


def ready(space: Space, name: str, replicas: int) -> bool:
    return bool(apps.read_namespaced_stateful_set(name, space.namespace).status.ready_replicas == replicas)


def can_create_a_set_from_typed_models(space: Space) -> None:
    labels = {"app": "typed"}
    container = client.V1Container(
        name="db", image="registry.example/db:1", ports=[client.V1ContainerPort(container_port=1)]
    )
    template = client.V1PodTemplateSpec(
        metadata=client.V1ObjectMeta(labels=labels),
        spec=client.V1PodSpec(containers=[container], termination_grace_period_seconds=0),
    )
    claim = client.V1PersistentVolumeClaim(
        metadata=client.V1ObjectMeta(name="data"),
        spec=client.V1PersistentVolumeClaimSpec(
            access_modes=["ReadWriteOnce"], resources=client.V1VolumeResourceRequirements(requests={"storage": "1Gi"})
        ),
    )
    spec = client.V1StatefulSetSpec(
        service_name="typed",
        replicas=2,
        selector=client.V1LabelSelector(match_labels=labels),
        template=template,
        volume_claim_templates=[claim],
    )
    body = client.V1StatefulSet(metadata=client.V1ObjectMeta(name="typed"), spec=spec)
    made = apps.create_namespaced_stateful_set(space.namespace, body)
    assert made.spec.pod_management_policy == "OrderedReady"
    assert made.metadata.creation_timestamp.tzinfo is not None
    until(lambda: ready(space, "typed", 2))


def can_read_what_controllers_made(space: Space) -> None:
    pods = core.list_namespaced_pod(space.namespace, label_selector="app=typed").items
    assert [pod.metadata.name for pod in pods] == ["typed-0", "typed-1"]
    assert pods[0].status.container_statuses[0].state.running.started_at is not None
    assert core.read_namespaced_persistent_volume_claim("data-typed-0", space.namespace).status.phase == "Bound"
    assert len(apps.list_namespaced_controller_revision(space.namespace).items) == 1
    assert core.list_node().items[0].status.node_info.kubelet_version
    assert any(event.reason == "SuccessfulCreate" for event in core.list_namespaced_event(space.namespace).items)
    assert client.VersionApi().get_code().minor == "36"


def can_scale_and_patch(space: Space) -> None:
    apps.patch_namespaced_stateful_set_scale("typed", space.namespace, {"spec": {"replicas": 3}})
    until(lambda: ready(space, "typed", 3))
    scale = apps.read_namespaced_stateful_set_scale("typed", space.namespace)
    assert (scale.spec.replicas, scale.status.selector) == (3, "app=typed")
    container = {"name": "db", "image": "registry.example/db:2"}
    patch = {"spec": {"template": {"spec": {"containers": [container]}}}}
    patched = apps.patch_namespaced_stateful_set("typed", space.namespace, patch)
    assert patched.spec.template.spec.containers[0].ports[0].container_port == 1, "strategic: merged by name"
    json_patch = [{"op": "replace", "path": "/spec/replicas", "value": 1}]
    assert apps.patch_namespaced_stateful_set("typed", space.namespace, json_patch).spec.replicas == 1


def can_replace_and_meet_a_conflict(space: Space) -> None:
    made = core.create_namespaced_config_map(space.namespace, space.config_map("c", a="1"))
    made.data["a"] = "2"
    assert core.replace_namespaced_config_map("c", space.namespace, made).data == {"a": "2"}
    try:
        core.replace_namespaced_config_map("c", space.namespace, made)
    except ApiException as error:
        assert (error.status, error.reason) == (409, "Conflict")
    else:
        raise AssertionError("a stale replace was taken")


def can_tell_refusals(space: Space) -> None:
    for body, code in (({"metadata": {"name": "A"}}, 422), ({"metadata": {"name": "c"}}, 409)):
        try:
            core.create_namespaced_config_map(space.namespace, body)
        except ApiException as error:
            assert error.status == code
            assert '"kind":"Status"' in error.body
        else:
            raise AssertionError(f"{body} was taken")


def can_apply_server_side(space: Space) -> None:
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "applied"}, "data": {"a": "1"}}
    told = {"field_manager": "one", "_content_type": "application/apply-patch+yaml"}
    made = core.patch_namespaced_config_map("applied", space.namespace, body, **told)
    assert made.metadata.managed_fields[0].manager == "one"
    try:
        core.patch_namespaced_config_map(
            "applied", space.namespace, {**body, "data": {"a": "2"}}, **{**told, "field_manager": "two"}
        )
    except ApiException as error:
        assert error.status == 409
    else:
        raise AssertionError("no conflict")


def can_watch(space: Space) -> None:
    seen = []
    watching = watch.Watch()
    revision = core.list_namespaced_config_map(space.namespace).metadata.resource_version

    def change() -> None:
        core.create_namespaced_config_map(space.namespace, space.config_map("watched", a="1"))
        core.patch_namespaced_config_map("watched", space.namespace, {"data": {"a": "2"}})
        core.delete_namespaced_config_map("watched", space.namespace)

    changing = threading.Thread(target=change)
    changing.start()
    options = {"label_selector": "by=test", "resource_version": revision, "timeout_seconds": 10}
    for event in watching.stream(core.list_namespaced_config_map, space.namespace, **options):
        seen.append((event["type"], event["object"].data["a"]))
        if event["type"] == "DELETED":
            watching.stop()
    changing.join()
    assert seen == [("ADDED", "1"), ("MODIFIED", "2"), ("DELETED", "2")]


def can_page_through_a_list(space: Space) -> None:
    for number in range(5):
        core.create_namespaced_config_map(space.namespace, space.config_map(f"page-{number}"))
    names, token = [], None
    while token != "":
        found = core.list_namespaced_config_map(space.namespace, limit=2, _continue=token, label_selector="by=test")
        names += [one.metadata.name for one in found.items]
        token = found.metadata._continue or ""
    assert [name for name in names if name.startswith("page-")] == [f"page-{number}" for number in range(5)]


def can_use_the_dynamic_client(space: Space) -> None:
    made = sets.create(body=space.a_set("dynamic"), namespace=space.namespace)
    assert made.spec.replicas == 2
    merged = sets.patch(
        name="dynamic",
        namespace=space.namespace,
        body={"spec": {"replicas": 1}},
        content_type="application/merge-patch+json",
    )
    assert merged.spec.replicas == 1
    until(lambda: sets.get(name="dynamic", namespace=space.namespace).status.readyReplicas == 1)
    assert sets.scale.get(name="dynamic", namespace=space.namespace).spec.replicas == 1
    for event in sets.watch(namespace=space.namespace, name="dynamic", timeout=10):
        assert event["object"].metadata.name == "dynamic"
        break
    sets.delete(name="dynamic", namespace=space.namespace)
    try:
        sets.get(name="dynamic", namespace=space.namespace)
    except NotFoundError as error:
        assert error.status == 404
    else:
        raise AssertionError("still there")


def can_apply_with_the_dynamic_client(space: Space) -> None:
    body = space.config_map("dynamic", a="1")
    maps.server_side_apply(body=body, name="dynamic", namespace=space.namespace, field_manager="one")
    body["data"]["a"] = "2"
    try:
        maps.server_side_apply(body=body, name="dynamic", namespace=space.namespace, field_manager="two")
    except ConflictError as error:
        assert b"conflict" in error.body.encode() if isinstance(error.body, str) else error.body
    else:
        raise AssertionError("no conflict")
    forced = maps.server_side_apply(
        body=body, name="dynamic", namespace=space.namespace, field_manager="two", force_conflicts=True
    )
    assert forced.data.a == "2"


def can_create_from_yaml(space: Space) -> None:
    objects = [space.service, space.a_set("yaml")]
    utils.create_from_yaml(client.ApiClient(), yaml_objects=objects, namespace=space.namespace)
    until(lambda: ready(space, "yaml", 2))


def can_evict(space: Space) -> None:
    uid = core.read_namespaced_pod("yaml-0", space.namespace).metadata.uid
    body = client.V1Eviction(metadata=client.V1ObjectMeta(name="yaml-0", namespace=space.namespace))
    core.create_namespaced_pod_eviction("yaml-0", space.namespace, body)

    def is_replaced() -> bool:
        pods = core.list_namespaced_pod(space.namespace, field_selector="metadata.name=yaml-0").items
        return [pod.metadata.uid != uid for pod in pods] == [True]

    until(is_replaced)


def can_use_a_service_accounts_token(space: Space) -> None:
    account = client.V1ServiceAccount(metadata=client.V1ObjectMeta(name="robot"))
    core.create_namespaced_service_account(space.namespace, account)
    request = client.AuthenticationV1TokenRequest(spec=client.V1TokenRequestSpec(audiences=[], expiration_seconds=600))
    token = core.create_namespaced_service_account_token("robot", space.namespace, request).status.token
    known = client.Configuration.get_default_copy()
    bare = client.Configuration(host=known.host)
    bare.ssl_ca_cert = known.ssl_ca_cert
    bare.api_key = {"authorization": f"Bearer {token}"}
    robot = client.CoreV1Api(client.ApiClient(bare))
    who = client.AuthenticationV1Api(robot.api_client).create_self_subject_review({})
    assert who.status.user_info.username == f"system:serviceaccount:{space.namespace}:robot"
    try:
        robot.list_namespaced_pod(space.namespace)
    except ApiException as error:
        assert error.status == 403
    else:
        raise AssertionError("it may read pods")


def can_delete_with_each_policy(space: Space) -> None:
    for policy, left in (("Orphan", 2), ("Background", 0), ("Foreground", 0)):
        name = f"by-{policy.lower()}"
        apps.create_namespaced_stateful_set(space.namespace, space.a_set(name))
        until(lambda name=name: ready(space, name, 2))
        apps.delete_namespaced_stateful_set(name, space.namespace, propagation_policy=policy)
        until(lambda name=name, left=left: pods_of(space, name) == left)


def pods_of(space: Space, name: str) -> int:
    return len(core.list_namespaced_pod(space.namespace, label_selector=f"app={name}").items)


def can_delete_collections(space: Space) -> None:
    core.delete_collection_namespaced_config_map(space.namespace, label_selector="by=test")
    assert core.list_namespaced_config_map(space.namespace, label_selector="by=test").items == []


def can_keep_an_informer(space: Space) -> None:
    seen: list[tuple[str, str]] = []
    informer = SharedInformer(core.list_namespaced_config_map, space.namespace, label_selector="by=test")
    for what in ("ADDED", "MODIFIED", "DELETED"):
        informer.add_event_handler(what, lambda found, what=what: seen.append((what, found.metadata.name)))
    core.create_namespaced_config_map(space.namespace, space.config_map("informed", a="1"))
    informer.start()
    until(lambda: ("ADDED", "informed") in seen)
    core.patch_namespaced_config_map("informed", space.namespace, {"data": {"a": "2"}})
    until(lambda: ("MODIFIED", "informed") in seen)
    assert informer.cache.get_by_key(f"{space.namespace}/informed").data == {"a": "2"}
    core.delete_namespaced_config_map("informed", space.namespace)
    until(lambda: ("DELETED", "informed") in seen)
    informer.stop()


async def can_do_the_same_asynchronously(space: Space) -> None:
    await aio.config.load_kube_config()
    async with aio.client.ApiClient() as api:
        asking = aio.client.CoreV1Api(api)
        made = await asking.create_namespaced_config_map(space.namespace, space.config_map("async", a="1"))
        patched = await asking.patch_namespaced_config_map("async", space.namespace, {"data": {"a": "2"}})
        assert int(patched.metadata.resource_version) > int(made.metadata.resource_version)
        await asking.delete_namespaced_config_map("async", space.namespace)
