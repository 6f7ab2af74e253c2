"""A door before the API that lets real Go clients have nothing but protocol buffers.

They say they take JSON as well, and stead gives them that; here the second half of the sentence is left out.
"""

import http.client
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PROTOBUF = "application/vnd.kubernetes.protobuf"
PASSED_ON = ("content-type", "warning", "retry-after")
NOT_PASSED_ON = ("host", "accept", "accept-encoding", "connection", "authorization")


class Door:
    """`url` is where clients go; `told` holds what was answered to whom, as `GET /path 200 media`."""

    def __init__(self, port: int, token: str) -> None:
        self.api_port, self.token = port, token
        self.told: list[str] = []
        self.url = ""


@contextmanager
def only_protobuf(port: int, token: str) -> Iterator[Door]:
    """Open for as long as the context lasts."""
    door = Door(port, token)
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(door))
    server.daemon_threads = True
    door.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield door
    server.shutdown()
    server.server_close()


def _handler(door: Door) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *words: object) -> None:
            return

        def _pass_on(self) -> None:
            sent = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = {name: value for name, value in self.headers.items() if name.lower() not in NOT_PASSED_ON}
            accept = self.headers.get("Accept", "")
            headers["Accept"] = PROTOBUF if accept.startswith(f"{PROTOBUF},") else accept
            headers["Authorization"] = f"Bearer {door.token}"
            api = http.client.HTTPSConnection("127.0.0.1", door.api_port, context=ssl._create_unverified_context())
            api.request(self.command, self.path, sent, headers)
            answer = api.getresponse()
            media = answer.getheader("Content-Type", "")
            door.told.append(f"{self.command} {self.path.partition('?')[0]} {answer.status} {media}")
            self._answer(answer)
            api.close()

        def _answer(self, answer: http.client.HTTPResponse) -> None:
            self.send_response(answer.status)
            for name, value in answer.getheaders():
                if name.lower() in PASSED_ON:
                    self.send_header(name, value)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            while data := answer.read1(65536):
                self.wfile.write(b"%x\r\n%b\r\n" % (len(data), data))
                self.wfile.flush()
            self.wfile.write(b"0\r\n\r\n")

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _pass_on

    return Handler
