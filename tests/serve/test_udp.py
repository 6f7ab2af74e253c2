"""Cluster DNS over real sockets, with another of its kind as the outside resolver."""

import asyncio
import socket
from contextlib import asynccontextmanager

import dns.asyncquery
import dns.flags
import dns.message
import dns.rcode
import pytest
from serving import now, run

from stead.dns.answer import Settings
from stead.dns.names import NameIndex
from stead.dns.wire import Responder
from stead.machinery.cache import Cache
from stead.machinery.keys import key_of
from stead.serve.udp import DnsServer, host_resolvers, sockets

pytestmark = pytest.mark.shell


def headless(count, zone_address="10.0.0"):
    """A cache with one headless service of so many endpoints."""
    cache = Cache([NameIndex()])
    meta = {"name": "nginx", "namespace": "default"}
    endpoints = [{"addresses": [f"{zone_address}.{i}"], "hostname": f"web-{i}"} for i in range(count)]
    slice_ = {
        "metadata": {**meta, "labels": {"kubernetes.io/service-name": "nginx"}},
        "addressType": "IPv4",
        "endpoints": endpoints,
    }
    service = {"metadata": meta, "spec": {"clusterIP": "None"}}
    for kind, obj in (("Service", service), ("EndpointSlice", slice_)):
        cache.put(key_of(kind, obj), obj)
    return cache


@asynccontextmanager
async def name_server(cache, resolvers=(), port=53, **settings):
    server = DnsServer(
        Responder(cache.index(NameIndex), Settings(**settings)), now, resolvers, timeout_seconds=0.3, resolver_port=port
    )
    udp, tcp = sockets("127.0.0.1", 0)
    await server.serve(udp, tcp)
    try:
        yield udp.getsockname()[1]
    finally:
        server.close()


async def ask(port, name, *, by_tcp=False):
    query = dns.message.make_query(name, "A")
    if not by_tcp:
        return await asyncio.to_thread(dns.query.udp, query, "127.0.0.1", 5, port)
    return await asyncio.to_thread(dns.query.tcp, query, "127.0.0.1", 5, port)


NAME = "web-1.nginx.default.svc.cluster.local"


@pytest.mark.parametrize("by_tcp", [False, True])
def test_a_pod_is_found(by_tcp):
    async def scenario():
        async with name_server(headless(3)) as port:
            assert (await ask(port, NAME, by_tcp=by_tcp)).answer[0][0].address == "10.0.0.1"

    run(scenario)


def test_many_ask_at_once():
    async def scenario():
        async with name_server(headless(3)) as port:
            replies = await asyncio.gather(*(ask(port, NAME) for _ in range(50)))
            assert {reply.answer[0][0].address for reply in replies} == {"10.0.0.1"}

    run(scenario)


def test_a_cut_answer_comes_whole_by_tcp():
    async def scenario():
        async with name_server(headless(200)) as port:
            name = NAME.partition(".")[2]
            assert (await ask(port, name)).flags & dns.flags.TC
            assert len((await ask(port, name, by_tcp=True)).answer[0]) == 200

    run(scenario)


@pytest.mark.parametrize("by_tcp", [False, True])
def test_outside_names_are_asked_of_resolvers(by_tcp):
    async def scenario():
        async with (
            name_server(headless(2, "192.0.2"), zone="example.com") as outside,
            name_server(headless(2), ["127.0.0.1"], outside) as port,
        ):
            reply = await ask(port, "web-1.nginx.default.svc.example.com", by_tcp=by_tcp)
            assert reply.answer[0][0].address == "192.0.2.1"

    run(scenario)


def test_a_silent_resolver_is_a_failure_and_does_not_hold_up_others():
    async def scenario():
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
            silent.bind(("127.0.0.1", 0))
            async with name_server(headless(2), ["127.0.0.1"], silent.getsockname()[1]) as port:
                slow = asyncio.ensure_future(ask(port, "example.com"))
                assert (await ask(port, NAME)).answer
                assert (await slow).rcode() == dns.rcode.SERVFAIL

    run(scenario)


def test_garbage_does_not_stop_it():
    async def scenario():
        async with name_server(headless(2)) as port:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
                for junk in (b"", b"x", b"\0" * 12, b"\xff" * 500):
                    client.sendto(junk, ("127.0.0.1", port))
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"\xff\xffabc")
            writer.close()
            assert (await ask(port, NAME)).answer
            assert reader

    run(scenario)


def test_the_hosts_resolvers(tmp_path):
    conf = tmp_path / "resolv.conf"
    conf.write_text("# nameserver 9.9.9.9\nnameserver 192.0.2.1\nnameserver fe80::1%eth0\nnameserver x\nsearch a b\n")
    assert host_resolvers(conf) == ["192.0.2.1", "fe80::1%eth0"]
    assert host_resolvers(tmp_path / "none") == []
