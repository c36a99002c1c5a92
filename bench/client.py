"""A lean HTTP/1.1 client: keep-alive connections to this machine, and the streams that one can open."""

import asyncio
import json
import os
from collections.abc import Callable, Iterator
from time import perf_counter
from typing import Any, NamedTuple

# Only ever this machine.
HOST = "127.0.0.1"
# Under the server's keep-alive of 5 s, so that no request meets a connection that is being closed.
IDLE_SECONDS = 2.0


class Answer(NamedTuple):
    """One answer, and when its last byte had arrived."""

    status: int
    body: bytes
    retry_after: float
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
        head, separator, body = self._buffer.partition(b"\r\n\r\n")
        if not separator:
            return
        head = head.lower()
        if len(body) < int(_header(head, b"content-length")):
            return
        self._buffer = b""
        if _header(head, b"connection", b"") == b"close":
            self.close()
        self.used_at = arrived
        if self._answer is not None and not self._answer.done():
            retry_after = float(_header(head, b"retry-after", b"0"))
            self._answer.set_result(Answer(int(head[9:12]), body, retry_after, arrived))

    def connection_lost(self, error: Exception | None) -> None:
        """asyncio's: it is closed."""
        self.is_open = False
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(ConnectionResetError(f"closed before the answer: {error}"))


class Stream(asyncio.Protocol):
    """A connection whose answer goes on: `take` is told each message of it, and when that arrived."""

    __slots__ = ("_buffer", "_take", "_transport", "closed", "opened")

    path = ""
    headers = ""
    status = 200

    def __init__(self, take: Callable[[dict[str, Any], float], None]) -> None:
        loop = asyncio.get_running_loop()
        self._take = take
        self._buffer = b""
        self.opened: asyncio.Future[int] = loop.create_future()
        self.closed: asyncio.Future[str] = loop.create_future()

    @classmethod
    async def open(
        cls, port: int, query: str, token: str, take: Callable[[dict[str, Any], float], None]
    ) -> "Stream":
        """A new one, of `query`; raises OSError for another status than its own."""
        loop = asyncio.get_running_loop()
        _, stream = await loop.create_connection(lambda: cls(take), HOST, port)
        stream._transport.write(get(cls.path + query, token, cls.headers))
        if (status := await stream.opened) != cls.status:
            stream.close()
            raise OSError(f"status {status}")
        return stream

    def messages(self) -> Iterator[dict[str, Any]]:
        """What is whole in the buffer; the rest stays there."""
        raise NotImplementedError

    def close(self) -> None:
        """Close it, whatever is to come."""
        self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """asyncio's: it is open."""
        self._transport: asyncio.Transport = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        """asyncio's: a piece of the answer."""
        arrived = perf_counter()
        self._buffer += data
        if not self.opened.done():
            head, separator, body = self._buffer.partition(b"\r\n\r\n")
            if not separator:
                return
            self._buffer = body
            self.opened.set_result(int(head[9:12]))
        for message in self.messages():
            self._take(message, arrived)

    def connection_lost(self, error: Exception | None) -> None:
        """asyncio's: it is closed."""
        if not self.opened.done():
            self.opened.set_exception(ConnectionResetError("closed before the answer"))
        if not self.closed.done():
            self.closed.set_result(f"closed: {error}")


class EventStream(Stream):
    """Server-sent events. gunicorn makes each a chunk, whose size is a line that means nothing here."""

    __slots__ = ("_event",)

    path = "/api/chat/stream/"

    def messages(self) -> Iterator[dict[str, Any]]:
        """Of the events named so."""
        *lines, self._buffer = self._buffer.split(b"\n")
        for line in lines:
            if line.startswith(b"event: "):
                self._event = line
            elif line.startswith(b"data: ") and self._event == b"event: message":
                yield json.loads(line[6:])


class WebSocket(Stream):
    """Of RFC 6455 what this server needs: whole frames, and an answer to its pings."""

    __slots__ = ()

    path = "/api/chat/ws/"
    headers = (
        "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    )
    status = 101

    def messages(self) -> Iterator[dict[str, Any]]:
        """Of the events named so."""
        for kind, payload in self._frames():
            if kind == 0x89:
                self._transport.write(_masked(0x8A, payload))
            elif payload.startswith(b'{"event":"message"'):
                yield json.loads(payload)["data"]

    def _frames(self) -> Iterator[tuple[int, bytes]]:
        """(first byte, payload); the server masks none."""
        while len(self._buffer) >= 2:
            size, start = self._buffer[1], 2
            if size >= 126:
                start = 4 if size == 126 else 10
                size = int.from_bytes(self._buffer[2:start], "big")
            if len(self._buffer) < start + size:
                return
            frame, self._buffer = self._buffer[: start + size], self._buffer[start + size :]
            yield frame[0], frame[start:]


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


def _masked(first: int, payload: bytes) -> bytes:
    """A frame of a client, with up to 125 bytes."""
    mask = os.urandom(4)
    return bytes((first, 0x80 | len(payload), *mask, *(b ^ mask[i % 4] for i, b in enumerate(payload))))


def _header(head: bytes, name: bytes, default: bytes | None = None) -> bytes:
    """A header's value in a lower-case head; raises ValueError when it is needed and not there."""
    _, found, rest = head.partition(b"\r\n" + name + b":")
    if found:
        return rest.partition(b"\r\n")[0].strip()
    if default is None:
        raise ValueError(f"no {name.decode()} in the answer: {head[:200]!r}")
    return default
