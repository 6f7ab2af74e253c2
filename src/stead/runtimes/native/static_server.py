"""A small web server for one directory: what the first example runs where the host has no nginx.

Run as a program with the host's python3 and nothing else: `static_server.py DIRECTORY ADDRESS PORT`; where nobody
changed that command, a container's first process, a fork of the keeper, becomes it without starting another Python. It
answers GET and HEAD, logs a line per request to stdout and ends at once on SIGTERM, SIGINT and SIGQUIT. It imports
little, and nothing late.
"""

import _thread
import os
import signal
import socket
import stat
import sys
import time
from io import BufferedReader
from types import FrameType

ARGUMENTS = 3  # of the command line: directory, address, port
IDLE_SECONDS = 75
_LINE_BYTES = 8192
_HEADER_LINES = 100
_REASONS = {
    200: "OK",
    301: "Moved Permanently",
    400: "Bad Request",
    403: "Forbidden",
    404: "Not Found",
    405: "Not Allowed",
}
_TYPES = {
    "html": "text/html",
    "htm": "text/html",
    "css": "text/css",
    "js": "application/javascript",
    "json": "application/json",
    "txt": "text/plain",
    "svg": "image/svg+xml",
    "png": "image/png",
    "jpg": "image/jpeg",
    "gif": "image/gif",
    "ico": "image/x-icon",
}


class Asked:
    """One request: `keeps` says whether the connection stays open after it."""

    def __init__(self, words: list[str], agent: str, keeps: bool):
        self.method, self.path, self.version = words
        self.agent = agent
        self.keeps = keeps


def serve(directory: str, address: str, port: int) -> None:
    """Listen and answer for ever, a thread for each connection."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((address, port))
    listener.listen(511)
    while True:
        link, peer = listener.accept()
        _thread.start_new_thread(_converse, (link, str(peer[0]), directory))


def _converse(link: socket.socket, peer: str, directory: str) -> None:
    link.settimeout(IDLE_SECONDS)
    try:
        with link, link.makefile("rb") as lines:
            while (asked := read_request(lines)) is not None:
                code, size = _answer(link, asked, directory)
                _log(peer, asked, code, size)
                if not asked.keeps:
                    return
    except OSError:
        return


def read_request(lines: BufferedReader) -> Asked | None:
    """The next request; None where the client has gone or speaks something else."""
    words = lines.readline(_LINE_BYTES).decode("latin-1").split()
    if len(words) != 3 or not words[2].startswith("HTTP/"):
        return None
    headers = {}
    for _ in range(_HEADER_LINES):
        name, colon, value = lines.readline(_LINE_BYTES).decode("latin-1").partition(":")
        if not colon:
            break
        headers[name.strip().lower()] = value.strip()
    is_modern = words[2] == "HTTP/1.1"
    wish = headers.get("connection", "").lower()
    keeps = wish != "close" if is_modern else wish == "keep-alive"
    return Asked(words, headers.get("user-agent", "-"), keeps)


def path_of(target: str) -> str:
    """A request's target as a path that cannot leave its root: `/a/../../b%20c?x` is `/b c`."""
    raw = target.partition("?")[0].partition("#")[0]
    first, *rest = raw.split("%")
    decoded = first.encode("latin-1")
    for part in rest:
        try:
            decoded += bytes.fromhex(part[:2]) + part[2:].encode("latin-1")
        except ValueError:
            decoded += b"%" + part.encode("latin-1")
    path = os.path.normpath("/" + decoded.decode("utf-8", "surrogateescape").replace("\0", "").lstrip("/"))
    return path + "/" if raw.endswith("/") and path != "/" else path


def _answer(link: socket.socket, asked: Asked, directory: str) -> tuple[int, int]:
    """Send the reply; answers its code and how many bytes its body had."""
    if asked.method not in ("GET", "HEAD"):
        return _refuse(link, asked, 405)
    path = path_of(asked.path)
    place = directory + path
    try:
        if os.path.isdir(place):
            if not path.endswith("/"):
                return _refuse(link, asked, 301, f"Location: {path}/\r\n")
            place += "index.html"
            if not os.path.exists(place):
                return _refuse(link, asked, 403)
        with open(place, "rb") as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                return _refuse(link, asked, 403)
            return _send_file(link, asked, file, status)
    except PermissionError:
        return _refuse(link, asked, 403)
    except (FileNotFoundError, NotADirectoryError):
        return _refuse(link, asked, 404)


def _send_file(link: socket.socket, asked: Asked, file: BufferedReader, status: os.stat_result) -> tuple[int, int]:
    kind = _TYPES.get(file.name.rpartition(".")[2].lower(), "application/octet-stream")
    changed = time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(status.st_mtime))
    more = f"Content-Type: {kind}\r\nLast-Modified: {changed}\r\n"
    link.sendall(_head(asked, 200, status.st_size, more))
    if asked.method == "GET" and status.st_size:
        link.sendfile(file, 0, status.st_size)
    return 200, status.st_size


def _refuse(link: socket.socket, asked: Asked, code: int, more: str = "") -> tuple[int, int]:
    title = f"{code} {_REASONS[code]}"
    body = f"<html>\r\n<head><title>{title}</title></head>\r\n<body><h1>{title}</h1></body>\r\n</html>\r\n".encode()
    head = _head(asked, code, len(body), f"Content-Type: text/html\r\n{more}")
    link.sendall(head + (body if asked.method != "HEAD" else b""))
    return code, len(body)


def _head(asked: Asked, code: int, size: int, more: str) -> bytes:
    date = time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime())
    connection = "keep-alive" if asked.keeps else "close"
    return (
        f"HTTP/1.1 {code} {_REASONS[code]}\r\nServer: stead-static\r\nDate: {date}\r\n"
        f"Content-Length: {size}\r\nConnection: {connection}\r\n{more}\r\n"
    ).encode("utf-8", "surrogateescape")


def _log(peer: str, asked: Asked, code: int, size: int) -> None:
    moment = time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime())
    line = f'{peer} - - [{moment}] "{asked.method} {asked.path} {asked.version}" {code} {size} "-" "{asked.agent}"\n'
    sys.stdout.write(line)
    sys.stdout.flush()


def stop(number: int, frame: FrameType | None) -> None:
    os._exit(0)


def main(directory: str, address: str, port: str) -> None:
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT):
        signal.signal(number, stop)
    serve(directory, address, int(port))


if __name__ == "__main__":
    main(*sys.argv[1:])
