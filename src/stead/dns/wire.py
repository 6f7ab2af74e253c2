"""DNS messages: bytes become a question, an answer becomes bytes, through dnspython.

Answers are kept as bytes under the query's own bytes, so that a name asked twice costs a dictionary look-up; they are
dropped as soon as a Service, a slice or a namespace changes.
"""

from typing import Any

from msgspec import Struct

from stead.dns.answer import Answer, Outcome, Record, Settings, Zone
from stead.dns.names import NameIndex
from stead.dns.question import Question
from stead.machinery.late import Late
from stead.machinery.times import Now

messages: Any = Late("stead.dns.messages")

HEADER_BYTES = 12
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
        made: Reply = self._made(query, now, is_tcp)
        if isinstance(made, bytes) and not self._settings.kept_denial_seconds:
            if len(self._kept) >= KEPT_ANSWERS:
                self._kept.clear()
            self._kept[key] = made[2:]
        return made

    def relayed(self, elsewhere: Elsewhere, said: bytes | None, *, is_tcp: bool = False) -> bytes:
        """The answer to the first asker out of what the others said; None: they said nothing (SERVFAIL)."""
        if said is not None and not elsewhere.head:
            return elsewhere.asker[:2] + said[2:]
        made: bytes = messages.relayed(elsewhere.asker, elsewhere.head, said, self._way(is_tcp))
        return made

    def _made(self, query: bytes, now: Now, is_tcp: bool) -> Any:
        if len(query) < HEADER_BYTES or query[2] & 0x80:
            return None  # no message, or itself a response: answering could go round for ever
        message = messages.parsed(query)
        if message is None:
            return messages.malformed(query)
        refusal = messages.refusal(message)
        if refusal is not None:
            return messages.plain(message, refusal, self._way(is_tcp))
        question = messages.question(message)
        outcome = self._outcome(question, now)
        if isinstance(outcome, Answer):
            return messages.answered(message, outcome, self._way(is_tcp))
        if not self._settings.forwards:
            return messages.plain(message, messages.REFUSED, self._way(is_tcp))
        if not outcome.records:
            return Elsewhere(query, query)
        return Elsewhere(messages.onward(outcome.name, question.type), query, outcome.records)

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

    def _way(self, is_tcp: bool) -> Any:
        return messages.Way(self._settings.forwards, is_tcp)
