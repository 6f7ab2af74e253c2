"""Identity: what replica i must be (ID-1 to ID-11)."""

import pytest

from stead.controllers.statefulset import identity, spec
from stead.machinery.objects import Json, with_value, without
from stead.testing.builders import a_claim_template, a_pod, a_stateful_set, a_template

WEB = a_stateful_set(volumeClaimTemplates=[a_claim_template("www"), a_claim_template("logs")])


def made(obj: Json = WEB, ordinal: int = 1, template: Json | None = None) -> Json:
    return identity.pod(spec.read(obj), ordinal, template or obj["spec"]["template"], "web-abc")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("web-0", ("web", 0)),
        ("web-1-0", ("web-1", 0)),
        ("web-01", ("web", 1)),
        ("web-2147483647", ("web", 2147483647)),
        ("web-2147483648", ("web", -1)),
        ("web-99999999999", ("web", -1)),
        ("web", None),
        ("web-", None),
        ("web-a", None),
        ("-3", ("", 3)),
        ("web-٣", None),
    ],
)
def test_id_1_and_id_2_names_are_taken_apart_greedily(name: str, expected: tuple[str, int] | None) -> None:
    assert identity.parse(name) == expected


def test_id_6_what_is_forced_on_a_new_pod() -> None:
    metadata = made()["metadata"]
    assert (metadata["name"], metadata["namespace"], metadata["generateName"]) == ("web-1", "default", "web-")
    assert metadata["labels"] == {
        "app": "nginx",
        "statefulset.kubernetes.io/pod-name": "web-1",
        "apps.kubernetes.io/pod-index": "1",
        "controller-revision-hash": "web-abc",
    }
    (owner,) = metadata["ownerReferences"]
    assert owner == {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "name": "web",
        "uid": "web-uid",
        "controller": True,
        "blockOwnerDeletion": True,
    }


def test_id_7_host_name_and_subdomain_override_the_template() -> None:
    template = a_template(hostname="mine", subdomain="mine")
    body = made(template=template)["spec"]
    assert (body["hostname"], body["subdomain"]) == ("web-1", "nginx")
    unserved = made(a_stateful_set(serviceName=""), template=template)["spec"]
    assert "subdomain" not in unserved


def test_id_8_only_labels_annotations_and_finalizers_come_from_the_template() -> None:
    template = with_value(a_template(), ("metadata",), {"name": "x", "namespace": "y", "annotations": {"a": "b"}})
    metadata = made(template=template)["metadata"]
    assert (metadata["name"], metadata["namespace"], metadata["annotations"]) == ("web-1", "default", {"a": "b"})


def test_id_9_claims_come_first_and_take_the_place_of_volumes_of_their_name() -> None:
    template = a_template(volumes=[{"name": "tmp", "emptyDir": {}}, {"name": "www", "emptyDir": {}}])
    assert made(template=template)["spec"]["volumes"] == [
        {"name": "www", "persistentVolumeClaim": {"claimName": "www-web-1"}},
        {"name": "logs", "persistentVolumeClaim": {"claimName": "logs-web-1"}},
        {"name": "tmp", "emptyDir": {}},
    ]


@pytest.mark.parametrize(
    ("label", "is_repaired"),
    [("statefulset.kubernetes.io/pod-name", True), ("apps.kubernetes.io/pod-index", False), ("app", False)],
)
def test_id_10_which_lost_labels_are_repaired(label: str, is_repaired: bool) -> None:
    pod = without(a_pod(WEB, 1), "metadata", "labels", label)
    assert identity.matches(spec.read(WEB), pod) is not is_repaired


def test_id_10_a_repair_brings_the_index_back_by_the_way() -> None:
    pod = with_value(a_pod(WEB, 1), ("metadata", "labels"), {"app": "nginx"})
    repaired = identity.repaired(spec.read(WEB), pod, 1)
    assert repaired["metadata"]["labels"]["apps.kubernetes.io/pod-index"] == "1"
    assert pod["metadata"]["labels"] == {"app": "nginx"}


def test_id_3_web_01_is_ordinal_1_and_no_identity() -> None:
    odd = a_pod(WEB, 1, name="web-01")
    assert not identity.matches(spec.read(WEB), odd)
    assert identity.repaired(spec.read(WEB), odd, 1)["metadata"]["name"] == "web-1"


def test_pr_7_storage_is_right_when_every_claim_volume_names_its_claim() -> None:
    read = spec.read(WEB)
    pod = a_pod(WEB, 1)
    assert identity.has_storage(read, pod, 1)
    assert not identity.has_storage(read, pod, 2)
    assert not identity.has_storage(read, without(pod, "spec", "volumes"), 1)
