"""The files a pod finds in its /etc: who it is, and whom it asks for names."""

from collections.abc import Iterable

from stead.machinery.runtime import RunSandbox

_CLUSTER_OPTIONS = ("ndots:5",)


def hosts(order: RunSandbox, ip: str, of_host: str = "") -> str:
    """`/etc/hosts`: the pod's own names first (around.md 3.2.10), then its aliases.

    A pod in the host's network has the host's names, `of_host`, instead of its own.
    """
    if of_host:
        return "\n".join([of_host.rstrip("\n"), *_aliases(order.host_aliases)]) + "\n"
    own = f"{order.hostname}.{order.domain}\t{order.hostname}" if order.domain else order.hostname
    lines = [
        "# Managed by stead.",
        "127.0.0.1\tlocalhost",
        "::1\tlocalhost ip6-localhost ip6-loopback",
        "fe00::0\tip6-localnet",
        "ff02::1\tip6-allnodes",
        "ff02::2\tip6-allrouters",
        f"{ip}\t{own}",
    ]
    return "\n".join([*lines, *_aliases(order.host_aliases)]) + "\n"


def _aliases(aliases: Iterable[tuple[str, str]]) -> list[str]:
    by_ip: dict[str, list[str]] = {}
    for ip, name in aliases:
        by_ip.setdefault(ip, []).append(name)
    return ["", "# Entries of the pod's hostAliases."] * bool(by_ip) + ["\t".join([ip, *by_ip[ip]]) for ip in by_ip]


def resolv_conf(order: RunSandbox, cluster_dns: str) -> str:
    """`/etc/resolv.conf`: the cluster's DNS where the pod names no server of its own."""
    nameservers = order.nameservers or (cluster_dns,)
    options = order.dns_options or (() if order.nameservers else _CLUSTER_OPTIONS)
    lines = [f"search {' '.join(order.searches)}"] * bool(order.searches)
    lines += [f"nameserver {server}" for server in nameservers]
    lines += [f"options {' '.join(options)}"] * bool(options)
    return "\n".join(lines) + "\n"
