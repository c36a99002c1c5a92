"""Clients of the streams: server-sent events and WebSockets, told as the same events."""

import json
import select
import socket
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from http.client import HTTPException
from ssl import SSLSocket
from typing import Any, NamedTuple

from wsproto import ConnectionType, WSConnection
from wsproto.events import (
    CloseConnection,
    Message,
    Ping,
    Pong,
    RejectConnection,
    Request,
    TextMessage,
)
from wsproto.utilities import ProtocolError

from tests.client import TIMEOUT_SECONDS, Answer, Client, connection_to

# What a connection that was cut may raise.
CUT = (OSError, HTTPException, ProtocolError)
HANDSHAKE = {
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec_WebSocket_Key": "dGhlIHNhbXBsZSBub25jZQ==",
    "Sec_WebSocket_Version": "13",
}


class Event(NamedTuple):
    """One thing that was told, and the cursor to go on from after it."""

    name: str
    cursor: int | None
    data: Any


class _Told:
    """What both can do; ends with StopIteration."""

    def __iter__(self) -> Iterator[Event]:
        return self

    def __next__(self) -> Event:
        raise NotImplementedError

    def until(self, name: str, condition: Callable[[Any], object] = lambda data: True) -> list[Event]:
        """All up to the first event of this name whose data it holds for."""
        events = []
        for event in self:
            events.append(event)
            if event.name == name and condition(event.data):
                return events
        raise AssertionError(f"It ended without {name}: {events}")

    def one(self, name: str, condition: Callable[[Any], object] = lambda data: True) -> Event:
        """The next one of this name."""
        return self.until(name, condition)[-1]

    def texts(self, count: int) -> list[str]:
        """What the next `count` messages say."""
        return [self.one("message").data["message"] for _ in range(count)]

    def __enter__(self) -> Any:
        return self

    def __exit__(self, *_: object) -> None:
        self.cut()

    def cut(self) -> None:
        """Close it, without a word."""
        raise NotImplementedError


class SSE(_Told):
    """Server-sent events, parsed as a browser does; `last_id` is what it would come back with."""

    def __init__(self, who: Client, path: str, **headers: str) -> None:
        self.heartbeats, self.retry, self.last_id = 0, 0, None
        self._connection = connection_to(who.address)
        self._connection.connect()
        self._socket = self._connection.sock
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        try:
            self._connection.request("GET", path, headers={"Authorization": f"Bearer {who.token}"} | sent)
            self._response = self._connection.getresponse()
        except CUT:
            self._connection.close()
            raise
        self.status, self.headers = self._response.status, self._response.headers

    def __next__(self) -> Event:
        fields: dict[str, str] = {}
        while line := self._line():
            if line == "\n":
                if "data" in fields:
                    self.last_id = int(fields["id"]) if "id" in fields else self.last_id
                    cursor = int(fields["id"]) if "id" in fields else None
                    return Event(fields["event"], cursor, json.loads(fields["data"]))
                continue
            name, _, value = line.rstrip("\n").partition(": ")
            assert name in ("", "event", "id", "data", "retry"), line
            self.heartbeats += name == ""
            self.retry = int(value) if name == "retry" else self.retry
            fields[name] = value
        raise StopIteration

    def beat(self) -> None:
        """Return after the next heartbeat; nothing else comes before."""
        line = self._line()
        while line in ("\n", "retry: 1000\n"):
            line = self._line()
        assert line == ": still here\n"

    def _line(self) -> str:
        try:
            line = self._response.readline()
        except TimeoutError:
            raise AssertionError(f"nothing for {TIMEOUT_SECONDS} s") from None
        except CUT:
            return ""
        return line.decode() if line.endswith(b"\n") else ""

    def cut(self) -> None:
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._response.close()
        self._connection.close()


class WS(_Told):
    """A WebSocket."""

    def __init__(self, who: Client, path: str, **headers: str) -> None:
        host, port = who.address
        signed = {} if "Cookie" in headers else {"Authorization": f"Bearer {who.token}"}
        lines = [
            (name.replace("_", "-").encode(), value.encode()) for name, value in (signed | headers).items()
        ]
        connection = connection_to(who.address)
        connection.connect()
        self.socket = connection.sock
        self.protocol = WSConnection(ConnectionType.CLIENT)
        self.last_id: int | None = None
        self.closed: tuple[int, str | None] | None = None
        self.pings, self.answers_pings = 0, True
        self.pongs: list[bytes] = []
        self._told: deque[str] = deque()
        self._raw = ""
        self.socket.sendall(self.protocol.send(Request(f"{host}:{port}", path, extra_headers=lines)))
        try:
            while self.protocol.connection is None:
                self.receive()
        except BaseException:
            self.cut()
            raise

    def __next__(self) -> Event:
        frame = json.loads(self.text())
        self.last_id = frame["cursor"] or self.last_id
        return Event(frame["event"], frame["cursor"], frame["data"])

    def text(self) -> str:
        """The next message as it is; raises StopIteration at the end."""
        while not self._told:
            if self.closed:
                raise StopIteration
            try:
                self.receive()
            except TimeoutError:
                raise AssertionError(f"nothing for {TIMEOUT_SECONDS} s") from None
            except (OSError, ProtocolError):
                self.closed = self.closed or (1006, None)
        return self._told.popleft()

    def receive(self) -> None:
        """What comes next, whatever it is; raises OSError at the end."""
        data = self.socket.recv(65_536)
        if not data:
            raise ConnectionResetError
        self.protocol.receive_data(data)
        for event in self.protocol.events():
            if isinstance(event, TextMessage):
                self._raw += event.data
                if event.message_finished:
                    self._told.append(self._raw)
                    self._raw = ""
            elif isinstance(event, Ping):
                self.pings += 1
                if self.answers_pings:
                    self.write(self.protocol.send(event.response()))
            elif isinstance(event, Pong):
                self.pongs.append(bytes(event.payload))
            elif isinstance(event, CloseConnection):
                self.closed = event.code, event.reason
                with suppress(OSError):
                    self.socket.sendall(self.protocol.send(event.response()))
            elif isinstance(event, RejectConnection):
                raise ConnectionRefusedError(event.status_code)

    def write(self, data: bytes) -> None:
        """These bytes; what comes meanwhile is read, for the server reads no more from who does not."""
        if isinstance(self.socket, SSLSocket):
            self.socket.sendall(data)
            return
        while data and not self.closed:
            readable, writable, _ = select.select([self.socket], [self.socket], [], TIMEOUT_SECONDS)
            assert readable or writable, f"nothing is taken for {TIMEOUT_SECONDS} s"
            if readable:
                self.receive()
            if writable:
                data = data[self.socket.send(data, socket.MSG_DONTWAIT) :]

    def tell(self, raw: str | bytes, is_whole: bool = True) -> None:
        """A frame as it is."""
        self.write(self.protocol.send(Message(raw, message_finished=is_whole)))

    def do(self, what: str, **fields: object) -> None:
        """A frame, without waiting for its answer."""
        self.tell(json.dumps({"do": what, **fields}))

    def ask(self, what: str, **fields: object) -> Event:
        """A frame, and its answer."""
        self.do(what, **fields)
        return self.answer()

    def answer(self) -> Event:
        """The next `done` or `problem`."""
        return next(event for event in self if event.name in ("done", "problem"))

    def code(self) -> tuple[int, str | None]:
        """Why the server closed it, once it has."""
        for _ in self:
            pass
        assert self.closed
        return self.closed

    def cut(self) -> None:
        self.socket.close()


def refused(who: Client, path: str, **headers: str) -> Answer:
    """The answer to a handshake that is not accepted."""
    answer = who.get(path, **HANDSHAKE, **headers)
    assert answer.status != 101
    return answer


def raw(who: Client, path: str, method: str = "GET", behind: bytes = b"", **headers: str) -> socket.socket:
    """A connection that has asked for `path`, and sent `behind` with it; it reads nothing."""
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.settimeout(TIMEOUT_SECONDS)
    connection.connect(who.address)
    told = {"Host": "chat", "Authorization": f"Bearer {who.token}"} | headers
    lines = [
        f"{method} {path} HTTP/1.1",
        *(f"{name.replace('_', '-')}: {value}" for name, value in told.items()),
    ]
    connection.sendall("\r\n".join([*lines, "", ""]).encode() + behind)
    return connection
