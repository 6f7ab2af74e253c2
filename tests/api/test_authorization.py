"""Who may do what: roles, bindings, reviews, tokens (3.1 in wire.md)."""

import pytest
from asking import CONFIG_MAPS, PODS, Client, Json, config_map, obj

from stead.api import defaultroles
from stead.api.request import User
from stead.machinery.keys import Key

RBAC = "rbac.authorization.k8s.io/v1"
JANE = User("jane", ("system:authenticated", "staff"))


def role(client: Client, rule: Json, subject: Json, *, namespace: str = "default") -> None:
    """A Role in `namespace`, or a ClusterRole for "", with one rule for one subject."""
    kind = "Role" if namespace else "ClusterRole"
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": "r"}
    client.create(obj(RBAC, kind, "r", namespace=namespace, rules=[rule]))
    client.create(obj(RBAC, f"{kind}Binding", "b", namespace=namespace, roleRef=reference, subjects=[subject]))


READ_MAPS: Json = {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get", "list"]}
AS_JANE: Json = {"kind": "User", "name": "jane"}


def test_nobody_may_without_a_rule(client: Client) -> None:
    client.user = JANE
    answer = client.get(CONFIG_MAPS)
    assert (answer.code, answer.message) == (
        403,
        'configmaps is forbidden: User "jane" cannot list resource "configmaps" in API group "" '
        'in the namespace "default"',
    )


@pytest.mark.parametrize(
    ("rule", "subject", "namespace", "code"),
    [
        (READ_MAPS, AS_JANE, "default", 200),
        (READ_MAPS, AS_JANE, "", 200),
        (READ_MAPS, {"kind": "Group", "name": "staff"}, "default", 200),
        (READ_MAPS, {"kind": "User", "name": "joe"}, "default", 403),
        ({**READ_MAPS, "verbs": ["*"], "resources": ["*"], "apiGroups": ["*"]}, AS_JANE, "default", 200),
        ({**READ_MAPS, "verbs": ["get"]}, AS_JANE, "default", 403),
        ({**READ_MAPS, "apiGroups": ["apps"]}, AS_JANE, "default", 403),
        ({**READ_MAPS, "resourceNames": ["a"]}, AS_JANE, "default", 403),
    ],
)
def test_rules(client: Client, rule: Json, subject: Json, namespace: str, code: int) -> None:
    role(client, rule, subject, namespace=namespace)
    client.user = JANE
    assert client.get(CONFIG_MAPS).code == code


def test_a_role_holds_in_its_namespace_alone(client: Client) -> None:
    client.create(obj("v1", "Namespace", "n", namespace=""))
    role(client, READ_MAPS, AS_JANE)
    client.user = JANE
    assert client.get("/api/v1/namespaces/n/configmaps").code == 403
    assert client.get("/api/v1/configmaps").code == 403


def test_subresources_need_a_word_of_their_own(client: Client) -> None:
    role(client, {"apiGroups": [""], "resources": ["pods"], "verbs": ["*"]}, AS_JANE)
    client.user = JANE
    assert client.get(f"{PODS}/p").code == 404
    assert client.get(f"{PODS}/p/status").code == 403


def test_everybody_finds_out_what_is_here(client: Client) -> None:
    client.user = JANE
    assert [client.get(path).code for path in ("/api", "/apis/apps/v1", "/version", "/openapi/v3")] == [200] * 4
    assert client.get("/metrics").code == 403


@pytest.mark.parametrize(("verb", "allowed"), [("get", True), ("delete", False)])
def test_may_i(client: Client, verb: str, allowed: bool) -> None:
    role(client, READ_MAPS, AS_JANE)
    client.user = JANE
    asked = {"namespace": "default", "verb": verb, "resource": "configmaps"}
    review = {
        "kind": "SelfSubjectAccessReview",
        "apiVersion": "authorization.k8s.io/v1",
        "spec": {"resourceAttributes": asked},
    }
    answer = client.ask("POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", review)
    assert (answer.code, answer.body["status"]["allowed"]) == (201, allowed)


def test_who_am_i(client: Client) -> None:
    client.user = JANE
    review = {"kind": "SelfSubjectReview", "apiVersion": "authentication.k8s.io/v1"}
    answer = client.ask("POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews", review)
    assert answer.body["status"]["userInfo"] == {"username": "jane", "groups": ["system:authenticated", "staff"]}


def test_a_token_is_believed_until_it_ends_or_its_account_goes(client: Client) -> None:
    request = {"kind": "TokenRequest", "apiVersion": "authentication.k8s.io/v1", "spec": {"expirationSeconds": 600}}
    made = client.ask("POST", "/api/v1/namespaces/default/serviceaccounts/default/token", request)
    assert made.code == 201
    token = made.body["status"]["token"]
    user = client.api.bearer(token, client.now)
    assert user is not None
    assert user.name == "system:serviceaccount:default:default"
    assert "system:serviceaccounts:default" in user.groups
    assert client.api.bearer(token[:-2], client.now) is None
    assert client.api.bearer("a.b.c", client.now) is None
    client.seconds(601)
    assert client.api.bearer(token, client.now) is None
    client.seconds(-601)
    client.api.delete(Key("ServiceAccount", "default", "default"), client.now)
    assert client.api.bearer(token, client.now) is None


def test_a_service_account_is_a_subject(client: Client) -> None:
    role(client, READ_MAPS, {"kind": "ServiceAccount", "name": "default", "namespace": "default"})
    client.create(config_map("a"))
    client.user = User("system:serviceaccount:default:default", ("system:serviceaccounts",))
    assert client.get(f"{CONFIG_MAPS}/a").code == 200


def test_the_pod_behind_a_stream(client: Client) -> None:
    client.create(obj("v1", "Pod", "p", spec={"containers": [{"name": "c", "image": "i"}]}))
    request = client.request("GET", f"{PODS}/p/log")
    assert client.api.stream_target(request)["metadata"]["name"] == "p"


@pytest.mark.parametrize(
    ("rule", "fields"),
    [
        ({}, ["rules[0].verbs", "rules[0].apiGroups", "rules[0].resources"]),
        ({"verbs": ["get"], "nonResourceURLs": ["/x"]}, ["rules[0].nonResourceURLs"]),
    ],
)
def test_roles_are_checked(client: Client, rule: Json, fields: list[str]) -> None:
    roles = f"/apis/{RBAC}/namespaces/default/roles"
    answer = client.ask("POST", roles, obj(RBAC, "Role", "r", rules=[rule]))
    assert (answer.code, [cause["field"] for cause in answer.body["details"]["causes"]]) == (422, fields)


@pytest.mark.parametrize(
    ("name", "method", "path", "code"),
    [
        ("view", "GET", CONFIG_MAPS, 200),
        ("view", "GET", "/api/v1/namespaces/default/secrets", 403),
        ("view", "DELETE", f"{CONFIG_MAPS}/a", 403),
        ("edit", "DELETE", f"{CONFIG_MAPS}/a", 404),
        ("edit", "GET", f"/apis/{RBAC}/namespaces/default/roles", 403),
        ("admin", "GET", f"/apis/{RBAC}/namespaces/default/roles", 200),
        ("admin", "GET", "/api/v1/nodes", 403),
    ],
)
def test_default_roles(client: Client, name: str, method: str, path: str, code: int) -> None:
    for made in defaultroles.objects():
        client.create(made)
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": name}
    client.create(obj(RBAC, "RoleBinding", "b", roleRef=reference, subjects=[AS_JANE]))
    client.user = JANE
    assert client.ask(method, path).code == code


def test_nobody_gives_away_what_they_have_not(client: Client) -> None:
    for made in defaultroles.objects():
        client.create(made)
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "admin"}
    client.create(obj(RBAC, "RoleBinding", "b", roleRef=reference, subjects=[AS_JANE]))
    client.user = JANE
    roles, bindings = (f"/apis/{RBAC}/namespaces/default/{plural}" for plural in ("roles", "rolebindings"))
    assert client.ask("POST", roles, obj(RBAC, "Role", "mine", rules=[READ_MAPS])).code == 201
    beyond = client.ask("POST", roles, obj(RBAC, "Role", "more", rules=[{**READ_MAPS, "resources": ["nodes"]}]))
    assert (beyond.code, beyond.message) == (
        403,
        'roles.rbac.authorization.k8s.io "more" is forbidden: user "jane" (groups=["system:authenticated","staff"]) is '
        "attempting to grant RBAC permissions not currently held:\n"
        '{APIGroups:[""], Resources:["nodes"], Verbs:["get"]}\n{APIGroups:[""], Resources:["nodes"], Verbs:["list"]}',
    )
    all_ = {**reference, "name": "cluster-admin"}
    assert client.ask("POST", bindings, obj(RBAC, "RoleBinding", "all", roleRef=all_, subjects=[AS_JANE])).code == 403
