"""WebSockets (RFC 6455), each carried by the one thread of its request: what comes in interrupts its wait."""

import errno
import socket
from collections.abc import Callable, Iterator
from contextlib import suppress
from time import monotonic
from typing import Any, NoReturn

from flask import Response, request
from wsproto.connection import Connection, ConnectionType
from wsproto.events import CloseConnection, Event, Message, Ping, TextMessage
from wsproto.utilities import generate_accept_token

from chat.errors import InvalidRequest, WrongWebSocketVersion
from chat.live.hub import Waiter
from chat.live.watch import Watch
from chat.settings import Settings
from chat.web.request import current_runtime

# Read in one go; then the news has its turn.
RECEIVE_BYTES = 16_384
# To say so and read on after the close: over input that nobody has read, the system would cut off what was
# sent last.
LINGER_SECONDS = 1.0

_watch = Watch()


class Closed(Exception):
    """The end of a connection: a code of the RFC, and the reason."""


class WebSocket:
    """One connection. Raises OSError when it is gone, or takes nothing for too long."""

    def __init__(self, connection: Any, settings: Settings, begun: bytes = b"") -> None:
        """`begun` is what the server has read of it already."""
        self._connection, self._settings = connection, settings
        self._protocol, self._message = Connection(ConnectionType.SERVER, trailing_data=begun), bytearray()
        self._is_heard, self._ping_at = True, monotonic() + settings.heartbeat_seconds
        self._waiter: Waiter | None = None
        self._sending = 0.0

    def interrupt(self, waiter: Waiter) -> None:
        """From now on end its wait when something comes in."""
        self._waiter = waiter

    def send(self, message: bytes) -> None:
        """As text."""
        self._write(TextMessage(message.decode()), self._settings.stall_seconds)

    def received(self, seconds: float = 0) -> Iterator[bytes]:
        """The messages that came in, or do within `seconds`; to be called after each wait. Raises Closed."""
        if monotonic() >= self._ping_at:
            if not self._is_heard:
                raise Closed(1008, "a ping was not answered")
            self._is_heard, self._ping_at = False, monotonic() + self._settings.heartbeat_seconds
            self._write(Ping(), self._settings.stall_seconds)
        self._protocol.receive_data(self._read(seconds))
        for event in self._protocol.events():
            if self._waiter is not None and self._waiter.released:
                return
            if isinstance(event, Message):
                self._message += event.data.encode() if isinstance(event.data, str) else event.data
                if len(self._message) > self._settings.max_body_bytes:
                    raise Closed(1009, "the message is too big")
                if event.message_finished:
                    yield bytes(self._message)
                    self._message.clear()
            elif isinstance(event, Ping):
                self._write(event.response(), self._settings.stall_seconds)
            elif isinstance(event, CloseConnection):  # Theirs, or what is wrong with what they sent.
                raise Closed(event.code, event.reason)
        if self._waiter is not None:
            _watch.add(self._connection.fileno(), self._waiter.interrupt)

    def close(self, code: int, reason: str | None) -> None:
        """Say so, and let the other side hear it."""
        until = monotonic() + LINGER_SECONDS
        self._write(CloseConnection(code, reason), LINGER_SECONDS)
        self._connection.shutdown(socket.SHUT_WR)
        while (left := until - monotonic()) > 0:
            self._read(left)

    @property
    def waited(self) -> float:
        """For how many seconds it waited for news, or for its reader, until now."""
        return self._sending + (self._waiter.waited if self._waiter else 0)

    def leave(self) -> None:
        """To the server, which closes it; nobody reads or writes any more."""
        _watch.remove(self._connection.fileno())
        with suppress(OSError):
            self._connection.shutdown(socket.SHUT_RDWR)

    def _write(self, event: Event, seconds: float) -> None:
        self._connection.settimeout(seconds)
        began = monotonic()
        try:
            self._connection.sendall(self._protocol.send(event))
        finally:
            self._sending += monotonic() - began

    def _read(self, seconds: float) -> bytes:
        self._connection.settimeout(seconds)
        with suppress(BlockingIOError, TimeoutError):
            if not (data := self._connection.recv(RECEIVE_BYTES)):
                raise ConnectionResetError
            self._is_heard = True
            return bytes(data)
        return b""


class Upgraded(Response):
    """The answer to a handshake: `carry` has the connection once Flask has let the request go, until Closed.

    Raises InvalidRequest, WrongWebSocketVersion; the route sees to the headers Connection and Upgrade.
    """

    def __init__(self, carry: Callable[[WebSocket], NoReturn]) -> None:
        super().__init__()
        key = request.headers.get("Sec-WebSocket-Key")
        version = request.headers.get("Sec-WebSocket-Version")
        if version != "13":
            raise WrongWebSocketVersion
        if not key or "chat.connection" not in request.environ:
            raise InvalidRequest("It needs a Sec-WebSocket-Key, and gunicorn.")
        self._carry, self._settings = carry, current_runtime().settings
        self._accept = generate_accept_token(key.encode()).decode()

    def __call__(self, environ: Any, start_response: Any) -> Iterator[bytes]:
        """The WSGI application."""
        head = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Accept": self._accept}
        start_response("101 Switching Protocols", [*head.items()])
        yield b""  # The server sends the head; from here on nobody but us reads and writes.
        connection = environ["chat.connection"]
        # Frames may come right behind the handshake; the server has read them with it.
        ws = WebSocket(connection.sock, self._settings, connection.take_over())
        try:
            self._carry(ws)
        except Closed as closed:
            with suppress(OSError):
                ws.close(*closed.args)
        except OSError:
            pass  # It is gone.
        finally:
            connection.note_waited(ws.waited)
            ws.leave()
        # The server is to answer nothing, and to read no further request.
        raise BrokenPipeError(errno.EPIPE, "The WebSocket is closed.")
