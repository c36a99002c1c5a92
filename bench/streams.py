"""Connections whose answer goes on: server-sent events, and WebSockets."""

import asyncio
import json
import os
from collections.abc import Callable, Iterator
from time import perf_counter
from typing import Any

import orjson

from bench.client import HOST, get


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

    __slots__ = ("_answer",)

    path = "/api/chat/ws/"
    headers = (
        "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    )
    status = 101

    def ask(self, what: dict[str, Any]) -> asyncio.Future[dict[str, Any]]:
        """Have it done, up to 125 bytes of it, one at a time; raises OSError when it is refused."""
        self._answer: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._transport.write(_masked(0x81, orjson.dumps(what)))
        return self._answer

    def messages(self) -> Iterator[dict[str, Any]]:
        """Of the events named so."""
        for kind, payload in self._frames():
            if kind == 0x89:
                self._transport.write(_masked(0x8A, payload))
            elif payload.startswith(b'{"event":"message"'):
                yield json.loads(payload)["data"]
            elif payload.startswith(b'{"event":"done"'):
                self._answer.set_result(json.loads(payload)["data"])
            elif payload.startswith(b'{"event":"problem"'):
                self._answer.set_exception(OSError(payload))

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


def _masked(first: int, payload: bytes) -> bytes:
    """A frame of a client, with up to 125 bytes."""
    mask = os.urandom(4)
    return bytes((first, 0x80 | len(payload), *mask, *(b ^ mask[i % 4] for i, b in enumerate(payload))))
