"""SPDY/3.1 frames as values: what kubectl's port-forward, and older kubectl's exec, still speak (wire.md 3.8).

Written by hand because no kept library speaks SPDY. Flow control is left out, as Kubernetes' clients leave it out.
"""

import struct
import zlib
from collections.abc import Iterator, Mapping
from typing import TypeAlias

from msgspec import Struct

VERSION = 3
FIN = 1
SYN_STREAM, SYN_REPLY, RST_STREAM, SETTINGS, _, PING, GOAWAY, HEADERS, WINDOW_UPDATE = range(1, 10)

FRAME_LIMIT = 4 * 1024 * 1024
HEADERS_LIMIT = 64 * 1024
DATA_BYTES = 64 * 1024  # what we put into one frame

# The dictionary both ends prime their header compression with: words with their length before them, then loose text.
_WORDS = (
    "options head post put delete trace accept accept-charset accept-encoding accept-language accept-ranges age allow "
    "authorization cache-control connection content-base content-encoding content-language content-length "
    "content-location content-md5 content-range content-type date etag expect expires from host if-match "
    "if-modified-since if-none-match if-range if-unmodified-since last-modified location max-forwards pragma "
    "proxy-authenticate proxy-authorization range referer retry-after server te trailer transfer-encoding upgrade "
    "user-agent vary via warning www-authenticate method get status 200_OK version HTTP/1.1 url public set-cookie "
    "keep-alive origin"
)
_LOOSE = (
    "100101201202205206300302303304305306307402405406407408409410411412413414415416417502504505"
    "203 Non-Authoritative Information204 No Content301 Moved Permanently400 Bad Request401 Unauthorized"
    "403 Forbidden404 Not Found500 Internal Server Error501 Not Implemented503 Service Unavailable"
    "Jan Feb Mar Apr May Jun Jul Aug Sept Oct Nov Dec 00:00:00 Mon, Tue, Wed, Thu, Fri, Sat, Sun, GMT"
    "chunked,text/html,image/png,image/jpg,image/gif,application/xml,application/xhtml+xml,text/plain,"
    "text/javascript,publicprivatemax-age=gzip,deflate,sdchcharset=utf-8charset=iso-8859-1,utf-,*,enq=0."
)
DICTIONARY = (
    b"".join(struct.pack("!I", len(word)) + word.replace("_", " ").encode() for word in _WORDS.split())
    + _LOOSE.encode()
)


class SpdyError(Exception):
    """The other end does not speak SPDY/3.1."""


class Opened(Struct, frozen=True):
    """SYN_STREAM: the client opens a stream."""

    stream: int
    headers: Mapping[str, str]
    is_last: bool


class Data(Struct, frozen=True):
    stream: int
    data: bytes
    is_last: bool


class Reset(Struct, frozen=True):
    stream: int


class Ping(Struct, frozen=True):
    number: int


class GoAway(Struct, frozen=True):
    pass


Frame: TypeAlias = Opened | Data | Reset | Ping | GoAway


class Reader:
    """Bytes in any pieces become frames; what the protocol lets one ignore is left out."""

    def __init__(self) -> None:
        self._bytes = bytearray()
        self._headers = zlib.decompressobj(zdict=DICTIONARY)

    def feed(self, data: bytes) -> Iterator[Frame]:
        """The frames that are whole now. Raises SpdyError."""
        self._bytes += data
        while len(self._bytes) >= 8:
            first, rest = struct.unpack_from("!II", self._bytes)
            flags, size = rest >> 24, rest & 0xFFFFFF
            if size > FRAME_LIMIT:
                raise SpdyError(f"a frame of {size} bytes is too large")
            if len(self._bytes) < 8 + size:
                return
            body = bytes(self._bytes[8 : 8 + size])
            del self._bytes[: 8 + size]
            frame = self._control(first, flags, body) if first >> 31 else Data(first, body, bool(flags & FIN))
            if frame is not None:
                yield frame

    def _control(self, first: int, flags: int, body: bytes) -> Frame | None:
        version, sort = first >> 16 & 0x7FFF, first & 0xFFFF
        if version != VERSION:
            raise SpdyError(f"SPDY version {version} is not spoken here")
        try:
            if sort == SYN_STREAM:
                stream = struct.unpack_from("!I", body)[0] & 0x7FFFFFFF
                return Opened(stream, self._unpacked(body[10:]), bool(flags & FIN))
            if sort in (SYN_REPLY, HEADERS):
                self._unpacked(body[4:])  # keeps the shared compression in step
            if sort == RST_STREAM:
                return Reset(struct.unpack_from("!I", body)[0] & 0x7FFFFFFF)
            if sort == PING:
                return Ping(struct.unpack_from("!I", body)[0])
        except (struct.error, zlib.error, UnicodeDecodeError) as error:
            raise SpdyError(f"a damaged frame: {error}") from error
        return GoAway() if sort == GOAWAY else None

    def _unpacked(self, block: bytes) -> dict[str, str]:
        plain = self._headers.decompress(block, HEADERS_LIMIT)
        if self._headers.unconsumed_tail:
            raise SpdyError("the headers of a stream are too large")
        (count,) = struct.unpack_from("!I", plain)
        texts = list(_texts(plain, 4, 2 * min(count, HEADERS_LIMIT)))
        return {name.lower(): value for name, value in zip(texts[::2], texts[1::2], strict=True)}


class Writer:
    """Frames of ours as bytes."""

    def __init__(self) -> None:
        self._headers = zlib.compressobj(zdict=DICTIONARY)

    def reply(self, stream: int) -> bytes:
        """SYN_REPLY without headers: the stream is accepted."""
        block = self._headers.compress(struct.pack("!I", 0)) + self._headers.flush(zlib.Z_SYNC_FLUSH)
        return control(SYN_REPLY, struct.pack("!I", stream) + block)

    def opened(self, stream: int, headers: Mapping[str, str]) -> bytes:
        """SYN_STREAM, as a client sends it."""
        texts = [text.encode() for pair in headers.items() for text in pair]
        plain = struct.pack("!I", len(headers)) + b"".join(struct.pack("!I", len(text)) + text for text in texts)
        block = self._headers.compress(plain) + self._headers.flush(zlib.Z_SYNC_FLUSH)
        return control(SYN_STREAM, struct.pack("!IIH", stream, 0, 0) + block)


def data_frames(stream: int, data: bytes) -> Iterator[bytes]:
    for at in range(0, len(data), DATA_BYTES):
        piece = data[at : at + DATA_BYTES]
        yield struct.pack("!II", stream, len(piece)) + piece


def last_frame(stream: int) -> bytes:
    """An empty frame that ends our half of a stream."""
    return struct.pack("!II", stream, FIN << 24)


def pong(number: int) -> bytes:
    return control(PING, struct.pack("!I", number))


def reset(stream: int, why: int = 5) -> bytes:
    """RST_STREAM; 5 is CANCEL."""
    return control(RST_STREAM, struct.pack("!II", stream, why))


def control(sort: int, body: bytes) -> bytes:
    return struct.pack("!II", 1 << 31 | VERSION << 16 | sort, len(body)) + body


def _texts(plain: bytes, at: int, count: int) -> Iterator[str]:
    for _ in range(count):
        (size,) = struct.unpack_from("!I", plain, at)
        at += 4
        if at + size > len(plain):
            raise SpdyError("a damaged header block")
        yield plain[at : at + size].decode()
        at += size
