"""One HTTPS listener on a loopback address for all far sides; the name in the request says which."""

import ssl
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

MAX_BODY_BYTES = 64 * 1024


@dataclass(frozen=True)
class Request:
    path: str
    body: str
    headers: Mapping[str, str]

    @property
    def signable_headers(self) -> dict[str, str]:
        """What may go on to another server."""
        return {name: value for name, value in self.headers.items() if name in ("authorization", "content-type", "x-amz-date")}


@dataclass(frozen=True)
class Answer:
    status: int
    body: str
    content_type: str


def serve(certificate: str, key: str, sides: Mapping[str, Callable[[Request], Answer]]) -> int:
    """Serves until the process ends. Returns the port."""

    class Handler(BaseHTTPRequestHandler):
        def _handle(self) -> None:
            length = int(self.headers.get("content-length") or 0)
            if length > MAX_BODY_BYTES:
                return self.send_error(413)
            body = self.rfile.read(length).decode()
            headers = {name.lower(): value for name, value in self.headers.items()}
            side = sides.get(headers.get("host", "").partition(":")[0])
            answer = side(Request(self.path.partition("?")[0], body, headers)) if side else Answer(421, "", "text/plain")
            content = answer.body.encode()
            self.send_response(answer.status)
            self.send_header("content-type", answer.content_type)
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = _handle

        def log_message(self, *_args) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_address[1]
