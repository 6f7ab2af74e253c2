"""Certificates on disk, and what a client sees of them."""

import ssl
import stat
import subprocess
import sys
import time

import pytest
from serving import run, serving

from stead.api.request import User
from stead.serve.authentication import Authenticator, admin_token, bearer_token, certified_user, everyone_is_admin
from stead.serve.tls import RENEW_BEFORE_SECONDS, certificates, server_context, server_names

NAMES = server_names("cluster.local", ["10.96.0.1"])
ADMIN_CERTIFICATE_USER = User("kubernetes-admin", ("system:masters", "system:authenticated"))


def client_context(kept, *, with_certificate: bool) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(kept.authority))
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    if with_certificate:
        context.load_cert_chain(kept.admin_certificate, kept.admin_key)
    return context


def test_certificates_are_private_and_used_again(tmp_path):
    wall = time.time()
    kept = certificates(tmp_path / "pki", NAMES, wall)
    before = {file: file.read_bytes() for file in kept.directory.iterdir()}
    assert all(stat.S_IMODE(file.stat().st_mode) == 0o600 for file in before)
    assert stat.S_IMODE(kept.directory.stat().st_mode) == 0o700
    certificates(kept.directory, NAMES, wall)
    assert {file: file.read_bytes() for file in kept.directory.iterdir()} == before


@pytest.mark.parametrize(
    "names, later, same_authority",
    [
        ([*NAMES, "192.0.2.1"], 0, True),
        (NAMES, 365 * 24 * 3600 - RENEW_BEFORE_SECONDS + 1, True),
        (NAMES, 3650 * 24 * 3600, False),
    ],
    ids=["a new name", "nearly over", "authority over"],
)
def test_certificates_are_renewed(tmp_path, names, later, same_authority):
    wall = time.time()
    kept = certificates(tmp_path, NAMES, wall)
    authority, server = kept.authority.read_bytes(), kept.server.read_bytes()
    certificates(tmp_path, names, wall + later)
    assert kept.server.read_bytes() != server
    assert (kept.authority.read_bytes() == authority) is same_authority


def test_a_half_made_directory_is_made_anew(tmp_path):
    kept = certificates(tmp_path, NAMES, time.time())
    kept.server.unlink()
    (tmp_path / "made.json").write_text("{")
    certificates(tmp_path, NAMES, time.time())
    assert client_context(kept, with_certificate=True)


def test_a_normal_start_imports_no_cryptography():
    rooms = "stead.serve.http, stead.serve.tls, stead.serve.authentication"
    code = f"import {rooms}, sys; print('cryptography' in sys.modules)"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "False"


@pytest.mark.shell
@pytest.mark.parametrize(
    "with_certificate, token, user",
    [
        (True, "", "kubernetes-admin"),
        (False, "secret", "someone"),
        (True, "wrong", "kubernetes-admin"),
        (False, "wrong", None),
        (False, "", None),
    ],
)
def test_who_asks(kept, with_certificate, token, user):
    async def scenario():
        authenticate = Authenticator({"secret": User("someone")})
        tls = client_context(kept, with_certificate=with_certificate)
        async with (
            serving(authenticate=authenticate, server_tls=server_context(kept), client_tls=tls) as house,
            house.client() as client,
        ):
            bearer = f"Authorization: Bearer {token}\r\n" if token else ""
            for _ in range(2):
                answer = await client.ask(f"GET / HTTP/1.1\r\nHost: localhost\r\n{bearer}\r\n")
                if user is None:
                    assert (answer.code, answer.json["reason"], answer.json["message"]) == (401, *["Unauthorized"] * 2)
                else:
                    assert answer.json["user"] == user
            assert client.writer.get_extra_info("ssl_object").version() == "TLSv1.3"

    run(scenario)


@pytest.mark.shell
def test_a_certificate_of_another_authority_is_refused(kept, tmp_path):
    other = certificates(tmp_path, NAMES, time.time())
    tls = client_context(kept, with_certificate=False)
    tls.load_cert_chain(other.admin_certificate, other.admin_key)

    async def scenario():
        async with serving(server_tls=server_context(kept), client_tls=tls) as house, house.client() as client:
            client.say("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert await client.is_closed()

    run(scenario)


@pytest.mark.shell
def test_a_stranger_fills_no_memory(kept):
    """Who asks is settled at the headers: the body of a stranger is read past, not kept."""

    async def scenario():
        async with serving(authenticate=Authenticator({})) as house, house.client() as client:
            client.say("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello")
            assert (await client.answer()).code == 401
            client.say("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n")
            assert (await client.answer()).code == 401
            assert house.echo.batches == []

    run(scenario)


def test_certificate_subjects():
    subject = ((("organizationName", "a"),), (("organizationName", "b"),), (("commonName", "me"),))
    assert certified_user({"subject": subject}) == User("me", ("a", "b", "system:authenticated"))
    assert certified_user({"subject": ()}) is None


@pytest.mark.parametrize(
    "headers, token",
    [
        ({"authorization": "Bearer abc"}, "abc"),
        ({"authorization": "bearer abc "}, "abc"),
        ({"authorization": "Basic abc"}, ""),
        ({"sec-websocket-protocol": "v4.channel.k8s.io, base64url.bearer.authorization.k8s.io.YWJj"}, "abc"),
        ({"sec-websocket-protocol": "base64url.bearer.authorization.k8s.io._____"}, ""),
        ({}, ""),
    ],
)
def test_bearer_tokens(headers, token):
    assert bearer_token(headers) == token


@pytest.mark.parametrize(
    "headers, foreign",
    [
        ({"host": "127.0.0.1:6443"}, False),
        ({"host": "[::1]:6443"}, False),
        ({"host": "localhost:6443"}, False),
        ({"host": "localhost:6443", "origin": "https://localhost:6443"}, False),
        ({"host": "evil.example:6443"}, True),
        ({"host": "[broken"}, True),
        ({}, True),
        ({"host": "localhost:6443", "origin": "https://evil.example"}, True),
        ({"host": "localhost:6443", "origin": "null"}, True),
        ({"host": "localhost:6443", "sec-fetch-site": "none"}, False),  # typed by the user
        ({"host": "localhost:6443", "sec-fetch-site": "same-origin"}, False),
        ({"host": "localhost:6443", "sec-fetch-site": "same-site"}, True),  # another port of localhost
        ({"host": "localhost:6443", "sec-fetch-site": "cross-site"}, True),
    ],
)
def test_pages_of_others_are_kept_out(headers, foreign):
    certificate = {"subject": ((("commonName", "me"),),)}
    authenticate = Authenticator({"t": User("holder")}, names=["localhost"])
    assert (authenticate(headers, certificate) is None) is foreign
    assert authenticate({**headers, "authorization": "Bearer t"}, None) == User("holder")
    assert (everyone_is_admin(headers, None) is None) is foreign


def test_the_admin_token_stays(tmp_path):
    token = admin_token(tmp_path / "token")
    assert len(token) > 40
    assert admin_token(tmp_path / "token") == token
    assert stat.S_IMODE((tmp_path / "token").stat().st_mode) == 0o600
