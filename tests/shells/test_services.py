"""Services with an address of their own: connections go to a ready endpoint, and to nobody where there is none."""

import json
import socket
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.shells.cluster import EXAMPLE, Cluster, a_cluster, until

pytestmark = [pytest.mark.shell, pytest.mark.anyone]

WEB = ("web-0", "web-1", "web-2")


@pytest.fixture(scope="module")
def web() -> Iterator[Cluster]:
    """The first example, each page telling its pod. A short path: unix sockets have room for 108 bytes."""
    with tempfile.TemporaryDirectory(prefix="stead-") as folder, a_cluster(Path(folder)) as cluster:
        cluster.up(EXAMPLE).wait_ready(*WEB)
        for name in WEB:
            cluster.write_page(name, name)
        yield cluster


def service(cluster: Cluster, name: str, **spec: Any) -> Any:
    ports = [{"name": "http", "port": 8000, "targetPort": "web"}]
    body = {"selector": {"app": "nginx"}, "ports": ports, **spec}
    wanted = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": body}
    cluster.kubectl("apply", "-f", "-", stdin=json.dumps(wanted))
    return cluster.get("service", name)


def asked(cluster: Cluster, name: str) -> str:
    """Who answers at a service's name, as a pod sees it."""
    words = ("curl", "--silent", "--show-error", "--max-time", "5", f"http://{name}:8000/")
    return cluster.kubectl("exec", cluster.ready()[0], "--", *words, check=False).strip()


def test_every_ready_pod_answers_sometimes_and_no_other_ever(web: Cluster) -> None:
    service(web, "front")
    seen: set[str] = set()

    def all_seen() -> bool:
        seen.add(asked(web, "front"))
        return set(WEB) <= seen

    until(all_seen, wish=f"each of them: {seen}")
    web.kubectl("label", "pod", "web-1", "app-", "--overwrite")
    until(lambda: len(web.get("endpoints", "front")["subsets"][0]["addresses"]) == 2, wish="two endpoints")
    assert "web-1" not in {asked(web, "front") for _ in range(12)}
    web.kubectl("label", "pod", "web-1", "app=nginx")
    until(lambda: asked(web, "front") == "web-1", wish="it is back")


def test_who_has_no_endpoints_refuses_at_once(web: Cluster) -> None:
    service(web, "empty", selector={"app": "nobody"})
    assert "refused" in asked(web, "empty").lower() or "connect" in asked(web, "empty").lower()
    service(web, "empty")
    until(lambda: asked(web, "empty") in WEB, wish="an endpoint")
    service(web, "empty", selector={"app": "nobody"})
    until(lambda: "connect" in asked(web, "empty").lower(), wish="refused again")


def test_a_node_port_is_open_on_loopback(web: Cluster) -> None:
    port = service(web, "outside", type="NodePort")["spec"]["ports"][0]["nodePort"]

    def answer() -> str:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5) as page:
                return str(page.read().decode().strip())
        except urllib.error.URLError:
            return ""

    until(lambda: answer() in WEB, wish="an answer on the host")
    web.kubectl("delete", "service", "outside")
    until(lambda: answer() == "", wish="closed")


def test_a_port_of_the_host_leads_to_its_pod_and_is_given_once(web: Cluster) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    ports = [{"containerPort": 80, "hostPort": port}]

    def made(name: str, **spec: Any) -> None:
        containers = [{"name": "c", "image": "host:static", "ports": ports}]
        spec = {"containers": containers, "terminationGracePeriodSeconds": 0, **spec}
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec}
        web.kubectl("apply", "-f", "-", stdin=json.dumps(pod))

    made("here")
    until(lambda: _is_answered(port), wish="an answer at the host's port")
    made("there", nodeName=web.get("pod", "here")["spec"]["nodeName"])
    until(lambda: web.get("pod", "there").get("status", {}).get("reason") == "NodePorts", wish="it is refused")
    assert web.get("pod", "there")["status"]["phase"] == "Failed"
    web.kubectl("delete", "pod", "here", "there", "--now")
    until(lambda: not _is_answered(port), wish="the port is free again")


ECHO = """
import socket
here = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
here.bind(("0.0.0.0", 5353))
while True:
    said, sender = here.recvfrom(70000)
    here.sendto(b"heard " + said, sender)
"""


def test_datagrams_pass_at_ports_of_the_host_and_at_services(web: Cluster) -> None:
    """A pod's hostPort, a NodePort, and the service's own address and name, both ways; SCTP is told."""
    port = a_free_udp_port()
    ports = [
        {"containerPort": 5353, "hostPort": port, "protocol": "UDP"},
        {"containerPort": 9, "hostPort": port, "protocol": "SCTP"},
    ]
    containers = [{"name": "c", "image": "host:shell", "command": ["python3", "-c", ECHO], "ports": ports}]
    spec = {"containers": containers, "terminationGracePeriodSeconds": 0}
    meta = {"name": "echo", "labels": {"app": "echo"}}
    web.kubectl(
        "apply", "-f", "-", stdin=json.dumps({"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": spec})
    )
    until(lambda: said_to(port, b"you") == b"heard you", wish="an answer at the host's port")
    big = bytes(range(256)) * 200
    assert said_to(port, big) == b"heard " + big

    def told() -> str:
        chosen = "involvedObject.name=echo,reason=PortUnavailable"
        return web.kubectl("get", "events", "--field-selector", chosen, "-o", "jsonpath={.items[*].message}")

    until(lambda: f"port {port}/SCTP cannot be opened on 127.0.0.1: stead carries TCP and UDP" in told(), wish="told")
    served = [{"name": "echo", "port": 53, "targetPort": 5353, "protocol": "UDP"}]
    found = service(web, "echoes", selector={"app": "echo"}, ports=served, type="NodePort")
    node_port = found["spec"]["ports"][0]["nodePort"]
    until(lambda: said_to(node_port, b"you") == b"heard you", wish="an answer at the node's port")
    ask = "import socket; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.settimeout(5); "
    ask += "s.connect(('echoes', 53)); s.send(b'name'); print(s.recv(99).decode())"
    assert web.kubectl("exec", web.ready()[0], "--", "python3", "-c", ask).strip() == "heard name"
    web.kubectl("delete", "service/echoes", "pod/echo", "--now")
    until(lambda: not (is_taken(port) or is_taken(node_port)), wish="both ports are free again")


def said_to(port: int, said: bytes) -> bytes:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        asking.settimeout(1)
        try:
            asking.connect(("127.0.0.1", port))
            asking.send(said)
            return asking.recv(70000)
        except OSError:
            return b""


def a_free_udp_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def is_taken(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as trying:
        try:
            trying.bind(("127.0.0.1", port))
        except OSError:
            return True
    return False


def test_a_port_that_another_program_holds_is_told_on_the_pod(web: Cluster) -> None:
    with socket.create_server(("127.0.0.1", 0)) as held:
        port = held.getsockname()[1]
        containers = [{"name": "c", "image": "host:static", "ports": [{"containerPort": 80, "hostPort": port}]}]
        spec = {"containers": containers, "terminationGracePeriodSeconds": 0}
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "late"}, "spec": spec}
        web.kubectl("apply", "-f", "-", stdin=json.dumps(pod))

        def told(reason: str) -> str:
            chosen = f"involvedObject.name=late,reason={reason}"
            return web.kubectl("get", "events", "--field-selector", chosen, "-o", "jsonpath={.items[*].message}")

        until(lambda: f"port {port} cannot be opened on 127.0.0.1" in told("PortUnavailable"), wish="an event")
    web.kubectl("delete", "pod", "late", "--now")


def test_a_profile_that_is_missing_is_named_and_counts_once_it_is_there(web: Cluster) -> None:
    context = {"seccompProfile": {"type": "Localhost", "localhostProfile": "profiles/mine.json"}}
    containers = [{"name": "c", "image": "host:shell", "command": ["sleep", "1000"], "securityContext": context}]
    spec = {"containers": containers, "terminationGracePeriodSeconds": 0}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "filtered"}, "spec": spec}
    web.kubectl("apply", "-f", "-", stdin=json.dumps(pod))
    path = web.data / "seccomp" / "profiles" / "mine.json"

    def waiting() -> dict[str, str]:
        found = web.get("pod", "filtered").get("status", {}).get("containerStatuses", [{}])[0]
        return dict(found.get("state", {}).get("waiting", {}))

    until(lambda: waiting().get("reason") == "CreateContainerError", wish="why it waits")
    assert waiting()["message"] == f'cannot load seccomp profile "{path}": no such file or directory'
    path.parent.mkdir(parents=True)
    rule = {"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO"}
    path.write_text(json.dumps({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [rule]}))
    until(lambda: "filtered" in web.ready(), wish="it runs, once its profile is there")
    assert web.get("pod", "filtered")["status"]["containerStatuses"][0]["restartCount"] == 0
    said = web.kubectl("exec", "filtered", "--", "sh", "-c", "mkdir /tmp/x 2>&1; true")
    assert "Operation not permitted" in said
    web.kubectl("delete", "pod", "filtered", "--now")


def _is_answered(port: int) -> bool:
    try:
        urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=2)
    except urllib.error.HTTPError:
        return True  # it has no page, and says so
    except OSError:
        return False
    return True
