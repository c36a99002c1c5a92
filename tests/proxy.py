"""A bad proxy: it kills, or keeps, the answers to requests that take long, or what it does not know."""

import socket
import threading
from contextlib import suppress
from time import monotonic, sleep

PATIENCE_SECONDS = 0.7
KEPT_SECONDS = 2.5


class Proxy:
    """In front of `address`, on a port of its own.

    `mode` is `pass`, `kill` or `keep` (what takes long), `plain` (no upgrades to WebSocket), or `buffer`
    (none, and streams are kept until their end).
    """

    def __init__(self, address: tuple[str, int]) -> None:
        self.mode = "pass"
        self._address = address
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._threads = [threading.Thread(target=self._accept)]
        host, port = self._listener.getsockname()
        self.url = f"http://{host}:{port}"

    def __enter__(self) -> "Proxy":
        self._threads[0].start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._threads[0].join()
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._connect, args=(client,), daemon=True).start()

    def _connect(self, client: socket.socket) -> None:
        with client, socket.create_connection(self._address) as server:
            asked_at = [monotonic()]
            asking = threading.Thread(target=self._ask, args=(client, server, asked_at), daemon=True)
            asking.start()
            with suppress(OSError):  # Also a timeout: nothing was said for too long.
                self._answer(client, server, asked_at)
            for each in (client, server):
                with suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)
            asking.join()

    def _ask(self, client: socket.socket, server: socket.socket, asked_at: list[float]) -> None:
        with suppress(OSError):
            while data := client.recv(65_536):
                if self.mode in ("plain", "buffer") and b"Upgrade: websocket" in data:
                    break
                asked_at[0] = monotonic()
                server.sendall(data)
            server.shutdown(socket.SHUT_RDWR)

    def _answer(self, client: socket.socket, server: socket.socket, asked_at: list[float]) -> None:
        while True:
            server.settimeout(PATIENCE_SECONDS if self.mode == "kill" else None)
            data = server.recv(65_536)
            if not data:
                return
            if self.mode == "buffer" and b"text/event-stream" in data:
                while server.recv(65_536):
                    pass
                return
            if self.mode == "keep" and monotonic() - asked_at[0] > PATIENCE_SECONDS:
                sleep(KEPT_SECONDS)
            client.sendall(data)
