"""DNS as bytes, held against dnspython's reading of them."""

import dns.flags
import dns.message
import dns.rcode
import pytest
from dnscluster import cache_of, service, slice_
from hypothesis import given
from hypothesis import strategies as st

from stead.dns.answer import Settings
from stead.dns.names import NameIndex
from stead.dns.wire import Elsewhere, Responder
from stead.machinery.keys import key_of
from stead.machinery.times import Now

NOON = Now(1_800_000_000.0, 1000.0)
BASE = "default.svc.cluster.local"
WEB = (service("nginx"), slice_("nginx", "web-0=10.0.0.1"))


def responder(cache, **settings):
    return Responder(cache.index(NameIndex), Settings(**settings))


def answered(responder, name, type_="A", now=NOON, *, is_tcp=False, **options):
    reply = responder.reply(dns.message.make_query(name, type_, **options).to_wire(), now, is_tcp=is_tcp)
    assert isinstance(reply, bytes)
    return dns.message.from_wire(reply)


def test_an_answer_repeats_id_and_question_and_is_authoritative():
    query = dns.message.make_query(f"WEB-0.nginx.{BASE}", "A")
    reply = dns.message.from_wire(responder(cache_of(*WEB)).reply(query.to_wire(), NOON))
    assert query.is_response(reply)
    assert reply.flags & dns.flags.AA
    assert reply.answer[0].ttl == 5
    assert [rdata.address for rdata in reply.answer[0]] == ["10.0.0.1"]


def test_a_kept_answer_has_the_askers_id_and_is_dropped_on_change():
    cache = cache_of(*WEB)
    asked = responder(cache)
    for id_ in (1, 2):
        query = dns.message.make_query(f"nginx.{BASE}", "A", id=id_)
        assert dns.message.from_wire(asked.reply(query.to_wire(), NOON)).id == id_
    kind, moved = slice_("nginx", "web-0=10.0.0.2")
    cache.put(key_of(kind, moved), moved)
    assert answered(asked, f"nginx.{BASE}").answer[0][0].address == "10.0.0.2"


@pytest.mark.parametrize(
    "name, type_, rcode",
    [
        (f"web-9.nginx.{BASE}", "A", dns.rcode.NXDOMAIN),
        (f"web-0.nginx.{BASE}", "AAAA", dns.rcode.NOERROR),
    ],
)
def test_denials_have_the_soa(name, type_, rcode):
    reply = answered(responder(cache_of(*WEB)), name, type_)
    assert (reply.rcode(), reply.answer) == (rcode, [])
    assert reply.authority[0][0].minimum == 5


@pytest.mark.parametrize("type_", ["A", "AAAA", "SRV", "TXT", "PTR", "SOA", "NS", "ANY", "CNAME", "MX", "TYPE65"])
@pytest.mark.parametrize(
    "name", ["cluster.local", f"nginx.{BASE}", f"_web._tcp.nginx.{BASE}", "dns-version.cluster.local"]
)
def test_every_type_makes_a_message(name, type_):
    assert answered(responder(cache_of(*WEB)), name, type_).rcode() == dns.rcode.NOERROR


def test_a_denial_can_be_kept_as_kubeadm_once_did():
    """around.md 3.2 item 9: the knob that shows the late peer."""
    cache = cache_of(service("nginx"))
    kept, fresh = responder(cache, kept_denial_seconds=30), responder(cache)
    for asked in (kept, fresh):
        assert answered(asked, f"nginx.{BASE}").rcode() == dns.rcode.NXDOMAIN
    kind, ready = slice_("nginx", "web-0=10.0.0.1")
    cache.put(key_of(kind, ready), ready)
    assert answered(fresh, f"nginx.{BASE}").rcode() == dns.rcode.NOERROR
    assert answered(kept, f"nginx.{BASE}").rcode() == dns.rcode.NXDOMAIN
    later = Now(NOON.wall + 30, NOON.mono + 30)
    assert answered(kept, f"nginx.{BASE}", now=later).rcode() == dns.rcode.NOERROR


def test_what_does_not_fit_is_cut_and_comes_by_tcp():
    cache = cache_of(service("nginx"), slice_("nginx", *[f"web-{i}=10.0.{i // 200}.{i % 200}" for i in range(1000)]))
    asked = responder(cache)
    cut = answered(asked, f"nginx.{BASE}")
    assert cut.flags & dns.flags.TC
    assert not answered(asked, f"nginx.{BASE}", use_edns=0, payload=4096, is_tcp=True).flags & dns.flags.TC
    assert len(answered(asked, f"nginx.{BASE}", is_tcp=True).answer[0]) == 1000


def test_edns_lets_more_fit():
    cache = cache_of(service("nginx"), slice_("nginx", *[f"web-{i}=10.0.0.{i}" for i in range(60)]))
    asked = responder(cache)
    assert answered(asked, f"nginx.{BASE}").flags & dns.flags.TC
    assert len(answered(asked, f"nginx.{BASE}", use_edns=0, payload=1232).answer[0]) == 60


def test_outside_names_are_asked_elsewhere_or_refused():
    query = dns.message.make_query("example.com", "A").to_wire()
    assert responder(cache_of()).reply(query, NOON) == Elsewhere(query, query)
    assert answered(responder(cache_of(), forwards=False), "example.com").rcode() == dns.rcode.REFUSED


def test_an_alias_outside_is_answered_with_what_others_say():
    asked = responder(cache_of(service("out", alias="db.example.com")))
    query = dns.message.make_query(f"out.{BASE}", "A")
    elsewhere = asked.reply(query.to_wire(), NOON)
    onward = dns.message.from_wire(elsewhere.question)
    assert onward.question[0].name.to_text() == "db.example.com."
    said = dns.message.make_response(onward)
    said.answer = [dns.rrset.from_text("db.example.com.", 60, "IN", "A", "192.0.2.1")]
    reply = dns.message.from_wire(asked.relayed(elsewhere, said.to_wire()))
    assert query.is_response(reply)
    assert [str(rrset[0]) for rrset in reply.answer] == ["db.example.com.", "192.0.2.1"]
    assert dns.message.from_wire(asked.relayed(elsewhere, None)).rcode() == dns.rcode.SERVFAIL
    assert dns.message.from_wire(asked.relayed(elsewhere, b"junk")).rcode() == dns.rcode.SERVFAIL


def test_odd_queries_are_refused():
    asked = responder(cache_of())
    notify = dns.message.make_query("cluster.local", "SOA")
    notify.set_opcode(dns.opcode.NOTIFY)
    assert dns.message.from_wire(asked.reply(notify.to_wire(), NOON)).rcode() == dns.rcode.NOTIMP
    chaos = dns.message.make_query("version.bind", "TXT", "CH")
    assert dns.message.from_wire(asked.reply(chaos.to_wire(), NOON)).rcode() == dns.rcode.REFUSED
    empty = dns.message.Message(7)
    assert dns.message.from_wire(asked.reply(empty.to_wire(), NOON)).rcode() == dns.rcode.FORMERR
    response = dns.message.make_response(dns.message.make_query("cluster.local", "A"))
    assert asked.reply(response.to_wire(), NOON) is None


QUERY = dns.message.make_query(f"web-0.nginx.{BASE}", "A", use_edns=0).to_wire()


@given(
    st.one_of(
        st.binary(max_size=64),
        st.builds(lambda i, b: QUERY[:i] + b + QUERY[i + 1 :], st.integers(0, 60), st.binary(max_size=2)),
    )
)
def test_any_bytes_make_an_answer_or_silence(data):
    reply = responder(cache_of(*WEB)).reply(data, NOON)
    if isinstance(reply, bytes):
        assert reply[:2] == data[:2]
        assert reply[2] & 0x80
