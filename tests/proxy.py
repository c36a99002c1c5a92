"""A bad proxy: it kills, or keeps, the answers to requests that take long, or what it does not know."""

import random
import select
import socket
import threading
from contextlib import suppress
from time import monotonic

from tests.threads import join

PATIENCE_SECONDS = 0.7
KEPT_SECONDS = 2.5
LOOK_SECONDS = 0.1
LOST = 0.3
# What a server holds. Any other answer may be late because the machine is slow: that is not to be found out.
HELD = (b"longPoll=true", b"hold=", b"/api/chat/stream", b"/api/chat/ws")


class Proxy:
    """In front of `address`, on a port of its own.

    `mode` is `pass`, `kill` or `keep` (what takes long), `plain` (no upgrades to WebSocket), `buffer`
    (none, and streams are kept until their end), or `lose` (answers to POST, 30 % of them).
    """

    def __init__(self, address: tuple[str, int]) -> None:
        self.mode = "pass"
        self.lost = 0
        self._address = address
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._ended = threading.Event()
        self._open: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self.address = host, port = self._listener.getsockname()
        self.url = f"http://{host}:{port}"

    def __enter__(self) -> "Proxy":
        self.start(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        for each in (self._listener, *self._open.copy()):
            _shut(each)
        join(self._threads)
        self._listener.close()

    def carry(self, client: socket.socket, server: socket.socket) -> None:
        """One connection, until either side ends it."""
        asked = [b"", monotonic()]
        self.start(self._ask, client, server, asked)
        self._answer(client, server, asked)

    def start(self, work, *args) -> None:
        """On a thread that ends with the proxy."""
        thread = threading.Thread(target=work, args=args, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        with suppress(OSError):
            while not self._ended.is_set():
                client, _ = self._listener.accept()
                self.start(self._connect, client)

    def _connect(self, client: socket.socket) -> None:
        with suppress(OSError), client, socket.create_connection(self._address) as server:
            self._open |= {client, server}
            try:
                self.carry(client, server)
            finally:
                self._open -= {client, server}
                _shut(client)
                _shut(server)

    def _ask(self, client: socket.socket, server: socket.socket, asked: list) -> None:
        with suppress(OSError):
            while data := client.recv(65_536):
                if self.mode in ("plain", "buffer") and b"Upgrade: websocket" in data:
                    break
                if b" HTTP/1.1\r\n" in data:
                    asked[:] = data, monotonic()
                server.sendall(data)
            server.shutdown(socket.SHUT_RDWR)

    def _answer(self, client: socket.socket, server: socket.socket, asked: list) -> None:
        while True:
            data = self._receive(server, asked)
            if not data:
                return
            if self.mode == "lose" and asked[0].startswith(b"POST") and random.random() < LOST:
                self.lost += 1
                return
            if self.mode == "buffer" and b"text/event-stream" in data:
                while server.recv(65_536):
                    pass
                return
            if self.mode == "keep" and _is_held(asked) and monotonic() - asked[1] > PATIENCE_SECONDS:
                self._ended.wait(KEPT_SECONDS)
            client.sendall(data)

    def _receive(self, server: socket.socket, asked: list) -> bytes:
        said_at = monotonic()
        while not select.select([server], [], [], LOOK_SECONDS)[0]:
            silent_since = max(said_at, asked[1])
            if self.mode == "kill" and _is_held(asked) and monotonic() - silent_since > PATIENCE_SECONDS:
                return b""
        return server.recv(65_536)


def _is_held(asked: list) -> bool:
    return any(mark in asked[0] for mark in HELD)


def _shut(connection: socket.socket) -> None:
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
