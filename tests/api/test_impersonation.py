"""Acting as somebody else: `kubectl --as`."""

import pytest
from asking import CONFIG_MAPS, Client, Json, obj

from stead.api.request import User

RBAC = "rbac.authorization.k8s.io/v1"
REVIEW = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
JANE = {"impersonate-user": "jane"}
ROBOT = "system:serviceaccount:default:robot"


def who(client: Client, headers: dict[str, str]) -> tuple[str, list[str]]:
    answer = client.ask(
        "POST", REVIEW, {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}, headers
    )
    told = answer.body["status"]["userInfo"]
    return told["username"], told["groups"]


@pytest.mark.parametrize(
    "headers, expected",
    [
        (JANE, ("jane", ["system:authenticated"])),
        ({**JANE, "impersonate-group": "a, b"}, ("jane", ["a", "b", "system:authenticated"])),
        (
            {"impersonate-user": ROBOT},
            (ROBOT, ["system:serviceaccounts", "system:serviceaccounts:default", "system:authenticated"]),
        ),
    ],
)
def test_the_name_and_its_groups_count(
    client: Client, headers: dict[str, str], expected: tuple[str, list[str]]
) -> None:
    assert who(client, headers) == expected


def test_rights_are_those_of_the_other(client: Client) -> None:
    answer = client.get(CONFIG_MAPS, JANE)
    assert (answer.code, 'User "jane" cannot list' in answer.message) == (403, True)


def test_only_who_may_impersonate_may(client: Client) -> None:
    client.user = User("adam", ("system:authenticated",))
    answer = client.get(CONFIG_MAPS, JANE)
    assert (answer.code, 'User "adam" cannot impersonate resource "users"' in answer.message) == (403, True)
    allow(client, {"apiGroups": [""], "resources": ["users"], "verbs": ["impersonate"], "resourceNames": ["jane"]})
    assert who(client, JANE)[0] == "jane"
    assert client.get(CONFIG_MAPS, {**JANE, "impersonate-group": "system:masters"}).code == 403


def allow(client: Client, rule: Json) -> None:
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "r"}
    subjects = [{"kind": "User", "name": "adam"}]
    client.create(obj(RBAC, "ClusterRole", "r", namespace="", rules=[rule]))
    client.create(obj(RBAC, "ClusterRoleBinding", "b", namespace="", roleRef=reference, subjects=subjects))


@pytest.mark.parametrize("headers", [{"impersonate-group": "a"}, {**JANE, "impersonate-what": "a"}])
def test_half_said_is_refused(client: Client, headers: dict[str, str]) -> None:
    assert client.get(CONFIG_MAPS, headers).code == 400
