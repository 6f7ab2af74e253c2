"""A cluster's names as a hosts file, for processes that ask no name server of ours."""

from dnscluster import cache_of, namespace, service, slice_

from stead.dns import hosts
from stead.dns.names import NameIndex

CACHE = cache_of(
    namespace("other"),
    service("nginx"),
    slice_("nginx", "web-0=127.0.0.2", "!web-1=127.0.0.3"),
    service("www", cluster_ip="10.96.0.7"),
    slice_("www", "127.0.0.4"),
)
LONG = "default.svc.cluster.local"


def lines(namespace: str) -> list[str]:
    return hosts.written(CACHE.index(NameIndex), namespace, "cluster.local").splitlines()


def test_at_home_a_name_may_be_short() -> None:
    assert lines("default") == [
        f"127.0.0.2 nginx.{LONG} nginx.default.svc nginx.default nginx",
        f"127.0.0.2 web-0.nginx.{LONG} web-0.nginx.default.svc web-0.nginx.default web-0.nginx",
        f"127.0.0.4 www.{LONG} www.default.svc www.default www",
        f"127.0.0.4 127-0-0-4.www.{LONG} 127-0-0-4.www.default.svc 127-0-0-4.www.default 127-0-0-4.www",
    ]


def test_elsewhere_it_says_where_it_is_from() -> None:
    assert lines("other")[1] == f"127.0.0.2 web-0.nginx.{LONG} web-0.nginx.default.svc web-0.nginx.default"
