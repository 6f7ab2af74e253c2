"""kubernetes-asyncio: typed and dynamic, watches, patches."""

import asyncio

from kubernetes_asyncio import client, config, watch
from kubernetes_asyncio.client.exceptions import ApiException
from kubernetes_asyncio.dynamic import DynamicClient
from running import Space

CLIENT = "kubernetes-asyncio"


async def ready(apps: client.AppsV1Api, space: Space, name: str, replicas: int) -> None:
    async with asyncio.timeout(20):
        while True:
            found = await apps.read_namespaced_stateful_set(name, space.namespace)
            if found.status.ready_replicas == replicas:
                return
            await asyncio.sleep(0.05)


async def can_create_scale_and_delete_a_set(space: Space) -> None:
    await config.load_kube_config()
    async with client.ApiClient() as api:
        apps = client.AppsV1Api(api)
        made = await apps.create_namespaced_stateful_set(space.namespace, space.a_set("typed"))
        assert made.spec.template.spec.containers[0].image == "registry.example/db:1"
        await ready(apps, space, "typed", 2)
        await apps.patch_namespaced_stateful_set_scale("typed", space.namespace, {"spec": {"replicas": 1}})
        await ready(apps, space, "typed", 1)
        await apps.delete_namespaced_stateful_set("typed", space.namespace, propagation_policy="Foreground")


async def can_replace_and_meet_a_conflict(space: Space) -> None:
    async with client.ApiClient() as api:
        core = client.CoreV1Api(api)
        made = await core.create_namespaced_config_map(space.namespace, space.config_map("c", a="1"))
        made.data["a"] = "2"
        await core.replace_namespaced_config_map("c", space.namespace, made)
        try:
            await core.replace_namespaced_config_map("c", space.namespace, made)
        except ApiException as error:
            assert error.status == 409
        else:
            raise AssertionError("a stale replace was taken")


async def can_watch(space: Space) -> None:
    async with client.ApiClient() as api:
        core = client.CoreV1Api(api)
        revision = (await core.list_namespaced_config_map(space.namespace)).metadata.resource_version

        async def change() -> None:
            await core.create_namespaced_config_map(space.namespace, space.config_map("watched", a="1"))
            await core.patch_namespaced_config_map("watched", space.namespace, {"data": {"a": "2"}})
            await core.delete_namespaced_config_map("watched", space.namespace)

        changing = asyncio.create_task(change())
        seen = []
        options = {"resource_version": revision, "timeout_seconds": 10, "label_selector": "by=test"}
        async with watch.Watch().stream(core.list_namespaced_config_map, space.namespace, **options) as events:
            async for event in events:
                seen.append((event["type"], event["object"].data["a"]))
                if event["type"] == "DELETED":
                    break
        await changing
        assert seen == [("ADDED", "1"), ("MODIFIED", "2"), ("DELETED", "2")]


async def can_use_the_dynamic_client(space: Space) -> None:
    async with client.ApiClient() as api:
        dynamic = await DynamicClient(api)
        sets = await dynamic.resources.get(api_version="apps/v1", kind="StatefulSet")
        await sets.create(body=space.a_set("dynamic"), namespace=space.namespace)
        patched = await sets.patch(
            name="dynamic",
            namespace=space.namespace,
            body={"spec": {"replicas": 1}},
            content_type="application/merge-patch+json",
        )
        assert patched.spec.replicas == 1
        await ready(client.AppsV1Api(api), space, "dynamic", 1)
        listed = await sets.get(namespace=space.namespace, label_selector="app=dynamic")
        assert [one.metadata.name for one in listed.items] == ["dynamic"]
        await sets.delete(name="dynamic", namespace=space.namespace)


async def can_apply_server_side(space: Space) -> None:
    async with client.ApiClient() as api:
        dynamic = await DynamicClient(api)
        maps = await dynamic.resources.get(api_version="v1", kind="ConfigMap")
        body = space.config_map("applied", a="1")
        made = await maps.server_side_apply(body=body, name="applied", namespace=space.namespace, field_manager="one")
        assert made.metadata.managedFields[0].operation == "Apply"
