"""Deletion: who goes at once, who is only marked, who may shorten what (S-7)."""

import pytest
from asking import CONFIG_MAPS, MERGE, PODS, SETS, Client, config_map, obj, pod, stateful_set


def test_what_nothing_holds_is_gone_and_a_status_says_which(client: Client) -> None:
    uid = client.create(config_map("c"))["metadata"]["uid"]
    answer = client.ask("DELETE", f"{CONFIG_MAPS}/c")
    assert (answer.code, answer.body["status"]) == (200, "Success")
    assert answer.body["details"] == {"name": "c", "kind": "configmaps", "uid": uid}
    assert client.get(f"{CONFIG_MAPS}/c").code == 404


@pytest.mark.parametrize(
    ("node", "query", "grace"),
    [
        ("n", "", 30),  # the pod's own
        ("n", "?gracePeriodSeconds=5", 5),
        ("n", "?gracePeriodSeconds=-3", 1),
        ("n", "?gracePeriodSeconds=0", None),
        ("", "", None),  # not on a node: nobody would carry the grace out
    ],
)
def test_grace_of_pods(client: Client, node: str, query: str, grace: int | None) -> None:
    client.create(pod("p", node=node))
    answer = client.ask("DELETE", f"{PODS}/p{query}")
    assert answer.body["kind"] == "Pod"
    left = client.get(f"{PODS}/p")
    assert (left.body["metadata"]["deletionGracePeriodSeconds"] if left.code == 200 else None) == grace


def test_a_grace_that_runs_can_only_become_shorter(client: Client) -> None:
    client.create(pod("p", node="n"))
    graces = []
    for asked in (20, 25, 10, 12, 0):
        answer = client.ask("DELETE", f"{PODS}/p?gracePeriodSeconds={asked}")
        graces.append(answer.body["metadata"]["deletionGracePeriodSeconds"])
    assert graces == [20, 20, 10, 10, 0]
    assert client.get(f"{PODS}/p").code == 404


def test_marking_bumps_the_generation_once(client: Client) -> None:
    client.create(stateful_set("web"))
    for _ in range(2):
        answer = client.ask("DELETE", f"{SETS}/web?propagationPolicy=Foreground")
        assert answer.body["metadata"]["generation"] == 2


@pytest.mark.parametrize(
    ("policies", "finalizers"),
    [
        (["Orphan"], ["orphan"]),
        (["Foreground"], ["foregroundDeletion"]),
        (["Foreground", "Orphan"], ["orphan"]),
        (["Foreground", "Background"], None),
        (["Background"], None),
    ],
)
def test_policies_become_finalizers(client: Client, policies: list[str], finalizers: list[str] | None) -> None:
    client.create(stateful_set("web"))
    for policy in policies:
        client.ask("DELETE", f"{SETS}/web", {"propagationPolicy": policy})
    left = client.get(f"{SETS}/web")
    assert (left.body["metadata"]["finalizers"] if left.code == 200 else None) == finalizers


def test_the_last_finalizer_taken_lets_go(client: Client) -> None:
    client.create(config_map("c") | {"metadata": {"name": "c", "namespace": "default", "finalizers": ["a.io/x"]}})
    watch = client.watch(f"{CONFIG_MAPS}?watch=1&fieldSelector=metadata.name=c")
    marked = client.ask("DELETE", f"{CONFIG_MAPS}/c").body
    assert marked["metadata"]["deletionGracePeriodSeconds"] == 0
    client.ask("PATCH", f"{CONFIG_MAPS}/c", {"metadata": {"finalizers": None}}, MERGE)
    assert watch.words() == ["ADDED c", "MODIFIED c", "DELETED c"][-3:] or watch.words() == []
    assert client.get(f"{CONFIG_MAPS}/c").code == 404


def test_no_new_finalizer_on_the_way_out(client: Client) -> None:
    client.create(config_map("c") | {"metadata": {"name": "c", "namespace": "default", "finalizers": ["a.io/x"]}})
    client.ask("DELETE", f"{CONFIG_MAPS}/c")
    body = {"metadata": {"finalizers": ["a.io/x", "a.io/y"]}}
    answer = client.ask("PATCH", f"{CONFIG_MAPS}/c", body, MERGE)
    assert answer.code == 422
    assert "no new finalizers can be added" in answer.message


def test_a_namespace_is_emptied_before_it_goes(client: Client) -> None:
    client.create(obj("v1", "Namespace", "n", namespace=""))
    marked = client.ask("DELETE", "/api/v1/namespaces/n").body
    assert (marked["status"]["phase"], marked["spec"]["finalizers"]) == ("Terminating", ["kubernetes"])
    refused = client.ask("POST", "/api/v1/namespaces/n/configmaps", obj("v1", "ConfigMap", "c", namespace="n"))
    assert (refused.code, refused.body["details"]["causes"][0]["reason"]) == (403, "NamespaceTerminating")
    client.ask("PUT", "/api/v1/namespaces/n/finalize", {**marked, "spec": {}})
    assert client.get("/api/v1/namespaces/n").code == 404


def test_default_is_immortal(client: Client) -> None:
    assert client.ask("DELETE", "/api/v1/namespaces/default").code == 403


def test_a_collection_goes_by_selector(client: Client) -> None:
    for name, app in (("a", "x"), ("b", "y"), ("c", "x")):
        client.create(config_map(name, {"app": app}))
    answer = client.ask("DELETE", f"{CONFIG_MAPS}?labelSelector=app%3Dx")
    assert (answer.body["kind"], [item["metadata"]["name"] for item in answer.body["items"]]) == (
        "ConfigMapList",
        ["a", "c"],
    )
    assert [item["metadata"]["name"] for item in client.get(CONFIG_MAPS).body["items"]] == ["b"]


def test_a_dry_run_deletes_nothing(client: Client) -> None:
    client.create(config_map("c"))
    assert client.ask("DELETE", f"{CONFIG_MAPS}/c?dryRun=All").code == 200
    assert client.get(f"{CONFIG_MAPS}/c").code == 200


SCHEME = "pkg/apis/meta/internalversion/scheme/register.go:27"
NO_TYPE = "couldn't get version/kind; json parse error"


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"{", f"{NO_TYPE}: unexpected end of JSON input"),
        (
            b"[]",
            f"{NO_TYPE}: json: cannot unmarshal array into Go value of type struct "
            '{ APIVersion string "json:\\"apiVersion,omitempty\\""; Kind string "json:\\"kind,omitempty\\"" }',
        ),
        (b'{"kind": 1}', f"{NO_TYPE}: json: cannot unmarshal number into Go struct field .kind of type string"),
        (b'{"apiVersion": "a/b/c"}', "unexpected GroupVersion string: a/b/c"),
        (b'{"kind": "fixed"}', f'no kind "fixed" is registered for version "meta.k8s.io/v1" in scheme "{SCHEME}"'),
        (
            b'{"kind": "ConfigMap", "apiVersion": "v1"}',
            f'no kind "ConfigMap" is registered for version "v1" in scheme "{SCHEME}"',
        ),
        (b'{"kind": "Status", "apiVersion": "v1"}', "converting (v1.Status) to (v1.DeleteOptions): unknown conversion"),
        (
            b'{"gracePeriodSeconds": "x"}',
            "json: cannot unmarshal string into Go struct field DeleteOptions.gracePeriodSeconds of type int64",
        ),
        (
            b'{"dryRun": "All"}',
            "json: cannot unmarshal string into Go struct field DeleteOptions.dryRun of type []string",
        ),
    ],
)
@pytest.mark.parametrize("where", ["/c", ""])
def test_options_that_are_none_are_refused_in_the_decoders_words(
    client: Client, body: bytes, told: str, where: str
) -> None:
    """kubernetes#133358: a 400 since 1.35, of one object as of a collection."""
    client.create(config_map("c"))
    answer = client.ask("DELETE", f"{CONFIG_MAPS}{where}", body, {"content-type": "application/json"})
    assert (answer.code, answer.body["reason"], answer.message) == (400, "BadRequest", told)
    assert client.get(f"{CONFIG_MAPS}/c").code == 200


def test_the_query_may_say_which_bearer_of_a_name_is_meant(client: Client) -> None:
    uid = client.create(config_map("c"))["metadata"]["uid"]
    assert client.ask("DELETE", f"{CONFIG_MAPS}/c?uid=other").code == 409
    assert client.ask("DELETE", f"{CONFIG_MAPS}/c?uid={uid}").code == 200


@pytest.mark.parametrize(
    ("method", "query", "code", "told"),
    [
        ("GET", "limit=", 400, 'strconv.ParseInt: parsing "": invalid syntax'),
        ("GET", "timeoutSeconds=", 400, 'strconv.ParseInt: parsing "": invalid syntax'),
        ("DELETE", "gracePeriodSeconds=", 400, 'strconv.ParseInt: parsing "": invalid syntax'),
        (
            "DELETE",
            "propagationPolicy=",
            422,
            'DeleteOptions.meta.k8s.io "" is invalid: propagationPolicy: Unsupported value: "": supported values: '
            '"Foreground", "Background", "Orphan", "nil"',
        ),
    ],
)
def test_a_parameter_that_is_there_says_something(
    client: Client, method: str, query: str, code: int, told: str
) -> None:
    answer = client.ask(method, f"{CONFIG_MAPS}?{query}")
    assert (answer.code, answer.message) == (code, told)
