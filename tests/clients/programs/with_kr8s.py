"""kr8s: objects that know how to do things, and its own classes for kinds it does not know."""

import asyncio
import warnings

import kr8s
from kr8s.asyncio import api as new_api
from kr8s.asyncio.objects import ConfigMap, PersistentVolumeClaim, Pod, StatefulSet, new_class, object_from_spec
from running import Space

CLIENT = "kr8s"


async def ready(found: StatefulSet, replicas: int) -> None:
    async with asyncio.timeout(20):
        while found.raw.get("status", {}).get("readyReplicas") != replicas:
            await asyncio.sleep(0.05)
            await found.refresh()


async def can_say_who_and_where_it_is(space: Space) -> None:
    api = await new_api()
    with warnings.catch_warnings(action="ignore"):  # it was made when 1.35 was new
        assert (await api.version())["minor"] == "36"
    assert await api.whoami() == "kubernetes-admin"
    kinds = {one["kind"] for one in await api.api_resources()}
    assert {"StatefulSet", "Pod", "PersistentVolumeClaim"} <= kinds


async def can_create_scale_and_delete_a_set(space: Space) -> None:
    made = await StatefulSet(space.a_set("kr"), namespace=space.namespace)
    await made.create()
    await ready(made, 2)
    await made.scale(3)
    await ready(made, 3)
    assert made.replicas == 3
    await made.delete(propagation_policy="Foreground")
    await made.wait("delete", timeout=20)
    assert not await made.exists()


async def can_wait_for_a_condition(space: Space) -> None:
    spec = {"terminationGracePeriodSeconds": 0, "containers": [{"name": "one", "image": "registry.example/one:1"}]}
    pod = await Pod({"metadata": {"name": "one", "namespace": space.namespace}, "spec": spec})
    await pod.create()
    await pod.wait("condition=Ready", timeout=20)
    assert await pod.ready()
    await pod.delete()


async def can_get_by_name_label_and_field(space: Space) -> None:
    await (await StatefulSet(space.a_set("seen"), namespace=space.namespace)).create()
    await ready(await StatefulSet.get("seen", namespace=space.namespace), 2)
    pods = [
        pod.name async for pod in kr8s.asyncio.get("pods", namespace=space.namespace, label_selector={"app": "seen"})
    ]
    assert pods == ["seen-0", "seen-1"]
    one = [pod async for pod in kr8s.asyncio.get("pods", "seen-1", namespace=space.namespace)]
    assert [pod.name for pod in one] == ["seen-1"]
    claims = [claim async for claim in PersistentVolumeClaim.list(namespace=space.namespace)]
    assert {claim.raw["status"]["phase"] for claim in claims} == {"Bound"}
    found = [
        pod async for pod in kr8s.asyncio.get("pods", namespace=space.namespace, field_selector="metadata.name=seen-0")
    ]
    assert len(found) == 1


async def can_patch_label_and_annotate(space: Space) -> None:
    made = await ConfigMap(space.config_map("patched", a="1"), namespace=space.namespace)
    await made.create()
    await made.patch({"data": {"b": "2"}})
    await made.patch([{"op": "remove", "path": "/data/a"}], type="json")
    await made.label({"x": "y"})
    await made.annotate({"why": "because"})
    await made.refresh()
    assert made.raw["data"] == {"b": "2"}
    assert made.labels["x"] == "y"
    assert made.annotations["why"] == "because"


async def can_watch(space: Space) -> None:
    api = await new_api()

    async def change() -> None:
        made = await ConfigMap(space.config_map("watched", a="1"), namespace=space.namespace)
        await made.create()
        await made.patch({"data": {"a": "2"}})
        await made.delete()

    changing = None
    seen = []
    async for event, found in api.watch("configmaps", namespace=space.namespace):
        changing = changing or asyncio.create_task(change())
        if found.name == "watched":
            seen.append(event)
        if seen and event == "DELETED":
            break
    assert seen == ["ADDED", "MODIFIED", "DELETED"]


async def can_use_a_class_of_its_own(space: Space) -> None:
    """For a kind it has no class for."""
    lease = new_class(kind="Lease", version="coordination.k8s.io/v1", namespaced=True, plural="leases")
    made = await lease({"metadata": {"name": "mine"}, "spec": {"holderIdentity": "me"}}, namespace=space.namespace)
    await made.create()
    assert (await lease.get("mine", namespace=space.namespace)).raw["spec"]["holderIdentity"] == "me"
    from_spec = await object_from_spec(space.config_map("from-spec"))
    assert isinstance(from_spec, ConfigMap)
    await made.delete()


async def can_tell_refusals(space: Space) -> None:
    try:
        await ConfigMap.get("none", namespace=space.namespace)
    except kr8s.NotFoundError:
        pass
    else:
        raise AssertionError("found")
    made = await StatefulSet(space.a_set("bad", replicas=-1), namespace=space.namespace)
    try:
        await made.create()
    except kr8s.ServerError as error:
        assert "spec.replicas: Invalid value: -1" in str(error)
    else:
        raise AssertionError("taken")
