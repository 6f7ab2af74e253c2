"""gRPC's health check, against frames as a server sends them."""

import asyncio

import pytest

from stead.runtimes.native import health

SETTINGS = bytes.fromhex("000000 04 00 00000000")
PING = bytes.fromhex("000008 06 00 00000000 0102030405060708")
HEADERS = bytes.fromhex("000001 01 04 00000001 88")
TRAILERS = bytes.fromhex("000001 01 05 00000001 88")
GO_AWAY = bytes.fromhex("000008 07 00 00000000 0000000000000000")


def data(status: int) -> bytes:
    return bytes.fromhex("000007 00 00 00000001 00 00000002 08") + bytes([status])


class Sent:
    """Keeps what was written."""

    def __init__(self) -> None:
        self.bytes = b""

    def write(self, data: bytes) -> None:
        self.bytes += data


async def checked(answer: bytes, service: str = "") -> tuple[tuple[bool, str], bytes]:
    reader, sent = asyncio.StreamReader(), Sent()
    reader.feed_data(answer)
    reader.feed_eof()
    return await health.check(reader, sent, service), sent.bytes  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("answer", "is_success", "words"),
    [
        (SETTINGS + HEADERS + data(1) + TRAILERS, True, ""),
        (SETTINGS + PING + HEADERS + data(1) + TRAILERS, True, ""),
        (SETTINGS + HEADERS + data(2) + TRAILERS, False, 'service unhealthy (responded with "NOT_SERVING")'),
        (SETTINGS + TRAILERS, False, "without a status"),
        (SETTINGS + GO_AWAY, False, "refused the call"),
    ],
)
def test_answers(answer: bytes, is_success: bool, words: str) -> None:
    (told, message), _ = asyncio.run(checked(answer))
    assert told == is_success and words in message


def test_a_ping_is_answered_and_the_service_is_named() -> None:
    _, sent = asyncio.run(checked(SETTINGS + PING + HEADERS + data(1) + TRAILERS, "db"))
    assert sent.startswith(b"PRI * HTTP/2.0") and b"/grpc.health.v1.Health/Check" in sent
    assert bytes.fromhex("000008 06 01 00000000 0102030405060708") in sent
    assert b"\x0a\x02db" in sent


def test_a_connection_that_ends_is_an_error() -> None:
    with pytest.raises(asyncio.IncompleteReadError):
        asyncio.run(checked(SETTINGS))
