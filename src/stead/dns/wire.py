"""DNS messages: bytes become a question, an answer becomes bytes, through dnspython.

Answers are kept as bytes under the query's own bytes, so that a name asked twice costs a dictionary look-up; they are
dropped as soon as a Service, a slice or a namespace changes.
"""

from collections.abc import Sequence

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.opcode
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rrset
from msgspec import Struct

from stead.dns.answer import Answer, Forward, Outcome, Record, Settings, Zone
from stead.dns.names import NameIndex
from stead.dns.question import Question
from stead.machinery.times import Now

HEADER_BYTES = 12
UDP_BYTES = 1232  # what we say we take
LARGEST_UDP_BYTES = 4096  # what we send to those who say they take it
LARGEST_BYTES = 65535
KEPT_ANSWERS = 4096
KEPT_DENIALS = 4096


class Elsewhere(Struct, frozen=True):
    """Ask other resolvers `question` (a message; its first two bytes are an id to choose freely).

    `asker` is the query to answer at last, with `head` before what the others say; see `Responder.relayed`.
    """

    question: bytes
    asker: bytes
    head: tuple[Record, ...] = ()


Reply = bytes | Elsewhere | None


class Responder:
    """One cluster's DNS over bytes."""

    def __init__(self, index: NameIndex, settings: Settings) -> None:
        self._index = index
        self._settings = settings
        self._zone = Zone(index, settings)
        self._kept: dict[tuple[bytes, bool], bytes] = {}
        self._kept_at = -1
        self._denials: dict[Question, tuple[float, Answer]] = {}

    def reply(self, query: bytes, now: Now, *, is_tcp: bool = False) -> Reply:
        """The answer's bytes, where else to ask, or None for what deserves no answer."""
        if self._kept_at != self._index.generation:
            self._kept.clear()
            self._kept_at = self._index.generation
        key = (query[2:], is_tcp)
        kept = self._kept.get(key)
        if kept is not None:
            return query[:2] + kept
        made = self._made(query, now, is_tcp)
        if isinstance(made, bytes) and not self._settings.kept_denial_seconds:
            if len(self._kept) >= KEPT_ANSWERS:
                self._kept.clear()
            self._kept[key] = made[2:]
        return made

    def relayed(self, elsewhere: Elsewhere, said: bytes | None, *, is_tcp: bool = False) -> bytes:
        """The answer to the first asker out of what the others said; None: they said nothing (SERVFAIL)."""
        if said is not None and not elsewhere.head:
            return elsewhere.asker[:2] + said[2:]
        query = dns.message.from_wire(elsewhere.asker)
        response = self._response(query)
        try:
            answer = dns.message.from_wire(said, ignore_trailing=True) if said is not None else None
        except dns.exception.DNSException:
            answer = None
        if answer is None:
            response.set_rcode(dns.rcode.SERVFAIL)
        else:
            response.set_rcode(answer.rcode())
            response.answer = [*_rrsets(elsewhere.head), *answer.answer]
        return _bytes(response, query, is_tcp)

    def _made(self, query: bytes, now: Now, is_tcp: bool) -> Reply:
        if len(query) < HEADER_BYTES or query[2] & 0x80:
            return None  # no message, or itself a response: answering could go round for ever
        try:
            message = dns.message.from_wire(query, ignore_trailing=False)
        except (dns.exception.DNSException, ValueError):
            return _malformed(query)
        refusal = _refused(message)
        if refusal is not None:
            return self._plain(message, refusal, is_tcp)
        question = _question(message)
        outcome = self._outcome(question, now)
        if isinstance(outcome, Answer):
            return self._answered(message, outcome, is_tcp)
        if not self._settings.forwards:
            return self._plain(message, dns.rcode.REFUSED, is_tcp)
        return _elsewhere(query, question, outcome)

    def _outcome(self, question: Question, now: Now) -> Outcome:
        """The zone's answer, or a denial that is still remembered."""
        kept_until, denial = self._denials.get(question, (0.0, None))
        if denial is not None and now.mono < kept_until:
            return denial
        outcome = self._zone.answer(question)
        seconds = self._settings.kept_denial_seconds
        if seconds and isinstance(outcome, Answer) and not outcome.records:
            if len(self._denials) >= KEPT_DENIALS:
                self._denials.clear()
            self._denials[question] = (now.mono + seconds, outcome)
        return outcome

    def _response(self, query: dns.message.Message) -> dns.message.Message:
        return dns.message.make_response(query, recursion_available=self._settings.forwards, our_payload=UDP_BYTES)

    def _plain(self, query: dns.message.Message, rcode: dns.rcode.Rcode, is_tcp: bool) -> bytes:
        response = self._response(query)
        response.set_rcode(rcode)
        return _bytes(response, query, is_tcp)

    def _answered(self, query: dns.message.Message, answer: Answer, is_tcp: bool) -> bytes:
        response = self._response(query)
        response.flags |= dns.flags.AA
        if not answer.exists:
            response.set_rcode(dns.rcode.NXDOMAIN)
        response.answer = _rrsets(answer.records)
        response.authority = _rrsets(answer.authority)
        response.additional = _rrsets(answer.additional)
        return _bytes(response, query, is_tcp)


def _refused(query: dns.message.Message) -> dns.rcode.Rcode | None:
    """What a query of a sort we do not serve is told."""
    if query.opcode() != dns.opcode.QUERY:
        return dns.rcode.NOTIMP
    if len(query.question) != 1:
        return dns.rcode.FORMERR
    if query.edns > 0:
        return dns.rcode.BADVERS
    if query.question[0].rdclass != dns.rdataclass.IN:
        return dns.rcode.REFUSED
    return None


def _question(query: dns.message.Message) -> Question:
    asked = query.question[0]
    labels = tuple(label.decode("latin-1").lower() for label in asked.name.labels if label)
    return Question(labels, dns.rdatatype.to_text(asked.rdtype))


def _elsewhere(query: bytes, question: Question, forward: Forward) -> Elsewhere:
    if not forward.records:
        return Elsewhere(query, query)
    onward = dns.message.make_query(forward.name, question.type, use_edns=0, payload=UDP_BYTES)
    return Elsewhere(onward.to_wire(), query, forward.records)


def _malformed(query: bytes) -> bytes:
    """FORMERR with the asker's id and nothing else, for nothing else could be read."""
    opcode_and_recursion = query[2] & 0x79
    return query[:2] + bytes((0x80 | opcode_and_recursion, dns.rcode.FORMERR)) + bytes(HEADER_BYTES - 4)


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
