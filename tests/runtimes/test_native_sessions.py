"""exec and attach: bytes, exit codes, terminals; and probes from inside the pod's network."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from stead.machinery.runtime import Mount
from stead.runtimes.native.channel import Refusal

from .conftest import Machine, Play, drained

pytestmark = pytest.mark.shell

TIERS = ("root", "user", "lent", "plain")


@pytest.mark.parametrize("tier", TIERS)
def test_exec_carries_bytes_and_exit_codes(tier: str, play: Play) -> None:
    async def scenario(machine: Machine) -> None:
        await machine.sandbox("a")
        await machine.start("a", "sleep", "1000", environment=(("COLOUR", "blue"),))
        assert await machine.run("a", "sh", "-c", "echo out; echo err >&2; exit 3") == (3, "out\n", "err\n")
        assert await machine.run("a", "sh", "-c", "echo $COLOUR; kill -TERM $$") == (143, "blue\n", "")
        many = b"x" * 300_000
        code, out, _ = await machine.run("a", "wc", "-c", given=many)
        assert (code, out.strip()) == (0, "300000")
        assert len((await machine.run("a", "cat", given=many[:60_000]))[1]) == 60_000
        with pytest.raises(Refusal, match=r'exec: "[^"]+": (stat .*: no such file|executable file not found in .PATH)'):
            await machine.run("a", "/no/such/program")
        with pytest.raises(Refusal, match="not running"):
            await machine.run("a", "true", container="other")

    play(tier, scenario)


@pytest.mark.parametrize("tier", TIERS)
def test_exec_on_a_terminal(tier: str, play: Play) -> None:
    async def scenario(machine: Machine) -> None:
        await machine.sandbox("a")
        await machine.start("a", "sleep", "1000")
        session = await machine.runtime.exec("uid-a", "c", ["sh"], has_tty=True, has_stdin=True)
        await session.resize(132, 43)
        await session.write(b"test -t 0 && stty size; exit 5\n")
        assert "43 132" in await drained(session, "stdout")
        assert await session.wait() == 5
        session.close()

    play(tier, scenario)


@pytest.mark.parametrize("tier", TIERS)
def test_a_closed_session_hangs_up_on_its_terminal_and_a_killed_one_ends(tier: str, play: Play) -> None:
    async def scenario(machine: Machine) -> None:
        await machine.sandbox("a")
        await machine.start("a", "sleep", "1000")
        session = await machine.runtime.exec("uid-a", "c", ["sleep", "500"])
        await asyncio.sleep(0.05)
        session.kill()
        assert await session.wait() == 137
        session.close()

    play(tier, scenario)


@pytest.mark.parametrize("tier", TIERS)
def test_attach_sees_what_comes_and_feeds_what_listens(tier: str, play: Play) -> None:
    async def scenario(machine: Machine) -> None:
        await machine.sandbox("a")
        script = "while read line; do echo got $line; test $line = bye && exit 4; done"
        await machine.start("a", "sh", "-c", script, has_stdin=True)
        session = await machine.runtime.attach("uid-a", "c", has_stdin=True)
        await session.write(b"hello\n")
        assert await session.read() == b"got hello\n"
        await session.write(b"bye\n")
        assert await drained(session, "stdout") == "got bye\n"
        assert await session.wait() == 4
        session.close()
        lines = Path(machine.log("a")).read_text().splitlines()
        assert [line.split(" ", 3)[3] for line in lines] == ["got hello", "got bye"]

    play(tier, scenario)


@pytest.mark.parametrize("tier", TIERS)
def test_input_made_for_one_visitor_ends_with_his(tier: str, play: Play) -> None:
    """`stdinOnce`, as `kubectl run -i` asks for."""

    async def scenario(machine: Machine) -> None:
        await machine.sandbox("a")
        await machine.start("a", "cat", has_stdin=True, is_stdin_once=True)
        session = await machine.runtime.attach("uid-a", "c", has_stdin=True)
        await session.write(b"hello")
        await session.close_stdin()
        assert await drained(session, "stdout") == "hello"
        assert await session.wait() == 0
        session.close()

    play(tier, scenario)


@pytest.mark.parametrize("tier", TIERS)
def test_a_terminal_has_its_size_before_anything_runs_in_it(tier: str, play: Play) -> None:
    async def scenario(machine: Machine) -> None:
        await machine.sandbox("a")
        await machine.start("a", "sleep", "1000")
        session = await machine.runtime.exec("uid-a", "c", ["stty", "size"], has_tty=True, size=(91, 33))
        assert "33 91" in await drained(session, "stdout")
        session.close()

    play(tier, scenario)


@pytest.mark.parametrize("tier", ("root", "user", "lent"))
@pytest.mark.parametrize("user", (None, 7))
def test_a_terminal_has_a_name_in_the_container(tier: str, user: int | None, play: Play) -> None:
    """Of the container itself, and of what is run in it; each belongs to the user, who may open it again."""

    async def scenario(machine: Machine) -> None:
        look = "tty; readlink /proc/self/fd/0; echo reopened > $(tty); ls -ln $(tty); echo done; read x"
        await machine.sandbox("a")
        await machine.start("a", "sh", "-c", look, has_stdin=True, has_tty=True, run_as_user=user)
        session = await machine.runtime.exec("uid-a", "c", ["sh", "-c", look], has_tty=True, has_stdin=True)
        await session.write(b"on\n")
        told = await drained(session, "stdout")
        assert told.count("/dev/pts/1") == 3 and "reopened" in told and f" {user or 0} " in told
        session.close()
        async with asyncio.timeout(10):
            while "done" not in (told := Path(machine.log("a")).read_text()):
                await asyncio.sleep(0.01)
        assert told.count("/dev/pts/0") == 3 and "reopened" in told

    play(tier, scenario)


@pytest.mark.parametrize("tier", TIERS)
def test_a_container_with_a_terminal(tier: str, play: Play) -> None:
    async def scenario(machine: Machine) -> None:
        await machine.sandbox("a")
        await machine.start("a", "sh", "-c", "read x; stty size; echo $TERM", has_stdin=True, has_tty=True)
        session = await machine.runtime.attach("uid-a", "c", has_stdin=True)
        await session.resize(101, 33)
        await session.write(b"go\n")
        assert "33 101" in await drained(session, "stdout")
        assert await session.wait() == 0
        session.close()

    play(tier, scenario)


PROBES: list[tuple[dict[str, Any], bool, str]] = [
    ({"httpGet": {"port": 80}}, True, ""),
    ({"httpGet": {"port": 80, "path": "/nothing"}}, False, "HTTP probe failed with statuscode: 404"),
    ({"httpGet": {"port": 81}}, False, "connect: connection refused"),
    ({"httpGet": {"port": 9090}}, False, "context deadline exceeded"),
    ({"tcpSocket": {"port": 80}}, True, ""),
    ({"tcpSocket": {"port": 81}}, False, "connect: connection refused"),
    ({"exec": {"command": ["sh", "-c", "echo fine"]}}, True, "fine"),
    ({"exec": {"command": ["sh", "-c", "echo bad; exit 1"]}}, False, "bad"),
    ({"exec": {"command": ["sleep", "100"]}}, False, "timed out"),
    ({"exec": {"command": ["/no/such"]}}, False, "no such file"),
    ({"grpc": {"port": 81}}, False, "connection refused"),
    ({}, False, "missing probe handler"),
]

SILENT = "import socket,time; s=socket.create_server(('0.0.0.0',9090)); time.sleep(1000)"


@pytest.mark.parametrize("tier", ("root", "user", "lent"))
def test_probes(tier: str, play: Play) -> None:
    async def scenario(machine: Machine) -> None:
        (machine.place / "www").mkdir()
        (machine.place / "www" / "index.html").write_text("x")
        await machine.sandbox("a")
        volume = Mount(str(machine.place / "www"), "/usr/share/nginx/html")
        await machine.start("a", image="host:static", mounts=(volume,))
        await machine.start("a", "python3", "-c", SILENT, container="silent")
        await machine.get("a")
        (await machine.dialled("a", 9090)).close()
        for handler, is_success, words in PROBES:
            told = await machine.probe("a", handler, timeout_seconds=0.5)
            assert told.is_success == is_success and words in told.message, (handler, told)

    play(tier, scenario)


SECURE = """
import http.server, ssl
server = http.server.HTTPServer(("0.0.0.0", 8443), http.server.SimpleHTTPRequestHandler)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain("/pair/both.pem")
server.socket = context.wrap_socket(server.socket, server_side=True)
server.serve_forever()
"""


def test_an_https_probe_asks_nobody_who_he_is(play: Play) -> None:
    async def scenario(machine: Machine) -> None:
        (machine.place / "pair").mkdir()
        (machine.place / "pair" / "both.pem").write_bytes(self_signed())
        await machine.sandbox("a")
        await machine.start("a", "python3", "-c", SECURE, mounts=(Mount(str(machine.place / "pair"), "/pair"),))
        (await machine.dialled("a", 8443)).close()
        secure = {"httpGet": {"port": 8443, "scheme": "HTTPS"}}
        told = await machine.probe("a", secure, timeout_seconds=5)
        assert told.is_success, told
        assert not (await machine.probe("a", {"httpGet": {"port": 8443}}, timeout_seconds=5)).is_success

    play("root", scenario)


def self_signed() -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "nobody")])
    begin = datetime.now(UTC) - timedelta(days=1)
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    certificate = builder.not_valid_before(begin).not_valid_after(begin + timedelta(days=2)).sign(key, hashes.SHA256())
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return private + certificate.public_bytes(Encoding.PEM)
