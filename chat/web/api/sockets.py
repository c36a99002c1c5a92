"""WebSockets: the events of a stream as JSON frames; sending, reading and typing on the same connection."""

import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Annotated, Any, Literal

from flask import Blueprint, g, request
from flask_sock import Sock
from pydantic import Field, TypeAdapter, ValidationError
from simple_websocket import ConnectionClosed, Server

from chat import accounts, messages, signals
from chat.accounts import User
from chat.errors import CursorReset, InvalidRequest, NotFound, Problem
from chat.live.hub import TooManyWaiters, Waiter
from chat.messages import Position
from chat.runtime import Runtime
from chat.store import revision
from chat.web import events
from chat.web.answer import encode
from chat.web.events import Event, Events
from chat.web.request import (
    Body,
    Digits,
    Id,
    Key,
    Query,
    Text,
    check_origin,
    current_runtime,
    path_id,
    query,
    signed_in,
)

blueprint = Blueprint("sockets", __name__, url_prefix="/api/chat/ws")
sock = Sock()

# Frames that wait to be carried out; whoever sends more of them has to wait.
MOST_FRAMES = 50
# Why the server closes: of RFC 6455, or 4000 and the status of a problem.
CLOSE_CODES = {"ended": 1000, "restart": 1012, "overloaded": 1013}


class Opened(Query):
    """Where to go on; from now without it."""

    cursor: Digits | None = None


class Send(Body):
    """A message, with a key that makes it safe to send again."""

    do: Literal["send"]
    chat_session_id: Id | None = None
    message: Text
    client_message_id: Key | None = None


class Read(Body):
    """Read up to there."""

    do: Literal["read"]
    chat_session_id: Id | None = None
    message_id: Id


class Typing(Body):
    """Whether they type."""

    do: Literal["typing"]
    chat_session_id: Id | None = None
    typing: Annotated[bool, Field(strict=True)] = True


Frame: TypeAdapter[Send | Read | Typing] = TypeAdapter(
    Annotated[Send | Read | Typing, Field(discriminator="do")]
)


@blueprint.before_request
def check() -> None:
    """Before the handshake: what is refused here is refused over HTTP, with a status."""
    check_origin()
    runtime, user, cursor = current_runtime(), signed_in(), query(Opened).cursor
    head = runtime.database.read(revision.head)
    if cursor is not None and cursor > head:
        raise CursorReset(cursor=head)
    g.user, g.cursor = user, head if cursor is None else cursor
    if (session_id := (request.view_args or {}).get("chat_session_id")) is not None:
        g.session_id = path_id(session_id)
        at = Position(cursor=g.cursor)
        runtime.database.read(lambda db: messages.fetch(db, runtime, user, g.session_id, at))
    if connection := request.environ.get("gunicorn.socket"):
        request.environ["gunicorn.socket"] = _Connection(connection, runtime.settings.stall_seconds)
    # Compression would take a third of a megabyte for each connection.
    request.environ.pop("HTTP_SEC_WEBSOCKET_EXTENSIONS", None)


@sock.route("/<chat_session_id>", bp=blueprint)
def of_session(ws: Server, chat_session_id: str) -> None:
    runtime, user = current_runtime(), g.user
    listen = partial(events.of_session, runtime, user, g.session_id, g.cursor)
    _serve(ws, runtime, user, listen, g.session_id)


@sock.route("", bp=blueprint)
def of_inbox(ws: Server) -> None:
    runtime, user = current_runtime(), g.user
    _serve(ws, runtime, user, partial(events.of_inbox, runtime, user, g.cursor), None)


class _Connection:
    """The client's, for simple_websocket: it takes `send` for `sendall`, and would read without end."""

    def __init__(self, connection: Any, stall_seconds: float) -> None:
        connection.settimeout(stall_seconds)
        self._connection = connection
        self._sending = threading.Lock()
        # Read and not yet carried out.
        self.frames: list[Any] = []
        self.room = threading.Event()

    def send(self, data: bytes) -> None:
        """All of it, or nothing more at all: raises OSError when the reader takes nothing for too long."""
        with self._sending:
            try:
                self._connection.sendall(data)
            except OSError:
                self.leave()
                raise

    def recv(self, size: int) -> bytes:
        """When there is room for more frames."""
        while len(self.frames) >= MOST_FRAMES:
            self.room.clear()
            self.room.wait(1)
        data: bytes = self._connection.recv(size)
        return data

    def fileno(self) -> int:
        number: int = self._connection.fileno()
        return number

    def leave(self) -> None:
        """Whoever reads or writes stops: a reading thread that waits would hold the exit of its process."""
        self.frames = []
        self.room.set()
        with suppress(OSError):
            self._connection.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """The server does that, when the request is over."""


def _serve(
    ws: Server, runtime: Runtime, user: User, listen: Callable[..., Events], chat_session_id: int | None
) -> None:
    """Tell what happens, on a thread of its own, and do what is asked, until either side ends it."""
    ws.sock.frames = ws.input_buffer
    waiters: list[Waiter] = []
    sending = threading.Lock()
    told = listen(tell_waiter=waiters.append)
    teller = threading.Thread(target=_tell, args=(ws, told, sending), daemon=True)
    teller.start()
    try:
        while True:
            frame = ws.receive()
            ws.sock.room.set()
            answer = _do(runtime, user, frame, chat_session_id)
            with sending:
                ws.send(answer)
    except (ConnectionClosed, OSError):
        pass
    finally:
        for waiter in waiters:
            waiter.release()
        teller.join()
        ws.sock.leave()
        ws.thread.join()


def _tell(ws: Server, told: Events, sending: threading.Lock) -> None:
    reason = "restart"
    try:
        for event in told:
            if not ws.connected:
                break
            if event is not None:  # Pings are its heartbeat.
                with sending:
                    ws.send(_frame(event))
                if event.name == "end":
                    reason = event.data["reason"]
    except TooManyWaiters:
        reason = "overloaded"
    except Problem as problem:
        reason = problem.code
    except (ConnectionClosed, OSError):
        pass
    _close(ws, reason, sending)


def _close(ws: Server, reason: str, sending: threading.Lock) -> None:
    statuses = {kind.code: kind.status for kind in Problem.__subclasses__()}
    code = CLOSE_CODES.get(reason) or 4000 + statuses.get(reason, 500)
    try:
        with sending:
            ws.close(code, reason)
    except (ConnectionClosed, OSError):
        pass
    ws.event.set()  # Whoever waits for a frame looks again, and finds it closed.


def _do(runtime: Runtime, user: User, frame: str | bytes, chat_session_id: int | None) -> str:
    """The answer to what a frame asks for."""
    asked: Send | Read | Typing | None = None
    try:
        asked = _parse(frame)
        # The sign-in may have ended since the last one.
        runtime.database.read(lambda db: accounts.authenticate(db, user.token_hash))
        session_id = chat_session_id or asked.chat_session_id
        if session_id is None:
            raise NotFound
        return _frame(Event("done", _act(runtime, user, asked, session_id)))
    except Problem as problem:
        key = {"client_message_id": asked.client_message_id} if isinstance(asked, Send) else {}
        content = {"code": problem.code, "title": problem.title, "detail": problem.detail, **key}
        return _frame(Event("problem", content | problem.extra))


def _parse(frame: str | bytes) -> Send | Read | Typing:
    try:
        return Frame.validate_json(frame)
    except ValidationError as error:
        raise InvalidRequest(error.errors(include_url=False)[0]["msg"]) from None


def _act(runtime: Runtime, user: User, asked: Send | Read | Typing, session_id: int) -> dict[str, Any]:
    if isinstance(asked, Read):
        signals.mark_read(runtime, user, session_id, asked.message_id)
        return {"do": "read", "message_id": asked.message_id}
    if isinstance(asked, Typing):
        signals.note_typing(runtime, user, session_id, asked.typing)
        return {"do": "typing"}
    key = asked.client_message_id
    message_id, is_old = messages.send(runtime, user, session_id, asked.message, key)
    done: dict[str, Any] = {"do": "send", "messageId": message_id, "client_message_id": key}
    return {**done, "duplicate": True} if is_old else done


def _frame(event: Event) -> str:
    return encode({"event": event.name, "cursor": event.cursor, "data": event.data}).decode()
