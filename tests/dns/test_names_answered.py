"""Kubernetes DNS specification 1.1, and around.md 3.2 item 7, as tables of questions and answers."""

import pytest
from dnscluster import ask, cache_of, namespace, service, slice_
from hypothesis import given
from hypothesis import strategies as st

from stead.dns.answer import Settings, Zone
from stead.dns.names import NameIndex
from stead.dns.question import Question, dashed, undashed
from stead.machinery.keys import Key, key_of

WEB = (
    service("nginx"),
    slice_("nginx", "web-0=10.0.0.1", "web-1=10.0.0.2", "!web-2=10.0.0.3"),
)
BASE = "default.svc.cluster.local"


@pytest.mark.parametrize(
    "name, type_, answer",
    [
        (f"nginx.{BASE}", "A", "10.0.0.1 10.0.0.2"),
        (f"nginx.{BASE}", "AAAA", "NODATA"),
        (f"web-0.nginx.{BASE}", "A", "10.0.0.1"),
        (f"web-0.nginx.{BASE}", "AAAA", "NODATA"),
        (f"web-2.nginx.{BASE}", "A", "NXDOMAIN"),  # not ready
        (f"10-0-0-1.nginx.{BASE}", "A", "NXDOMAIN"),  # has a host name
        (f"_web._tcp.nginx.{BASE}", "SRV", f"0 50 80 web-0.nginx.{BASE}. 0 50 80 web-1.nginx.{BASE}."),
        (f"nginx.{BASE}", "SRV", f"0 50 80 web-0.nginx.{BASE}. 0 50 80 web-1.nginx.{BASE}."),
        (f"_web._tcp.nginx.{BASE}", "A", "NODATA"),
        (f"_tcp.nginx.{BASE}", "A", "NODATA"),
        (f"_udp.nginx.{BASE}", "A", "NXDOMAIN"),
        (f"_web._udp.nginx.{BASE}", "SRV", "NXDOMAIN"),
        (f"_http._tcp.nginx.{BASE}", "SRV", "NXDOMAIN"),
        ("1.0.0.10.in-addr.arpa", "PTR", f"web-0.nginx.{BASE}."),
        ("1.0.0.10.in-addr.arpa", "A", "NODATA"),
        ("3.0.0.10.in-addr.arpa", "PTR", "-> 3.0.0.10.in-addr.arpa"),
        ("dns-version.cluster.local", "TXT", '"1.1.0"'),
        ("dns-version.cluster.local", "A", "NODATA"),
        ("cluster.local", "NS", "ns.dns.cluster.local."),
        ("cluster.local", "A", "NODATA"),
        (f"nginx.{BASE}", "MX", "NODATA"),
    ],
)
def test_headless(name, type_, answer):
    assert ask(cache_of(*WEB), name, type_) == answer


@pytest.mark.parametrize(
    "name, answer",
    [
        ("svc.cluster.local", "NODATA"),
        ("pod.cluster.local", "NODATA"),
        ("dns.cluster.local", "NODATA"),
        ("default.svc.cluster.local", "NODATA"),
        ("default.pod.cluster.local", "NODATA"),
        ("other.svc.cluster.local", "NXDOMAIN"),
        ("nothing.default.svc.cluster.local", "NXDOMAIN"),
        ("nginx.other.svc.cluster.local", "NXDOMAIN"),
        ("a.web-0.nginx.default.svc.cluster.local", "NXDOMAIN"),
        ("example.com.cluster.local", "NXDOMAIN"),
        ("local", "-> local"),
        ("cluster.local.example.com", "-> cluster.local.example.com"),
        ("example.com", "-> example.com"),
    ],
)
def test_what_exists_and_what_does_not(name, answer):
    assert ask(cache_of(*WEB), name) == answer


def test_a_headless_service_without_ready_endpoints_is_no_name():
    assert ask(cache_of(service("nginx"), slice_("nginx", "!web-0=10.0.0.1")), f"nginx.{BASE}") == "NXDOMAIN"


def test_a_slice_without_its_service_is_no_name():
    cache = cache_of(slice_("nginx", "web-0=10.0.0.1"))
    assert ask(cache, f"web-0.nginx.{BASE}") == "NXDOMAIN"
    assert ask(cache, "1.0.0.10.in-addr.arpa", "PTR") == "-> 1.0.0.10.in-addr.arpa"


CLUSTER_IP = (
    service("api", cluster_ip="10.96.0.7", ports=(("http", "TCP", 80), ("", "UDP", 53))),
    slice_("api", "10.0.0.9", "db-0=10.0.0.8", ports=(("http", "TCP", 8080),)),
)


@pytest.mark.parametrize(
    "name, type_, answer",
    [
        (f"api.{BASE}", "A", "10.96.0.7"),
        (f"_http._tcp.api.{BASE}", "SRV", f"0 100 80 api.{BASE}."),
        ("7.0.96.10.in-addr.arpa", "PTR", f"api.{BASE}."),
        (f"10-0-0-9.api.{BASE}", "A", "10.0.0.9"),
        (f"db-0.api.{BASE}", "A", "10.0.0.8"),
        ("8.0.0.10.in-addr.arpa", "PTR", f"db-0.api.{BASE}."),
    ],
)
def test_cluster_ip(name, type_, answer):
    assert ask(cache_of(*CLUSTER_IP), name, type_) == answer


def test_both_families():
    v6 = slice_("nginx", "web-0=fd00::1", name="nginx-6")
    cache = cache_of(*WEB, v6)
    assert ask(cache, f"web-0.nginx.{BASE}", "AAAA") == "fd00::1"
    assert ask(cache, f"web-0.nginx.{BASE}") == "10.0.0.1"
    assert ask(cache, f"_web._tcp.nginx.{BASE}", "SRV").count("web-0") == 1
    reverse = "1" + ".0" * 27 + ".0.0.d.f.ip6.arpa"
    assert ask(cache, reverse, "PTR") == f"web-0.nginx.{BASE}."


def test_srv_brings_the_addresses_of_its_targets():
    zone = Zone(cache_of(*WEB).index(NameIndex), Settings())
    answer = zone.answer(Question(("_web", "_tcp", "nginx", *BASE.split(".")), "SRV"))
    assert [(r.name, r.text) for r in answer.additional] == [
        (f"web-0.nginx.{BASE}", "10.0.0.1"),
        (f"web-1.nginx.{BASE}", "10.0.0.2"),
    ]


@pytest.mark.parametrize(
    "alias, type_, answer",
    [
        ("db.example.com", "CNAME", "db.example.com."),
        ("db.example.com", "A", "db.example.com. -> db.example.com"),
        (f"nginx.{BASE}", "A", f"nginx.{BASE}. 10.0.0.1 10.0.0.2"),
        (f"NGINX.{BASE}.", "A", f"nginx.{BASE}. 10.0.0.1 10.0.0.2"),
        (f"nothing.{BASE}", "A", f"nothing.{BASE}."),
    ],
)
def test_external_names_are_followed(alias, type_, answer):
    assert ask(cache_of(*WEB, service("out", alias=alias)), f"out.{BASE}", type_) == answer


def test_external_names_in_a_circle_end():
    cache = cache_of(service("a", alias=f"b.{BASE}"), service("b", alias=f"a.{BASE}"))
    assert len(ask(cache, f"a.{BASE}").split()) < 12


@pytest.mark.parametrize(
    "label, type_, answer",
    [
        ("10-1-2-3.default", "A", "10.1.2.3"),
        ("10-1-2-3.default", "AAAA", "NODATA"),
        ("fd00--1.default", "AAAA", "fd00::1"),
        ("10-1-2.default", "A", "NXDOMAIN"),
        ("10-1-2-3.other", "A", "NXDOMAIN"),
    ],
)
def test_pod_addresses(label, type_, answer):
    assert ask(cache_of(), f"{label}.pod.cluster.local", type_) == answer


def test_another_zone():
    settings = Settings(zone="k8s.example.com.")
    assert ask(cache_of(*WEB), "web-0.nginx.default.svc.k8s.example.com", settings=settings) == "10.0.0.1"
    assert ask(cache_of(*WEB), f"web-0.nginx.{BASE}", settings=settings) == f"-> web-0.nginx.{BASE}"
    srv = ask(cache_of(*WEB), "nginx.default.svc.k8s.example.com", "SRV", settings)
    assert srv.endswith("web-1.nginx.default.svc.k8s.example.com.")


def test_addresses_of_our_networks_are_not_asked_of_others():
    settings = Settings(networks=("10.0.0.0/16",))
    assert ask(cache_of(), "9.9.0.10.in-addr.arpa", "PTR", settings) == "NXDOMAIN"
    assert ask(cache_of(), "9.9.1.10.in-addr.arpa", "PTR", settings) == "-> 9.9.1.10.in-addr.arpa"


@pytest.mark.parametrize("negative_ttl", [0, 5, 30])
def test_denials_carry_the_soa_with_its_minimum(negative_ttl):
    """around.md 3.2 item 9: negative caching is what makes peers see a new pod late."""
    zone = Zone(cache_of(*WEB).index(NameIndex), Settings(negative_ttl=negative_ttl))
    for name, type_ in ((f"web-9.nginx.{BASE}", "A"), (f"nginx.{BASE}", "AAAA")):
        (soa,) = zone.answer(Question(tuple(name.split(".")), type_)).authority
        assert (soa.ttl, soa.text.split()[-1]) == (negative_ttl, str(negative_ttl))


def test_the_index_follows_every_change():
    cache = cache_of(*WEB)
    kind, moved = slice_("nginx", "web-0=10.0.0.9")
    cache.put(key_of(kind, moved), moved)
    assert ask(cache, f"nginx.{BASE}") == "10.0.0.9"
    assert ask(cache, "1.0.0.10.in-addr.arpa", "PTR").startswith("->")
    kind, unlabelled = slice_("nginx", "web-0=10.0.0.9", labels=False)
    cache.put(key_of(kind, unlabelled), unlabelled)
    assert ask(cache, f"nginx.{BASE}") == "NXDOMAIN"
    cache.put(Key("Service", "default", "nginx"), None)
    cache.put(Key("Namespace", "", "default"), None)
    assert ask(cache, BASE) == "NXDOMAIN"
    index = cache.index(NameIndex)
    assert not (index._slices or index._services or index._at_address or index._namespaces)


def test_another_namespace_is_another_name():
    assert ask(cache_of(*WEB, namespace("other")), "nginx.other.svc.cluster.local") == "NXDOMAIN"


@given(st.ip_addresses())
def test_dashed_addresses_come_back(address):
    assert undashed(dashed(str(address))) == str(address)
