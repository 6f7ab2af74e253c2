"""A kind that is made when asked: listed, got and watched like others; written by nobody."""

from collections.abc import Iterator

import pytest
from asking import TABLE, Client, obj

from stead.api.request import User
from stead.kinds.explanation import EXPLANATION
from stead.machinery.objects import Json
from stead.machinery.times import Now

ALL = "/apis/stead.dev/v1/explanations"
HERE = "/apis/stead.dev/v1/namespaces/default/explanations"
WAIT = {"text": "web-0 is not Ready", "rule": "PR-5", "controller": "statefulset", "since": "2026-09-21T13:46:40Z"}


def explanation(name: str, namespace: str, *waits: Json) -> Json:
    labels = {"stead.dev/kind": name.partition(".")[0]}
    metadata = {"labels": labels}
    return obj("stead.dev/v1", "Explanation", name, namespace=namespace, metadata=metadata, summary="", waits=[*waits])


WEB = explanation("statefulset.web", "default", {**WAIT, "because": [{**WAIT, "remedy": "do it"}]}, WAIT)
POD = explanation("pod.web-0", "shop", WAIT)


class Two:
    """A source of two objects, and of a third for those who know its name."""

    def __init__(self) -> None:
        self.objects = [WEB, POD]

    def all(self, namespace: str, now: Now) -> Iterator[Json]:
        yield from (one for one in self.objects if namespace in ("", one["metadata"]["namespace"]))

    def one(self, namespace: str, name: str, now: Now) -> Json | None:
        return {"statefulset.web": WEB, "sts.web": WEB}.get(name)


@pytest.fixture
def two() -> Two:
    return Two()


@pytest.fixture
def served(client: Client, two: Two) -> Client:
    client.api.serve(EXPLANATION, two)
    return client


def names(client: Client, url: str) -> list[str]:
    return [item["metadata"]["name"] for item in client.get(url).body["items"]]


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        (ALL, "statefulset.web pod.web-0"),
        (HERE, "statefulset.web"),
        (f"{ALL}?limit=1", "statefulset.web pod.web-0"),
        (f"{ALL}?labelSelector=stead.dev/kind=pod", "pod.web-0"),
        (f"{ALL}?fieldSelector=metadata.namespace=shop", "pod.web-0"),
        ("/apis/stead.dev/v1/namespaces/empty/explanations", ""),
    ],
)
def test_a_list_is_what_the_source_says(served: Client, url: str, expected: str) -> None:
    assert " ".join(names(served, url)) == expected
    assert served.get(url).body["kind"] == "ExplanationList"


def test_one_is_got_by_every_name_the_source_knows(served: Client) -> None:
    for name in ("statefulset.web", "sts.web"):
        got = served.get(f"{HERE}/{name}")
        assert (got.code, got.body["metadata"]["name"]) == (200, "statefulset.web")
        assert got.body["metadata"]["resourceVersion"] == str(served.store.revision)
    missing = served.get(f"{HERE}/sts.no")
    assert (missing.code, missing.message) == (404, 'explanations.stead.dev "sts.no" not found')


def test_the_table_says_what_why_since_when_and_what_to_do(served: Client) -> None:
    served.seconds(60)
    for url in (HERE, f"{HERE}/sts.web"):
        table = served.get(url, TABLE).body
        shown = [column["name"] for column in table["columnDefinitions"] if not column["priority"]]
        assert shown == ["Object", "Waits For", "Since", "Rule", "Remedy"]
        cells = table["rows"][0]["cells"]
        assert cells[:2] == ["statefulset.web", "web-0 is not Ready (+1 more)"]
        assert cells[3:5] == ["PR-5", "do it"]


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize("url", [HERE, f"{HERE}/statefulset.web"])
def test_nobody_writes(served: Client, method: str, url: str) -> None:
    got = served.ask(method, url, WEB)
    assert (got.code, got.body["reason"]) == (405, "MethodNotAllowed")


def test_a_watch_tells_the_differences(served: Client, two: Two) -> None:
    """As for stored kinds: what comes to match is ADDED, what ceases to is DELETED."""
    everywhere, here, pods = (
        served.watch(f"{url}watch=true") for url in (f"{ALL}?", f"{HERE}?", f"{ALL}?labelSelector=stead.dev/kind=pod&")
    )
    assert everywhere.words() == ["ADDED statefulset.web", "ADDED pod.web-0"]
    assert (here.words(), pods.words()) == (["ADDED statefulset.web"], ["ADDED pod.web-0"])
    two.objects = [{**WEB, "summary": "better"}, explanation("node.far", "default", WAIT)]
    assert everywhere.words() == [], "it looks once a second"
    served.seconds(1)
    assert everywhere.words() == ["MODIFIED statefulset.web", "DELETED pod.web-0", "ADDED node.far"]
    assert here.words() == ["MODIFIED statefulset.web", "ADDED node.far"]
    assert pods.words() == ["DELETED pod.web-0"]
    served.seconds(1)
    assert everywhere.words() == []


def test_a_watch_goes_on_from_a_list(served: Client, two: Two) -> None:
    revision = served.get(ALL).body["metadata"]["resourceVersion"]
    two.objects = [WEB]
    assert served.watch(f"{ALL}?watch=true&resourceVersion={revision}").words() == ["DELETED pod.web-0"]


def test_a_watch_from_a_forgotten_list_is_expired(served: Client) -> None:
    assert served.get(f"{ALL}?watch=true&resourceVersion=1").code == 410


def test_a_watch_that_lists_says_where_the_list_ends(served: Client) -> None:
    query = "watch=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true"
    events = served.watch(f"{HERE}?{query}").events()
    assert [event["type"] for event in events] == ["ADDED", "BOOKMARK"]


def test_discovery_tells_of_it(served: Client) -> None:
    resources = served.get("/apis/stead.dev/v1").body["resources"]
    (found,) = resources
    assert (found["name"], found["shortNames"], found["verbs"]) == ("explanations", ["why"], ["get", "list", "watch"])
    assert "stead.dev" in [group["name"] for group in served.get("/apis").body["groups"]]
    document = served.get("/openapi/v3/apis/stead.dev/v1").body
    assert (
        "because"
        in document["components"]["schemas"]["dev.stead.v1.Explanation"]["properties"]["waits"]["items"]["properties"]
    )


def test_roles_decide_who_may_read(served: Client) -> None:
    served.user = User("ann", ("system:authenticated",))
    assert served.get(HERE).code == 403
    served.create(
        obj(
            "rbac.authorization.k8s.io/v1",
            "ClusterRole",
            "why",
            namespace="",
            rules=[{"apiGroups": ["stead.dev"], "resources": ["explanations"], "verbs": ["get", "list"]}],
        )
    )
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "why"}
    subjects = [{"kind": "User", "name": "ann", "apiGroup": "rbac.authorization.k8s.io"}]
    served.create(
        obj("rbac.authorization.k8s.io/v1", "RoleBinding", "ann", roleRef=reference, subjects=subjects),
    )
    assert names(served, HERE) == ["statefulset.web"]
    assert served.get(ALL).code == 403
