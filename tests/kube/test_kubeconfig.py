"""The kubeconfig: written for ours, read for any."""

import shutil
import stat
import subprocess

import pytest

from stead.kube.kubeconfig import Access, KubeconfigError, read, write

OURS = Access("https://127.0.0.1:6443", b"CA", b"CERT", b"KEY", "token-1", "default")


def test_what_is_written_is_read(tmp_path):
    path = tmp_path / "kubeconfig"
    write(path, OURS)
    write(path, OURS)
    assert read(path) == OURS
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [file.name for file in tmp_path.iterdir()] == ["kubeconfig"]


@pytest.mark.shell
@pytest.mark.skipif(not shutil.which("kubectl"), reason="kubectl is not installed")
def test_kubectl_reads_it(tmp_path):
    write(tmp_path / "kubeconfig", OURS)
    command = ["kubectl", "--kubeconfig", tmp_path / "kubeconfig", "config", "view", "--minify"]
    shown = subprocess.check_output(command, text=True)
    assert "server: https://127.0.0.1:6443" in shown
    assert "current-context: stead" in shown


FILES = """
current-context: b
clusters: [{name: c, cluster: {server: "https://x:1/", certificate-authority: ca.crt}}]
users: [{name: u, user: {tokenFile: token, client-certificate-data: Q0VSVA==}}]
contexts:
- {name: a, context: {cluster: c, namespace: n}}
- {name: b, context: {cluster: c, user: u}}
- {name: none, context: {cluster: missing}}
"""


def test_files_are_looked_for_beside_the_kubeconfig(tmp_path):
    path = tmp_path / "config"
    path.write_text(FILES)
    (tmp_path / "ca.crt").write_bytes(b"CA")
    (tmp_path / "token").write_text("t\n")
    token = str(tmp_path / "token")
    assert read(path) == Access("https://x:1", b"CA", b"CERT", context="b", token_file=token)
    assert read(path, "a") == Access("https://x:1", b"CA", namespace="n", context="a")


@pytest.mark.parametrize(
    "text, context, told",
    [
        ("a: [", "", "not YAML"),
        ("[]", "", "not a kubeconfig"),
        ("{}", "x", 'no context named "x"'),
        (FILES, "none", 'no cluster named "missing"'),
        (FILES, "a", "ca.crt: No such file"),
        (
            "current-context: b\ncontexts: [{name: b, context: {cluster: c}}]\nclusters: [{name: c, cluster: {}}]",
            "",
            "has no server",
        ),
    ],
)
def test_what_is_wrong_is_told(tmp_path, text, context, told):
    path = tmp_path / "config"
    path.write_text(text)
    with pytest.raises(KubeconfigError, match=str(path)) as error:
        read(path, context)
    assert told in str(error.value)


def test_a_missing_file_is_told(tmp_path):
    with pytest.raises(KubeconfigError, match="No such file"):
        read(tmp_path / "nothing")
