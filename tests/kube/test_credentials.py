"""Who we are: token files, plugins, and where the kubeconfig is."""

import json
from pathlib import Path

import pytest

from stead.kube import finding
from stead.kube.credentials import Credentials, ask
from stead.kube.kubeconfig import Access, KubeconfigError, Plugin, read, read_all

V1 = "client.authentication.k8s.io/v1"


def a_plugin(folder: Path, body: str) -> Plugin:
    path = folder / "plugin"
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return Plugin("./plugin", V1, ("get-token",), (("REGION", "eu"),), str(folder))


def printing(**status: str) -> str:
    return f"echo '{json.dumps({'apiVersion': V1, 'kind': 'ExecCredential', 'status': status})}'"


def test_a_token_file_is_read_again_each_minute(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("one\n")
    credentials = Credentials(Access("https://x", token_file=str(file)), {})
    assert credentials.is_due(0)
    credentials.renew(0)
    assert credentials.headers() == {"Authorization": "Bearer one"}
    file.write_text("two")
    assert not credentials.is_due(59) and credentials.is_due(60)
    credentials.renew(60)
    assert credentials.headers() == {"Authorization": "Bearer two"}
    assert credentials.refuse() and credentials.is_due(61)


def test_what_never_changes_is_never_due() -> None:
    credentials = Credentials(Access("https://x", token="t"), {})
    assert not credentials.is_due(1e12) and not credentials.refuse()
    assert Credentials(Access("http://x", basic="u:p"), {}).headers() == {"Authorization": "Basic dTpw"}


@pytest.mark.shell
@pytest.mark.anyone
def test_a_plugin_is_told_how_and_where_and_asked_again_when_its_credential_ends(tmp_path: Path) -> None:
    printed = printing(token="t1", expirationTimestamp="2027-01-15T08:00:00Z")
    script = f'echo "$1 $REGION $HOME $KUBERNETES_EXEC_INFO" >> told; {printed}'
    access = Access("https://x", plugin=a_plugin(tmp_path, f"cd {tmp_path}; {script}"))
    credentials = Credentials(access, {"HOME": "here", "PATH": "/usr/bin:/bin"})
    credentials.renew(0)
    assert credentials.headers() == {"Authorization": "Bearer t1"}
    assert not credentials.is_due(1_799_999_989) and credentials.is_due(1_799_999_990)
    told = (tmp_path / "told").read_text()
    assert told.startswith('get-token eu here {"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential"')


@pytest.mark.shell
@pytest.mark.anyone
@pytest.mark.parametrize(
    ("script", "told"),
    [
        ("echo sorry >&2; exit 3", "plugin failed (3): sorry"),
        ("echo no", "printed no JSON"),
        ("echo '{}'", "an ExecCredential of client.authentication.k8s.io/v1 is wanted"),
        (printing(), "neither token nor clientCertificateData"),
        (printing(token="t", expirationTimestamp="soon"), "expirationTimestamp 'soon'"),
    ],
)
def test_what_a_plugin_does_wrong_is_told(tmp_path: Path, script: str, told: str) -> None:
    with pytest.raises(KubeconfigError) as error:
        ask(a_plugin(tmp_path, script), Access("https://x"), {"PATH": "/usr/bin:/bin"})
    assert told in str(error.value)


def test_a_plugin_that_is_not_there_says_how_to_get_it() -> None:
    plugin = Plugin("stead-no-such-plugin", V1, hint="apt-get install it")
    with pytest.raises(KubeconfigError, match="is not there; apt-get install it"):
        ask(plugin, Access("https://x"), {"PATH": ""})


CLUSTER = "clusters: [{name: c, cluster: {server: 'https://x'%s}}]\n"
CONTEXT = "current-context: a\ncontexts: [{name: a, context: {cluster: c, user: u}}]\n"

MISTAKES = [
    (", proxy-url: 'http://p'", "token: t", "has proxy-url; stead speaks to no proxy"),
    ("", "auth-provider: {name: gcp}", "Kubernetes has dropped auth-provider"),
    ("", "exec: {command: c, apiVersion: v0}", 'apiVersion "v0": one of client.authentication.k8s.io/v1'),
    ("", "exec: {apiVersion: client.authentication.k8s.io/v1}", "command is missing"),
    ("", f"exec: {{command: c, apiVersion: {V1}, interactiveMode: Always}}", "nobody sits before a controller"),
]


@pytest.mark.parametrize(("cluster", "user", "told"), MISTAKES)
def test_what_is_not_supported_is_said(tmp_path: Path, cluster: str, user: str, told: str) -> None:
    path = tmp_path / "config"
    path.write_text(CLUSTER % cluster + CONTEXT + f"users: [{{name: u, user: {{{user}}}}}]\n")
    with pytest.raises(KubeconfigError) as error:
        read(path)
    assert told in str(error.value)


def test_the_whole_of_a_user_is_read(tmp_path: Path) -> None:
    path = tmp_path / "config"
    user = "username: n, password: p, as: other, as-groups: [g, h], as-user-extra: {why: [x]}"
    user += (
        f", exec: {{command: ./c, apiVersion: {V1}, args: [a], env: [{{name: N, value: V}}], provideClusterInfo: true}}"
    )
    path.write_text(CLUSTER % ", tls-server-name: y" + CONTEXT + f"users: [{{name: u, user: {{{user}}}}}]\n")
    found = read(path)
    assert found.plugin == Plugin("./c", V1, ("a",), (("N", "V"),), str(tmp_path), "", True)
    assert found.basic == "n:p" and found.server_name == "y"
    assert found.headers == (
        ("Impersonate-User", "other"),
        ("Impersonate-Group", "g"),
        ("Impersonate-Group", "h"),
        ("Impersonate-Extra-why", "x"),
    )


def test_several_files_are_one_and_the_first_counts(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    one.write_text(CONTEXT)
    two.write_text("current-context: b\n" + CLUSTER % "" + "users: [{name: u, user: {token: t}}]\n")
    assert read_all([one, two]) == Access("https://x", token="t", context="a")
    environment = {"KUBECONFIG": f"{one}:{tmp_path / 'none'}:{two}"}
    assert finding.access("", "", environment).token == "t"


def test_in_a_pod_its_own_service_account_is_taken(tmp_path: Path) -> None:
    for name, text in (("token", "t"), ("ca.crt", "CA"), ("namespace", "ns\n")):
        (tmp_path / name).write_text(text)
    environment = {"KUBERNETES_SERVICE_HOST": "fd00::1", "KUBERNETES_SERVICE_PORT": "443", "HOME": str(tmp_path)}
    found = finding.access("", "", environment, mounted=tmp_path)
    assert found.server == "https://[fd00::1]:443"
    assert (found.authority, found.namespace, found.token_file) == (b"CA", "ns", str(tmp_path / "token"))


def test_where_no_cluster_is_named_it_says_how(tmp_path: Path) -> None:
    with pytest.raises(KubeconfigError, match="give --kubeconfig FILE"):
        finding.access("", "", {"HOME": str(tmp_path)})
    with pytest.raises(KubeconfigError, match="there is no file"):
        finding.access("", "", {"KUBECONFIG": str(tmp_path / "none")})
