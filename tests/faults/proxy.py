"""A proxy for PostgreSQL that imitates broken networks and poolers."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections.abc import Iterator
from urllib.parse import urlsplit

_SSL_REQUEST, _PROTOCOL_3 = 80877103, 196608


class Proxy:
    """Forwards bytes between clients and the server.

    Attributes
    ----------
    silent : when set, bytes are dropped and connections stay open, as with an unplugged cable.
    refuses_options : refuse start-up options, as a transaction pooler does.
    """

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._target = (parts.hostname, parts.port)
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []
        self.silent = threading.Event()
        self.refuses_options = False
        self.connections = 0
        self.url = parts._replace(
            netloc=f"{parts.netloc.rpartition('@')[0]}@127.0.0.1:{self._socket.getsockname()[1]}"
        ).geturl()
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        """Reset every connection."""
        for line in self._open:
            with contextlib.suppress(OSError):
                line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                line.shutdown(socket.SHUT_RDWR)
            line.close()
        self._open.clear()

    def close(self) -> None:
        self._socket.close()
        self.cut()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._socket.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with contextlib.suppress(OSError):
            self._open.append(client)
            first = self._start_up(client) if self.refuses_options else b""
            if first is None:
                return
            server = socket.create_connection(self._target)
            self._open.append(server)
            server.sendall(first)
            threading.Thread(target=self._forward, args=(server, client), daemon=True).start()
            self._forward(client, server)

    def _start_up(self, client: socket.socket) -> bytes | None:
        """Read the start-up message as a pooler does; None when it is refused."""
        while True:
            head = _receive(client, 8)
            length, code = struct.unpack("!ii", head)
            if code == _SSL_REQUEST:
                client.sendall(b"N")
                continue
            body = _receive(client, length - 8)
            names = body.split(b"\0")[:-2:2]
            if code == _PROTOCOL_3 and b"options" in names:
                fields = b"SFATAL\0VFATAL\0C08P01\0Munsupported startup parameter: options\0\0"
                client.sendall(b"E" + struct.pack("!i", len(fields) + 4) + fields)
                client.close()
                return None
            return head + body

    def _forward(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65_536):
                if not self.silent.is_set():
                    sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)


def _receive(line: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        piece = line.recv(count - len(data))
        if not piece:
            raise OSError("closed")
        data += piece
    return data


@contextlib.contextmanager
def proxy_to(url: str) -> Iterator[Proxy]:
    """A proxy for the server of a URL; `.url` is the URL of the proxy."""
    proxy = Proxy(url)
    try:
        yield proxy
    finally:
        proxy.close()
