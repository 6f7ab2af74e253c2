"""What a client sends, read into whole requests: httptools (llhttp, strict) parses, the limits keep it bounded."""

import logging
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple, Protocol

import httptools

from stead.api.request import Request, Response, User
from stead.machinery.errors import ApiError
from stead.serve import message
from stead.serve.limits import Limits

log = logging.getLogger(__name__)


class Turn(NamedTuple):
    """A whole request, or the answer that refuses it, and what its answer must know of it."""

    item: Request | Response
    keeps_alive: bool = False
    is_head: bool = False
    is_upgrade: bool = False
    is_old: bool = False  # HTTP/1.0, which knows no chunks


class Receiver(Protocol):
    """Who is told what has been read."""

    def identify(self, headers: Mapping[str, str]) -> User | None: ...

    def expects_body(self, *, awaits_word: bool) -> None:
        """A head is whole; with `awaits_word` the client sends the body only when told to."""

    def takes(self, turn: Turn) -> None: ...

    def gives_up(self, response: Response) -> None:
        """Nothing more can be read; `response` is the last word."""


class Incoming:
    """One connection's bytes. After `is_deaf` nothing is read any more."""

    def __init__(self, receiver: Receiver, limits: Limits) -> None:
        self._receiver = receiver
        self._limits = limits
        self._parser: Any = httptools.HttpRequestParser(self)
        self._is_in_head = False
        self._has_ended_one = False  # a request, within the bytes now being read
        self._head_bytes = 0
        self._target = b""
        self._headers: dict[str, str] = {}
        self._body: list[bytes] = []
        self._body_bytes = 0
        self._refused: Response | None = None
        self._user: User | None = None
        self.is_deaf = False

    def feed(self, data: bytes) -> bytes:
        """Read on. Answers what follows an upgrade: bytes that are not HTTP."""
        if self.is_deaf:
            return b""
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self.is_deaf = True
            return data[upgrade.args[0] :]
        except httptools.HttpParserCallbackError:
            log.exception("a request could not be read")
            self._give_up(message.broken_inside())
        except httptools.HttpParserError as error:
            self._give_up(message.not_http(str(error)))
        else:
            self._count_head(len(data))
        return b""

    def forget(self) -> None:
        """Let the parser go: it and this object hold each other."""
        self._parser = None
        self.is_deaf = True

    # the parser's calls

    def on_message_begin(self) -> None:
        self._is_in_head = True
        self._target = b""
        self._headers = {}
        self._body = []
        self._body_bytes = 0
        self._refused = None
        self._user = None

    def on_url(self, part: bytes) -> None:
        self._target += part

    def on_header(self, name: bytes, value: bytes) -> None:
        key = _lower(name)
        text = value.decode("latin-1")
        before = self._headers.get(key)
        self._headers[key] = text if before is None else f"{before}, {text}"

    def on_headers_complete(self) -> None:
        """Who asks is settled before the body is read, so that strangers cannot fill memory."""
        self._is_in_head = False
        awaits_word = self._headers.get("expect", "").lower() == "100-continue"
        self._user = self._receiver.identify(self._headers)
        declared = self._headers.get("content-length", "0")
        if declared.isdigit() and int(declared) > self._limits.body_bytes:
            self._give_up(message.body_too_large(self._limits.body_bytes))
        elif self._user is None:
            self._refused = message.unauthorized()
            if awaits_word:
                self._give_up(self._refused)
        if not self.is_deaf:
            self._receiver.expects_body(awaits_word=awaits_word)

    def on_body(self, part: bytes) -> None:
        self._body_bytes += len(part)
        if self._body_bytes > self._limits.body_bytes:
            self._give_up(message.body_too_large(self._limits.body_bytes))
        elif self._refused is None:
            self._body.append(part)

    def on_message_complete(self) -> None:
        self._has_ended_one = True
        if self.is_deaf:
            return
        parser = self._parser
        method = parser.get_method().decode()
        is_upgrade = parser.should_upgrade()
        keeps_alive = parser.should_keep_alive() and not is_upgrade
        is_old = parser.get_http_version() == "1.0"
        item = self._refused or self._complete(method, is_old=is_old)
        self._receiver.takes(Turn(item, keeps_alive, method == "HEAD", is_upgrade, is_old))

    def _complete(self, method: str, *, is_old: bool) -> Request | Response:
        """The request as it came, or the answer that refuses it before any verb sees it."""
        try:
            path, query = message.split_target(self._target)
        except ApiError as error:
            return message.refusal(error)
        assert self._user is not None, "settled when the headers were whole"
        body = self._body[0] if len(self._body) == 1 else b"".join(self._body)
        takes_slices = method != "HEAD" and not is_old
        return Request(method, path, query, self._headers, body, self._user, takes_slices)

    def _give_up(self, response: Response) -> None:
        if not self.is_deaf:
            self.is_deaf = True
            self._body.clear()
            self._receiver.gives_up(response)

    def _count_head(self, arrived: int) -> None:
        """A head is counted by what arrives, for the parser keeps an unfinished header to itself.

        Behind the end of another request nobody knows how much of what arrived is the head's.
        """
        is_known = self._is_in_head and not self._has_ended_one
        self._head_bytes = self._head_bytes + arrived if is_known else 0
        self._has_ended_one = False
        if self._head_bytes > self._limits.head_bytes:
            self._give_up(message.refusal(message.HeadersTooLarge("the request's headers are too large")))


@lru_cache(maxsize=256)
def _lower(name: bytes) -> str:
    return name.decode("latin-1").lower()
