"""One call of gRPC's health check over HTTP/2, written by hand: a probe needs no library for two messages."""

import asyncio
import struct

Verdict = tuple[bool, str]

_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_DATA, _HEADERS, _RESET, _SETTINGS, _PING, _GO_AWAY = 0, 1, 3, 4, 6, 7
_END_STREAM, _END_HEADERS, _ACKNOWLEDGE = 1, 4, 1
_STREAM = 1
_SERVING = 1
_STATUSES = {0: "UNKNOWN", 1: "SERVING", 2: "NOT_SERVING", 3: "SERVICE_UNKNOWN"}
_REQUEST = (
    (b":method", b"POST"),
    (b":scheme", b"http"),
    (b":path", b"/grpc.health.v1.Health/Check"),
    (b":authority", b"localhost"),
    (b"content-type", b"application/grpc"),
    (b"te", b"trailers"),
    (b"user-agent", b"kube-probe/1.36"),
)


def _frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def _headers() -> bytes:
    """Header fields as literals that no table remembers (RFC 7541, 6.2.2); all are shorter than 127 bytes."""
    return b"".join(b"\0" + bytes([len(name)]) + name + bytes([len(value)]) + value for name, value in _REQUEST)


def _question(service: str) -> bytes:
    name = service.encode()[:127]
    message = b"\x0a" + bytes([len(name)]) + name if name else b""
    return b"\0" + struct.pack(">I", len(message)) + message


async def check(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, service: str) -> Verdict:
    """Ask whether `service` is serving; raises OSError or IncompleteReadError where the connection ends."""
    writer.write(_PREFACE + _frame(_SETTINGS, 0, 0, b""))
    writer.write(_frame(_HEADERS, _END_HEADERS, _STREAM, _headers()))
    writer.write(_frame(_DATA, _END_STREAM, _STREAM, _question(service)))
    body = b""
    while True:
        head = await reader.readexactly(9)
        length, kind, flags = int.from_bytes(head[:3], "big"), head[3], head[4]
        payload = await reader.readexactly(length)
        if kind in (_SETTINGS, _PING) and not flags & _ACKNOWLEDGE:
            writer.write(_frame(kind, _ACKNOWLEDGE, 0, payload if kind == _PING else b""))
        elif kind == _DATA:
            body += payload
        elif kind in (_RESET, _GO_AWAY):
            return False, "error: health rpc failed: the server refused the call"
        if kind in (_DATA, _HEADERS) and flags & _END_STREAM:
            return _verdict(body)


def _verdict(body: bytes) -> Verdict:
    if len(body) < 5:
        return False, "error: health rpc failed: the server answered without a status"
    status = body[6] if body[5:6] == b"\x08" and len(body) > 6 else 0
    if status == _SERVING:
        return True, ""
    return False, f'service unhealthy (responded with "{_STATUSES.get(status, status)}")'
