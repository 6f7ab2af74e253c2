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
    # a definition whose rule has half an escape, or a number of 5,000 digits, was a 500
    ("rule", b"'\\u00' == ''"),
    ("rule", b"'\\ud800' == b'\\xff\\u00e9'"),
    ("rule", b"self.n == " + b"9" * 5000),
    # notes, credentials and schedules that are no objects ended commands in tracebacks
    ("notes", b"0"),
    ("credential", b"[]"),
    ("credential", b'{"kind":"ExecCredential","apiVersion":"client.authentication.k8s.io/v1","status":1}'),
    ("schedule", b"\x00"),
    # a watch of another server ended for ever where the server (a proxy, say) answered nonsense
    ("frames", b'{"type":"\xff","object":{}}\n'),
    ("frames", b'{"type":"ADDED","object":{"metadata":7}}\n'),
    ("logins", b'{"auths":{"\xff":{}}}'),
]
