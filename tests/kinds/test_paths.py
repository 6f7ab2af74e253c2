"""The URL of an object and the object of a URL."""

import pytest

from stead.kinds.paths import path_of, target_of
from stead.kinds.registry import BUILT_IN

SETS = "/apis/apps/v1/namespaces/default/statefulsets"


@pytest.mark.parametrize(
    ("path", "kind", "namespace", "name", "subresource"),
    [
        (SETS, "StatefulSet", "default", "", ""),
        (f"{SETS}/web", "StatefulSet", "default", "web", ""),
        (f"{SETS}/web/scale", "StatefulSet", "default", "web", "scale"),
        ("/apis/apps/v1/statefulsets", "StatefulSet", "", "", ""),
        ("/api/v1/namespaces", "Namespace", "", "", ""),
        ("/api/v1/namespaces/default", "Namespace", "", "default", ""),
        ("/api/v1/namespaces/default/finalize", "Namespace", "", "default", "finalize"),
        ("/api/v1/namespaces/default/pods/web-0/log", "Pod", "default", "web-0", "log"),
        ("/api/v1/nodes/here/status", "Node", "", "here", "status"),
        ("/apis/storage.k8s.io/v1/storageclasses/fast", "StorageClass", "", "fast", ""),
        ("/apis/events.k8s.io/v1/namespaces/default/events", "Event.events.k8s.io", "default", "", ""),
    ],
)
def test_a_path_names_its_object_and_back(path: str, kind: str, namespace: str, name: str, subresource: str) -> None:
    target = target_of(path, BUILT_IN)
    assert target is not None
    assert (target.kind.id, target.namespace, target.name, target.subresource) == (kind, namespace, name, subresource)
    assert path_of(target.kind, namespace, name, subresource) == path


def test_the_old_watch_prefix_is_told() -> None:
    target = target_of("/api/v1/watch/namespaces/default/pods/web-0", BUILT_IN)
    assert target is not None
    assert (target.is_watch_prefix, target.name, target.is_collection) == (True, "web-0", False)


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/api/v1",
        "/apis/apps/v1",
        "/apis/apps/v1beta1/namespaces/default/statefulsets",
        "/api/v1/namespaces/default/unicorns",
        "/api/v1/pods/web-0",
        "/api/v1/namespaces/default/nodes/here",
        f"{SETS}/web/nonsense",
        f"{SETS}/web/scale/further",
        "/api/v1/namespaces//pods",
    ],
)
def test_no_object_of_ours_has_this_path(path: str) -> None:
    assert target_of(path, BUILT_IN) is None
