"""HTTP/1.1 as text: the head of an answer, the parts of a request's target, and the refusals made at the door itself.

Nothing here knows a socket, so that each line can be tested as a value.
"""

from datetime import UTC, datetime
from functools import lru_cache
from http import HTTPStatus
from urllib.parse import parse_qsl, unquote

from stead.api.request import Response
from stead.machinery.errors import ApiError, BadRequest, TooLarge, Unauthorized
from stead.machinery.objects import encode

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
LAST_CHUNK = b"0\r\n\r\n"
NOT_KEPT = b"Cache-Control: no-cache, private\r\n"

Headers = tuple[tuple[str, str], ...]


class HeadersTooLarge(ApiError):
    code, reason = 431, "RequestHeaderFieldsTooLarge"


class TooSlow(ApiError):
    code, reason = 408, "Timeout"


def head(response: Response, length: int | None, wall: float, keeps_alive: bool) -> bytes:
    """Status line and headers of an answer. `length` None: the body comes in chunks."""
    is_usual = keeps_alive and response.code in (200, 201) and not response.headers and not response.warnings
    if is_usual and length is not None:
        return b"%bContent-Length: %d\r\n\r\n" % (_usual(response.code, response.media, int(wall)), length)
    is_kept = any(name == "Cache-Control" for name, _ in response.headers)
    lines = [_opening(response.code, response.media), b"" if is_kept else NOT_KEPT, _date(int(wall))]
    if response.code != HTTPStatus.NO_CONTENT:
        lines.append(b"Transfer-Encoding: chunked\r\n" if length is None else b"Content-Length: %d\r\n" % length)
    lines += [_line("Warning", f'299 - "{_quoted(text)}"') for text in response.warnings]
    lines += [_line(name, value) for name, value in response.headers]
    lines.append(b"\r\n" if keeps_alive else b"Connection: close\r\n\r\n")
    return b"".join(lines)


def switching_head(headers: Headers) -> bytes:
    """The 101 that turns a connection into something else."""
    lines = b"".join(_line(name, value) for name, value in headers)
    return b"HTTP/1.1 101 Switching Protocols\r\n" + lines + b"\r\n"


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def refusal(error: ApiError) -> Response:
    """An error met before any verb was reached, as the Status every client expects."""
    waits = error.retry_after_seconds
    headers = (("Retry-After", str(waits)),) if waits is not None else ()
    return Response(error.code, encode(error.status()), headers=headers)


def not_http(why: str) -> Response:
    return refusal(BadRequest(f"the request is not HTTP/1.1: {why}"))


def unauthorized() -> Response:
    return refusal(Unauthorized("Unauthorized"))


def body_too_large(limit: int) -> Response:
    return refusal(TooLarge(f"Request entity too large: limit is {limit}"))


def broken_inside() -> Response:
    return refusal(ApiError("Internal error occurred: the server met an error of its own; its log says which"))


def split_target(target: bytes) -> tuple[str, Headers]:
    """A request target as path, still percent-encoded (`kinds/paths` decodes step by step), and decoded query.

    Raises BadRequest where either is not UTF-8. httptools' own `parse_url` cuts fields beyond 64 KB, hence this.
    """
    path, _, query = target.partition(b"?")
    if not path.startswith(b"/") and path != b"*":
        path = b"/" + path.partition(b"://")[2].partition(b"/")[2]  # absolute form, as proxies send it
    try:
        return _checked(path.decode("ascii")), _pairs(query.decode("ascii")) if query else ()
    except (UnicodeDecodeError, ValueError) as error:
        raise BadRequest("the request target is not percent-encoded UTF-8") from error


def _checked(path: str) -> str:
    if "%" in path:
        unquote(path, errors="strict")
    return path


def _pairs(query: str) -> Headers:
    return tuple(parse_qsl(query, keep_blank_values=True, errors="strict", max_num_fields=1000))


@lru_cache(maxsize=16)
def _usual(code: int, media: str, wall_second: int) -> bytes:
    return _opening(code, media) + NOT_KEPT + _date(wall_second)


@lru_cache(maxsize=512)
def _opening(code: int, media: str) -> bytes:
    try:
        phrase = HTTPStatus(code).phrase
    except ValueError:
        phrase = "Unknown"
    sort = f"Content-Type: {media}\r\n" if media else ""
    return f"HTTP/1.1 {code} {phrase}\r\n{sort}".encode()


@lru_cache(maxsize=2)
def _date(wall_second: int) -> bytes:
    return datetime.fromtimestamp(wall_second, UTC).strftime("Date: %a, %d %b %Y %H:%M:%S GMT\r\n").encode()


def _line(name: str, value: str) -> bytes:
    """One header line; a line break inside a value must not become a header of its own."""
    return f"{name}: {_on_one_line(value)}\r\n".encode()


def _on_one_line(text: str) -> str:
    return text.replace("\r", " ").replace("\n", " ") if "\n" in text or "\r" in text else text


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')
