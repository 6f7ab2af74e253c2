"""Inputs that once broke something: the target's name and the bytes."""

from tests.fuzz.samples import IMAGES

FINDINGS: list[tuple[str, bytes]] = [
    # a token that is not ASCII closed the connection instead of being refused
    ("credentials", b"base64url.bearer.authorization.k8s.io.YW\xffj, v4.channe\x00.k8s.io"),
    # sections that are no lists ended a command in a traceback
    ("kubeconfig", b"contexts: 1\nclusters: [1]\nusers: {a: b}\ncurrent-context: [x]\n"),
    ("kubeconfig", b"contexts: [{name: a, context: {cluster: c}}]\nclusters: [null, 7]\ncurrent-context: a\n"),
    ("kubeconfig", b"a: 2026-13-45\n"),
    # a compressed archive cut short, and an index whose manifests are no objects
    ("image", IMAGES[3][:80]),
    ("image", IMAGES[2]),
]
