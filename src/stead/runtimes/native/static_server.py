"""A small web server for one directory: what the first example runs where the host has no nginx.

Run as a program with the host's python3 and nothing else: `static_server.py DIRECTORY ADDRESS PORT`. Logs a line per request to
stdout, ends at once on SIGTERM, SIGINT and SIGQUIT.
"""

import os
import signal
import socket
import sys
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from types import FrameType
from typing import Any


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def server_bind(self) -> None:
        """Bind without asking DNS for our own name, which may take seconds."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])


class Handler(SimpleHTTPRequestHandler):
    server_version = "stead-static"
    protocol_version = "HTTP/1.1"
    directory_served = "."

    def __init__(self, *arguments: Any, **more: Any):
        super().__init__(*arguments, directory=self.directory_served, **more)

    def log_message(self, format: str, *values: Any) -> None:
        line = f"{self.client_address[0]} [{self.log_date_time_string()}] {format % values}\n"
        sys.stdout.write(line)
        sys.stdout.flush()

    def list_directory(self, path: str | os.PathLike[str]) -> None:
        """As nginx does without an index file."""
        self.send_error(403, "Forbidden")


def stop(number: int, frame: FrameType | None) -> None:
    os._exit(0)


def main() -> None:
    directory, address, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT):
        signal.signal(number, stop)
    Handler.directory_served = directory
    server = Server((address, port), Handler)
    print(f"serving {directory} on {address}:{port}", flush=True)
    server.serve_forever(poll_interval=3600)


if __name__ == "__main__":
    main()
