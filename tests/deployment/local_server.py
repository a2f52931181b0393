"""A real HTTP server on this machine that answers as a test tells it, and remembers what it was asked."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit


@dataclass(frozen=True)
class Asked:
    """One request as the server saw it."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Reply:
    """What to answer. `cut_after` closes the connection after so many bytes of the body; `drip_s` waits between bytes."""

    status: int = 200
    content: Any = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    cut_after: int | None = None
    drip_s: float = 0.0


class LocalServer:
    """`answer` decides; `asked` holds every request in order."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.answer: Callable[[Asked], Reply] = lambda asked: Reply()
        self.url = ""
        self.stopping = threading.Event()

    def answer_in_turn(self, *replies: Reply) -> None:
        """Answer with these, the last one for ever."""
        waiting = list(replies)
        self.answer = lambda asked: waiting.pop(0) if len(waiting) > 1 else waiting[0]


class _Server(ThreadingHTTPServer):
    request_queue_size = 64


@contextlib.contextmanager
def run_server() -> Iterator[LocalServer]:
    server = LocalServer()
    http = _Server(("127.0.0.1", 0), _handler_of(server))
    http.daemon_threads = True
    server.url = f"http://127.0.0.1:{http.server_address[1]}"
    thread = threading.Thread(
        target=http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
    )
    thread.start()
    try:
        yield server
    finally:
        server.stopping.set()
        http.shutdown()
        http.server_close()
        thread.join(timeout=5)


def _handler_of(server: LocalServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _respond(self) -> None:
            parts = urlsplit(self.path)
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            asked = Asked(
                self.command, parts.path, dict(parse_qsl(parts.query)), dict(self.headers), body
            )
            server.asked.append(asked)
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                self._send(server.answer(asked))

        def _send(self, reply: Reply) -> None:
            content = (
                reply.content
                if isinstance(reply.content, bytes)
                else json.dumps(reply.content).encode()
            )
            self.send_response(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if reply.drip_s:
                for byte in content:
                    self.wfile.write(bytes([byte]))
                    self.wfile.flush()
                    if server.stopping.wait(reply.drip_s):
                        return
            elif reply.cut_after is not None:
                self.wfile.write(content[: reply.cut_after])
                self.close_connection = True
            else:
                self.wfile.write(content)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _respond

        def log_message(self, *arguments: object) -> None:
            """Keep quiet."""

    return Handler
