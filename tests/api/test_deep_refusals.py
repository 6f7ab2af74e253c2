"""Refusals whose words come from deep inside a real server: its storage, its plain errors, its odd corners."""

from typing import Any

import pytest
from asking import CONFIG_MAPS, MERGE, PODS, SETS, Client, config_map, obj, pod, stateful_set

ACCOUNT = "/api/v1/namespaces/default/serviceaccounts/default"
OWNER = {"apiVersion": "v1", "kind": "Pod", "name": "p", "uid": "1"}
REPEATED = "please fix your requests; duplicate UID(s) observed: 1"


def told(client: Client, method: str, url: str, body: Any, headers: dict[str, str] | None = None) -> str:
    answer = client.ask(method, url, body, headers)
    return f"{answer.code} {answer.body.get('reason', '-')} {answer.body.get('message', '')}"


@pytest.mark.parametrize(
    ("revision", "query", "answer"),
    [
        ("5", "", "500 - resourceVersion should not be set on objects to be created"),
        ("5", "?dryRun=All", "201 - "),
        ("0", "", "201 - "),
        ("abc", "", "201 - "),
    ],
)
def test_a_new_object_has_no_revision(client: Client, revision: str, query: str, answer: str) -> None:
    """The storage says so, after validation; what is no number it does not see."""
    body = {"metadata": {"name": "a", "resourceVersion": revision}}
    assert told(client, "POST", CONFIG_MAPS + query, body) == answer
    body["metadata"]["name"] = "A_"
    assert told(client, "POST", CONFIG_MAPS + query, body).startswith("422 ")


@pytest.mark.parametrize(
    ("revision", "answer"),
    [
        ("abc", '500 - strconv.ParseUint: parsing "abc": invalid syntax'),
        ("99999999999999999999", '500 - strconv.ParseUint: parsing "99999999999999999999": value out of range'),
        ("0", "200 - "),
    ],
)
def test_a_revision_in_an_update_is_a_number(client: Client, revision: str, answer: str) -> None:
    client.ask("POST", CONFIG_MAPS, config_map("a"))
    body = {"metadata": {"name": "a", "resourceVersion": revision}}
    assert told(client, "PUT", f"{CONFIG_MAPS}/a", body) == answer
    assert told(client, "PATCH", f"{CONFIG_MAPS}/a", body, MERGE) == answer


def test_a_name_that_is_taken(client: Client) -> None:
    client.ask("POST", CONFIG_MAPS, config_map("a"))
    taken = '409 AlreadyExists configmaps "a" already exists'
    assert told(client, "POST", CONFIG_MAPS, config_map("a")) == taken
    both = client.ask("POST", CONFIG_MAPS, {"metadata": {"name": "a", "generateName": "b-"}})
    assert both.message == (
        'configmaps "a" already exists, the server was not able to generate a unique name for the object'
    )
    assert (both.headers["Retry-After"], both.body["details"]["retryAfterSeconds"]) == ("1", 1)
    client.ask("PATCH", f"{CONFIG_MAPS}/a", {"metadata": {"finalizers": ["a/b"]}}, MERGE)
    client.ask("DELETE", f"{CONFIG_MAPS}/a")
    going = '409 AlreadyExists object is being deleted: configmaps "a" already exists'
    assert told(client, "POST", CONFIG_MAPS, config_map("a")) == going


def test_an_owner_named_twice_is_kept_once(client: Client) -> None:
    made = client.ask("POST", CONFIG_MAPS, {"metadata": {"name": "a", "ownerReferences": [OWNER, OWNER]}})
    assert made.body["metadata"]["ownerReferences"] == [OWNER]
    (warning,) = made.warnings
    assert warning.startswith(".metadata.ownerReferences contains duplicate entries; ")
    assert warning.endswith(REPEATED)
    patch = {"metadata": {"ownerReferences": [OWNER, OWNER]}}
    (warning,) = client.ask("PATCH", f"{CONFIG_MAPS}/a", patch, MERGE).warnings
    assert "entries after mutating admission happens; " in warning


def test_a_scale_knows_whose_it_is(client: Client) -> None:
    client.ask("POST", SETS, stateful_set("web"))
    other = {"metadata": {"uid": "x"}, "spec": {"replicas": 2}}
    answer = told(client, "PATCH", f"{SETS}/web/scale", other, MERGE)
    assert answer.startswith(
        '409 Conflict Operation cannot be fulfilled on statefulsets/scale.apps "web": Precondition'
    )


@pytest.mark.parametrize(
    ("target", "answer"),
    [
        (
            {"kind": "Pod", "name": "n"},
            '500 - target.kind: Unsupported value: "Pod": supported values: "Node", "<empty>"',
        ),
        ({}, "500 - target.name: Required value"),
    ],
)
def test_bindings_that_bind_to_nothing(client: Client, target: Any, answer: str) -> None:
    client.ask("POST", PODS, pod("p"))
    body = {"apiVersion": "v1", "kind": "Binding", "metadata": {"name": "p"}, "target": target}
    assert told(client, "POST", f"{PODS}/p/binding", body) == answer


def test_a_pod_of_two_budgets_is_not_evicted(client: Client) -> None:
    """The refusal comes as if all were well, as it does from a real server."""
    client.ask("POST", PODS, pod("p"))
    client.ask("PATCH", f"{PODS}/p/status", {"status": {"phase": "Running"}}, MERGE)
    for name in ("a", "b"):
        spec = {"minAvailable": 1, "selector": {}}
        client.create(obj("policy/v1", "PodDisruptionBudget", name, spec=spec))
    answer = client.ask("POST", f"{PODS}/p/eviction", {"metadata": {"name": "p"}})
    assert (answer.code, answer.body["code"], answer.body["status"]) == (201, 500, "Failure")
    assert told(client, "POST", f"{PODS}/p/eviction", {}).startswith("400 BadRequest name in URL does not match name")


@pytest.mark.parametrize(
    ("reference", "answer"),
    [
        ({"kind": "ConfigMap", "apiVersion": "v1"}, "cannot bind token to object of type /v1, Kind=ConfigMap"),
        (
            {"kind": "Pod", "apiVersion": "v1", "name": "p", "uid": "x"},
            'Operation cannot be fulfilled on Pod "p": the UID in the bound object reference (x) does not match the '
            "UID in record. The object might have been deleted and then recreated",
        ),
        (
            {"kind": "Pod", "apiVersion": "v1", "name": "other"},
            'cannot bind token for serviceaccount "default" to pod running with different serviceaccount name.',
        ),
    ],
)
def test_tokens_bound_to_what_they_cannot_be(client: Client, reference: Any, answer: str) -> None:
    client.create(obj("v1", "ServiceAccount", "other"))
    client.ask("POST", PODS, pod("p"))
    other = pod("other")
    other["spec"]["serviceAccountName"] = "other"
    client.ask("POST", PODS, other)
    assert client.ask("POST", f"{ACCOUNT}/token", {"spec": {"boundObjectRef": reference}}).message == answer


def test_what_is_asked_for_is_owned_too(client: Client) -> None:
    token = client.ask("POST", f"{ACCOUNT}/token", {"spec": {"audiences": ["a"]}})
    (entry,) = token.body["metadata"]["managedFields"]
    assert entry["subresource"] == "token"
    assert set(entry["fieldsV1"]["f:spec"]) == {"f:audiences", "f:expirationSeconds"}


def test_finalizers_of_a_namespace_are_looked_at(client: Client) -> None:
    body = {"metadata": {"name": "default"}, "spec": {"finalizers": ["kubernetes", "x"]}}
    answer = told(client, "PUT", "/api/v1/namespaces/default/finalize", body)
    assert "spec.finalizers[1]: Invalid value: " in answer


def test_what_is_not_written_yet_is_waited_for_in_vain(client: Client) -> None:
    answer = client.get(f"{CONFIG_MAPS}?resourceVersion=999")
    assert (answer.code, answer.message[:35]) == (504, "Timeout: Too large resource version")


@pytest.mark.parametrize(
    ("path", "code", "where"),
    [("", 400, "invalid resource version: "), ("/a", 500, ""), ("?watch=1", 500, "")],
)
def test_a_revision_that_is_none(client: Client, path: str, code: int, where: str) -> None:
    """A list says BadRequest; one object and a watch come from the cache, which says nothing of whose fault it is."""
    client.ask("POST", CONFIG_MAPS, config_map("a"))
    answer = client.get(f"{CONFIG_MAPS}{path}{'&' if '?' in path else '?'}resourceVersion=abc")
    wrong = 'resourceVersion: Invalid value: "abc": strconv.ParseUint: parsing "abc": invalid syntax'
    assert (answer.code, answer.message) == (code, where + wrong)


def test_a_deletion_without_orphans_is_accepted_where_it_takes_its_time(client: Client) -> None:
    client.ask("POST", CONFIG_MAPS, {"metadata": {"name": "a", "finalizers": ["a/b"]}})
    assert client.ask("DELETE", f"{CONFIG_MAPS}/a?orphanDependents=false").code == 202
    assert client.ask("DELETE", f"{CONFIG_MAPS}/a").code == 200
