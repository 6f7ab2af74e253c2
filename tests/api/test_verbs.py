"""Create, update and patch: what is set, kept, counted and refused (2.3 and 2.6 in api.md)."""

import pytest
from asking import CONFIG_MAPS, MERGE, PODS, SETS, Client, config_map, obj, pod, stateful_set


def test_create_gives_what_nobody_may_choose(client: Client) -> None:
    given = stateful_set("web")
    given["metadata"] |= {"uid": "mine", "generation": 7, "creationTimestamp": "2020-01-01T00:00:00Z"}
    given["status"] = {"replicas": 9}
    made = client.ask("POST", SETS, given)
    assert made.code == 201
    assert made.body["metadata"]["generation"] == 1
    assert len(made.body["metadata"]["uid"]) == 36
    assert made.body["metadata"]["creationTimestamp"] == client.now.text
    assert made.body["status"] == {"replicas": 0, "availableReplicas": 0}


def test_names_are_generated(client: Client) -> None:
    metadata = {"generateName": "a-", "namespace": "default"}
    made = {client.ask("POST", CONFIG_MAPS, {"metadata": metadata}).body["metadata"]["name"] for _ in range(5)}
    assert len(made) == 5
    assert all(name.startswith("a-") and len(name) == 7 for name in made)


def test_a_revision_in_a_new_object_is_refused(client: Client) -> None:
    given = config_map("a")
    given["metadata"]["resourceVersion"] = "5"
    assert (
        client.ask("POST", CONFIG_MAPS, given).message == "resourceVersion should not be set on objects to be created"
    )


@pytest.mark.parametrize(
    ("patch", "generation"),
    [
        ({"spec": {"replicas": 2}}, 2),
        ({"spec": {"replicas": 1}}, 1),
        ({"metadata": {"labels": {"a": "b"}}}, 1),
        ({"metadata": {"generation": 9}}, 1),
    ],
)
def test_generation_counts_what_is_wanted(client: Client, patch: dict, generation: int) -> None:
    client.create(stateful_set("web"))
    assert client.ask("PATCH", f"{SETS}/web", patch, MERGE).body["metadata"]["generation"] == generation


def test_what_changes_nothing_writes_nothing(client: Client) -> None:
    made = client.ask("POST", SETS, stateful_set("web")).body
    before = client.store.revision
    assert client.ask("PUT", f"{SETS}/web", made).body == made
    assert client.ask("PATCH", f"{SETS}/web", {"spec": {"replicas": 1}}, MERGE).body == made
    assert client.store.revision == before


def test_spec_and_status_have_doors_of_their_own(client: Client) -> None:
    client.create(stateful_set("web"))
    both = {"spec": {"replicas": 5}, "status": {"replicas": 3, "observedGeneration": 1}}
    by_status = client.ask("PATCH", f"{SETS}/web/status", both, MERGE).body
    assert (by_status["spec"]["replicas"], by_status["status"]["replicas"]) == (1, 3)
    by_spec = client.ask("PATCH", f"{SETS}/web", {"spec": {"replicas": 5}, "status": {"replicas": 4}}, MERGE).body
    assert (by_spec["spec"]["replicas"], by_spec["status"]["replicas"]) == (5, 3)


def test_a_stale_write_is_a_conflict_and_an_unversioned_one_is_not(client: Client) -> None:
    made = client.ask("POST", CONFIG_MAPS, config_map("a", k="1")).body
    client.ask("PATCH", f"{CONFIG_MAPS}/a", {"data": {"k": "2"}}, MERGE)
    stale = client.ask("PUT", f"{CONFIG_MAPS}/a", made)
    assert (stale.code, stale.body["reason"]) == (409, "Conflict")
    assert client.ask("PUT", f"{CONFIG_MAPS}/a", config_map("a", k="3")).body["data"] == {"k": "3"}


def test_a_put_to_nobody_is_not_found(client: Client) -> None:
    assert client.ask("PUT", f"{CONFIG_MAPS}/a", config_map("a")).code == 404


def test_a_dry_run_answers_and_writes_nothing(client: Client) -> None:
    before = client.store.revision
    answer = client.ask("POST", f"{CONFIG_MAPS}?dryRun=All", config_map("a"))
    assert (answer.code, client.store.revision) == (201, before)
    client.create(config_map("a", k="1"))
    answer = client.ask("PATCH", f"{CONFIG_MAPS}/a?dryRun=All", {"data": {"k": "2"}}, MERGE)
    assert answer.body["data"] == {"k": "2"}
    assert client.get(f"{CONFIG_MAPS}/a").body["data"] == {"k": "1"}


def test_warnings_once_each(client: Client) -> None:
    answer = client.ask("POST", CONFIG_MAPS, {**config_map("a"), "nope": 1, "nor": 2})
    assert answer.warnings == ('unknown field "nope"', 'unknown field "nor"')


def test_a_pod_needs_its_account(client: Client) -> None:
    given = pod("p")
    given["spec"]["serviceAccountName"] = "robot"
    answer = client.ask("POST", PODS, given)
    assert answer.code == 403
    assert answer.message == (
        'pods "p" is forbidden: error looking up service account default/robot: serviceaccount "robot" not found'
    )


def test_a_claim_gets_the_newest_default_class(client: Client) -> None:
    for name, marks in (("slow", {}), ("old", {"true": 1}), ("new", {"true": 1})):
        annotations = {"storageclass.kubernetes.io/is-default-class": "true"} if marks else {}
        metadata = {"annotations": annotations}
        client.create(
            obj("storage.k8s.io/v1", "StorageClass", name, namespace="", metadata=metadata, provisioner="x/y")
        )
        client.seconds(1)
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    claims = "/api/v1/namespaces/default/persistentvolumeclaims"
    made = client.ask("POST", claims, obj("v1", "PersistentVolumeClaim", "a", spec=spec)).body
    assert made["spec"]["storageClassName"] == "new"
    assert made["metadata"]["finalizers"] == ["kubernetes.io/pvc-protection"]
    none = client.ask("POST", claims, obj("v1", "PersistentVolumeClaim", "b", spec={**spec, "storageClassName": ""}))
    assert none.body["spec"]["storageClassName"] == ""


def test_services_get_addresses_of_their_own(client: Client) -> None:
    services = "/api/v1/namespaces/default/services"
    spec = {"ports": [{"port": 80}], "selector": {"a": "b"}, "type": "NodePort"}
    one, two = (client.ask("POST", services, obj("v1", "Service", name, spec=spec)).body["spec"] for name in ("a", "b"))
    assert one["clusterIP"] != two["clusterIP"]
    assert one["clusterIP"].startswith("10.96.")
    assert one["ports"][0]["nodePort"] != two["ports"][0]["nodePort"]
    kept = client.ask("PUT", f"{services}/a", obj("v1", "Service", "a", spec=spec)).body["spec"]
    assert kept == one
    taken = client.ask("POST", services, obj("v1", "Service", "c", spec={**spec, "clusterIP": one["clusterIP"]}))
    assert (taken.code, "provided IP is already allocated" in taken.message) == (422, True)


@pytest.mark.parametrize(
    ("method", "path", "code"),
    [
        ("POST", f"{CONFIG_MAPS}/a", 405),
        ("PUT", CONFIG_MAPS, 405),
        ("POST", "/api/v1/configmaps", 405),
        ("DELETE", "/api/v1/namespaces", 405),
        ("GET", "/apis/apps/v1/nopes", 404),
        ("PATCH", f"{PODS}/a/nope", 404),
    ],
)
def test_what_cannot_be_done_there(client: Client, method: str, path: str, code: int) -> None:
    assert client.ask(method, path).code == code


def test_an_error_of_our_own_is_a_status(client: Client) -> None:
    client.api.core.store = None  # type: ignore[assignment]
    answer = client.get(CONFIG_MAPS)
    assert (answer.code, answer.body["reason"]) == (500, "InternalError")


@pytest.mark.parametrize("path", [SETS, SETS.replace("/v1/", "/v1beta1/")])
def test_old_manifests_are_read_with_a_warning(client: Client, path: str) -> None:
    given = stateful_set("web") | {"apiVersion": "apps/v1beta1"}
    del given["spec"]["selector"]
    answer = client.ask("POST", path, given)
    assert (answer.code, answer.body["apiVersion"]) == (201, "apps/v1")
    assert answer.body["spec"]["selector"] == {"matchLabels": {"app": "web"}}
    assert answer.body["spec"]["updateStrategy"] == {"type": "OnDelete"}
    assert answer.warnings == (
        "apps/v1beta1 StatefulSet is no longer served: write apiVersion apps/v1; write spec.selector and "
        "spec.updateStrategy.type OnDelete as well, which apps/v1 does not fill in so",
    )
    assert client.get("/apis/apps/v1beta1").code == 404


def test_what_is_not_served_is_said(client: Client) -> None:
    answer = client.ask("POST", "/apis/apps/v1/namespaces/default/deployments", {})
    assert (answer.code, answer.message.startswith("stead does not serve deployments.apps")) == (404, True)


def test_a_scale_can_be_applied(client: Client) -> None:
    client.create(stateful_set("web"))
    scale = {"apiVersion": "autoscaling/v1", "kind": "Scale", "metadata": {"name": "web"}, "spec": {"replicas": 3}}
    headers = {"content-type": "application/apply-patch+yaml"}
    answer = client.ask("PATCH", f"{SETS}/web/scale?fieldManager=me&force=true", scale, headers)
    assert (answer.code, answer.body["spec"]) == (200, {"replicas": 3})
    entries = client.get(f"{SETS}/web").body["metadata"]["managedFields"]
    mine = next(entry for entry in entries if entry["manager"] == "me")
    assert (mine["operation"], mine["subresource"], mine["fieldsV1"]) == (
        "Apply",
        "scale",
        {"f:spec": {"f:replicas": {}}},
    )


@pytest.mark.parametrize(("name", "code"), [("p", 400), ("q", 404)])
def test_streams_of_containers_that_do_not_run(client: Client, name: str, code: int) -> None:
    client.create(pod("p", node="n"))
    assert client.get(f"{PODS}/{name}/log").code == code
