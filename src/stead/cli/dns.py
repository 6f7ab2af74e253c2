"""`stead dns NAME`: ask the cluster's DNS from outside."""

import argparse

import dns.exception
import dns.message
import dns.query
import dns.rcode
import dns.rdatatype
import dns.reversename

from stead.cli import running
from stead.cli.options import add_data, complain, data_directory


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", help="web-1.nginx.default.svc.cluster.local, or an address for its name")
    parser.add_argument("type", nargs="?", default="", help="A, AAAA, SRV, PTR, TXT ... (A; PTR for an address)")
    add_data(parser)
    parser.set_defaults(run=run)


def run(parsed: argparse.Namespace) -> int:
    try:
        state = running.state(data_directory(parsed))
        name, type_ = _question(parsed.name, parsed.type)
        answer = dns.query.udp(dns.message.make_query(name, type_), "127.0.0.1", timeout=5, port=int(state["dns_port"]))
    except (running.NotRunning, dns.exception.DNSException, ValueError, OSError) as error:
        return complain(error)
    for group in answer.answer:
        print(group.to_text())
    if not answer.answer:
        found = dns.rcode.to_text(answer.rcode())
        return complain(f"{parsed.name} {type_}: {'no such record' if found == 'NOERROR' else found}")
    return 0


def _question(name: str, type_: str) -> tuple[str, str]:
    """An address without a type is asked for its name."""
    try:
        reverse = dns.reversename.from_address(name).to_text()
    except dns.exception.SyntaxError:
        return name, dns.rdatatype.to_text(dns.rdatatype.from_text(type_ or "A"))
    return (reverse, "PTR") if type_ in ("", "PTR") else (name, type_)
