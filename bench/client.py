"""A lean HTTP/1.1 client: keep-alive connections to this machine."""

import asyncio
import re
from time import perf_counter
from typing import NamedTuple

# Only ever this machine.
HOST = "127.0.0.1"
# Under the server's keep-alive of 5 s, so that no request meets a connection that is being closed.
IDLE_SECONDS = 2.0
LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
RETRY_AFTER = re.compile(rb"\r\nretry-after: *(\d+)", re.IGNORECASE)
CLOSES = re.compile(rb"\r\nconnection: *close", re.IGNORECASE)
LAST_CHUNK = b"\r\n0\r\n\r\n"


class Answer(NamedTuple):
    """One answer, and when its last byte had arrived."""

    status: int
    body: bytes
    retry_after: float
    is_last: bool
    arrived: float


class Connection(asyncio.Protocol):
    """One connection; a request raises ConnectionError when it is closed before the answer."""

    __slots__ = ("_answer", "_buffer", "_transport", "is_open", "used_at")

    def __init__(self) -> None:
        self._answer: asyncio.Future[Answer] | None = None
        self._buffer = b""
        self.is_open = False
        self.used_at = 0.0

    @classmethod
    async def open(cls, port: int) -> "Connection":
        """A new connection."""
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(cls, HOST, port)
        return connection

    def request(self, raw: bytes) -> asyncio.Future[Answer]:
        """Write a request; the future is its answer."""
        self._answer = asyncio.get_running_loop().create_future()
        if self.is_open:
            self._transport.write(raw)
        else:
            self._answer.set_exception(ConnectionResetError("closed before the request"))
        return self._answer

    def close(self) -> None:
        """Close it, whatever it waits for."""
        self.is_open = False
        self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """asyncio's: it is open."""
        self._transport: asyncio.Transport = transport  # type: ignore[assignment]
        self.is_open = True

    def data_received(self, data: bytes) -> None:
        """asyncio's: a piece of the answer."""
        arrived = perf_counter()
        self._buffer += data
        answer = _answer(self._buffer, arrived)
        if answer is None:
            return
        self._buffer = b""
        if answer.is_last:
            self.close()
        self.used_at = arrived
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(answer)

    def connection_lost(self, error: Exception | None) -> None:
        """asyncio's: it is closed."""
        self.is_open = False
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(ConnectionResetError(f"closed before the answer: {error}"))


class Pool:
    """Connections that are used again; as many as there are requests at a time."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._idle: list[Connection] = []

    async def take(self) -> Connection:
        """An open connection."""
        while self._idle:
            connection = self._idle.pop()
            if connection.is_open and perf_counter() - connection.used_at < IDLE_SECONDS:
                return connection
            connection.close()
        return await Connection.open(self._port)

    def put(self, connection: Connection) -> None:
        """Give it back after its answer."""
        self._idle.append(connection)

    def close(self) -> None:
        """Close those that were given back."""
        for connection in self._idle:
            connection.close()


def get(path: str, token: str, headers: str = "") -> bytes:
    """The bytes of a GET."""
    head = f"GET {path} HTTP/1.1\r\nHost: {HOST}\r\nAuthorization: Bearer {token}\r\n{headers}\r\n"
    return head.encode()


def post(path: str, token: str, body: bytes) -> bytes:
    """The bytes of a POST of JSON."""
    head = (
        f"POST {path} HTTP/1.1\r\nHost: {HOST}\r\nAuthorization: Bearer {token}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def _answer(received: bytes, arrived: float) -> Answer | None:
    """The answer, when it is whole; of chunks there is one."""
    body_at = received.find(b"\r\n\r\n") + 4
    if body_at < 4:
        return None
    head, body = received[:body_at], received[body_at:]
    if length := LENGTH.search(head):
        if len(body) < int(length[1]):
            return None
    elif not body.endswith(LAST_CHUNK):
        return None
    else:
        body = body[body.find(b"\r\n") + 2 : -len(LAST_CHUNK)]
    later = RETRY_AFTER.search(head)
    retry_after = float(later[1]) if later else 0.0
    return Answer(int(head[9:12]), body, retry_after, CLOSES.search(head) is not None, arrived)
