"""DNS messages as dnspython reads and writes them, apart from `wire` because dnspython comes with the first query."""

from collections.abc import Sequence
from typing import NamedTuple

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.opcode
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rrset

from stead.dns.answer import Answer, Record
from stead.dns.question import Question

HEADER_BYTES = 12
UDP_BYTES = 1232  # what we say we take
LARGEST_UDP_BYTES = 4096  # what we send to those who say they take it
LARGEST_BYTES = 65535
REFUSED = dns.rcode.REFUSED


class Way(NamedTuple):
    """How an answer goes out: whether we ask others at all, and by TCP or UDP."""

    forwards: bool
    is_tcp: bool


def parsed(query: bytes) -> dns.message.Message | None:
    """A message, None where it cannot be read."""
    try:
        return dns.message.from_wire(query, ignore_trailing=False)
    except (dns.exception.DNSException, ValueError):
        return None


def refusal(query: dns.message.Message) -> int | None:
    """The code that a query of a sort we do not serve is told."""
    if query.opcode() != dns.opcode.QUERY:
        return dns.rcode.NOTIMP
    if len(query.question) != 1:
        return dns.rcode.FORMERR
    if query.edns > 0:
        return dns.rcode.BADVERS
    if query.question[0].rdclass != dns.rdataclass.IN:
        return dns.rcode.REFUSED
    return None


def question(query: dns.message.Message) -> Question:
    """What a query asks."""
    asked = query.question[0]
    labels = tuple(label.decode("latin-1").lower() for label in asked.name.labels if label)
    return Question(labels, dns.rdatatype.to_text(asked.rdtype))


def malformed(query: bytes) -> bytes:
    """FORMERR with the asker's id and nothing else, for nothing else could be read."""
    opcode_and_recursion = query[2] & 0x79
    return query[:2] + bytes((0x80 | opcode_and_recursion, dns.rcode.FORMERR)) + bytes(HEADER_BYTES - 4)


def onward(name: str, type_: str) -> bytes:
    """A question of our own to another resolver."""
    return dns.message.make_query(name, type_, use_edns=0, payload=UDP_BYTES).to_wire()


def plain(query: dns.message.Message, rcode: int, way: Way) -> bytes:
    """A code and nothing else."""
    response = _response(query, way)
    response.set_rcode(dns.rcode.Rcode(rcode))
    return _bytes(response, query, way.is_tcp)


def answered(query: dns.message.Message, answer: Answer, way: Way) -> bytes:
    response = _response(query, way)
    response.flags |= dns.flags.AA
    if not answer.exists:
        response.set_rcode(dns.rcode.NXDOMAIN)
    response.answer = _rrsets(answer.records)
    response.authority = _rrsets(answer.authority)
    response.additional = _rrsets(answer.additional)
    return _bytes(response, query, way.is_tcp)


def relayed(asker: bytes, head: Sequence[Record], said: bytes | None, way: Way) -> bytes:
    """`head` and what others `said` to a question of ours, as the answer to `asker`; None: SERVFAIL."""
    query = dns.message.from_wire(asker)
    response = _response(query, way)
    try:
        answer = dns.message.from_wire(said, ignore_trailing=True) if said is not None else None
    except dns.exception.DNSException:
        answer = None
    if answer is None:
        response.set_rcode(dns.rcode.SERVFAIL)
    else:
        response.set_rcode(answer.rcode())
        response.answer = [*_rrsets(head), *answer.answer]
    return _bytes(response, query, way.is_tcp)


def _response(query: dns.message.Message, way: Way) -> dns.message.Message:
    return dns.message.make_response(query, recursion_available=way.forwards, our_payload=UDP_BYTES)


def _bytes(response: dns.message.Message, query: dns.message.Message, is_tcp: bool) -> bytes:
    """The message as bytes; what does not fit is left out and said so (TC), so that the asker comes by TCP."""
    limit = LARGEST_BYTES if is_tcp else min(max(512, query.payload), LARGEST_UDP_BYTES)
    try:
        return response.to_wire(max_size=limit)
    except dns.exception.TooBig:
        response.additional = []
    return response.to_wire(max_size=limit, prefer_truncation=True)


def _rrsets(records: Sequence[Record]) -> list[dns.rrset.RRset]:
    """Records as sets: those of one name and type together, in the order they stand."""
    sets: dict[tuple[str, str, int], list[str]] = {}
    for name, type_, ttl, text in records:
        sets.setdefault((name, type_, ttl), []).append(text)
    return [
        dns.rrset.from_text_list(dns.name.from_text(name), ttl, dns.rdataclass.IN, type_, texts)
        for (name, type_, ttl), texts in sets.items()
    ]
