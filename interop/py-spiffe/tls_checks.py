import threading
from urllib.parse import urlencode

from OpenSSL import SSL
from spiffe import SpiffeId, X509Source
from spiffetls import ListenOptions, dial, listen
from spiffetls.tlsconfig.authorize import authorize_id

from report import Check, expect, refused
from subject import WATCH_SECONDS, Subject

MAX_ANSWER_BYTES = 16_384


def tls_checks(s: Subject) -> list[Check]:
    return [
        Check("peer: its server knows us by our SVID", lambda: known(s)),
        Check("peer: its policy refuses us where only others may call", lambda: denied(s)),
        Check("peer: we refuse it as another identity", lambda: wrong_server(s)),
        Check("peer: it calls our server by mutual TLS", lambda: called(s, s.id, "hello")),
        Check(
            "peer: it refuses our server as another identity",
            lambda: called(s, s.other_id, "ERR_CERTIFICATE_UNEXPECTED_PEER"),
        ),
    ]


def known(s: Subject) -> str:
    with X509Source(s.client, timeout_in_seconds=WATCH_SECONDS) as source:
        answer = ask(s, source, s.peer_id, s.peer_open, "/")
    expect("status", status(answer), "200")
    expect("answer", body(answer), str(s.id))
    return body(answer)


def denied(s: Subject) -> str:
    with X509Source(s.client, timeout_in_seconds=WATCH_SECONDS) as source:
        answer = ask(s, source, s.peer_id, s.peer_closed, "/")
    expect("status", status(answer), "403")
    return body(answer)


def wrong_server(s: Subject) -> str:
    with X509Source(s.client, timeout_in_seconds=WATCH_SECONDS) as source:
        return refused(
            "certificate verify failed", lambda: ask(s, source, s.other_id, s.peer_open, "/")
        )


def called(s: Subject, expected: SpiffeId, want: str) -> str:
    """Asks the peer to call a server of this program, and returns what the peer says came of it."""
    with X509Source(s.client, timeout_in_seconds=WATCH_SECONDS) as source:
        listener = listen("127.0.0.1:0", source, ListenOptions(authorize_fn=authorize_id(s.peer_id)))
        serving = threading.Thread(target=serve_one, args=(listener,), daemon=True)
        serving.start()
        query = urlencode({"port": listener.getsockname()[1], "peer": str(expected)})
        answer = ask(s, source, s.peer_id, s.peer_open, f"/call?{query}")
        serving.join(WATCH_SECONDS)
        listener.close()
    expect("answer", body(answer), want)
    return body(answer)


def serve_one(listener: SSL.Connection) -> None:
    connection, _ = listener.accept()
    try:
        connection.do_handshake()
        connection.recv(MAX_ANSWER_BYTES)
        connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\nconnection: close\r\n\r\nhello")
        connection.shutdown()
    except SSL.Error:
        pass  # the peer refused; it tells why
    finally:
        connection.close()


def ask(s: Subject, source: X509Source, expected: SpiffeId, port: int, path: str) -> str:
    connection = dial(f"127.0.0.1:{port}", source, authorize_fn=authorize_id(expected))
    try:
        connection.sendall(f"GET {path} HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\nconnection: close\r\n\r\n".encode())
        received = b""
        while len(received) < MAX_ANSWER_BYTES:
            try:
                part = connection.recv(MAX_ANSWER_BYTES)
            except (SSL.ZeroReturnError, SSL.SysCallError):
                break
            received += part
        return received.decode()
    finally:
        connection.close()


def status(answer: str) -> str:
    return answer.split(" ")[1]


def body(answer: str) -> str:
    """Of a short answer, which may be sent in one chunk."""
    head, _, content = answer.partition("\r\n\r\n")
    if "transfer-encoding: chunked" in head.lower():
        return content.split("\r\n")[1]
    return content
