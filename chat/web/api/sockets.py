"""WebSockets: the events of a stream as JSON frames; what is done in a session on the same connection."""

from collections.abc import Callable
from contextlib import closing
from functools import partial
from typing import Annotated, Any, Literal, NoReturn

from flask import Blueprint, Response
from pydantic import Field, TypeAdapter, ValidationError

from chat import accounts, counts, edits, messages, sessions, signals
from chat.accounts import User
from chat.documents import encode
from chat.errors import CrossSite, CursorReset, InvalidRequest, NotFound, Problem, WrongWebSocketVersion
from chat.live.hub import Caller, TooManyWaiters
from chat.runtime import Runtime
from chat.waiting import Start, from_now
from chat.web import events
from chat.web.api.streaming import Streamed
from chat.web.contract import Operation
from chat.web.events import Event, Events
from chat.web.request import Body, Id, Key, Text, caller, signed_in_here
from chat.web.websocket import Closed, Upgraded, WebSocket

blueprint = Blueprint("sockets", __name__, url_prefix="/api/chat/ws")

# Why the server closes: of RFC 6455, or 4000 and the status of a problem.
CLOSE_CODES = {"ended": 1000, "restart": 1012, "overloaded": 1013}


# What may be asked; a message with a key is safe to send again.
class Send(Body):
    do: Literal["send"]
    chat_session_id: Id | None = None
    message: Text
    client_message_id: Key | None = None


class Edit(Body):
    do: Literal["edit"]
    chat_session_id: Id | None = None
    message_id: Id
    message: Text


class Delete(Body):
    do: Literal["delete"]
    chat_session_id: Id | None = None
    message_id: Id


class Read(Body):
    do: Literal["read"]
    chat_session_id: Id | None = None
    message_id: Id


class Typing(Body):
    do: Literal["typing"]
    chat_session_id: Id | None = None
    typing: Annotated[bool, Field(strict=True)] = True


Asked = Send | Edit | Delete | Read | Typing
Frame: TypeAdapter[Asked] = TypeAdapter(Annotated[Asked, Field(discriminator="do")])


@blueprint.get("/<chat_session_id>", websocket=True)
@Operation(
    "The events of a session over a WebSocket; sending, editing, reading and typing on it too",
    {101: None},
    query=Streamed,
    refuses=(CrossSite, CursorReset, WrongWebSocketVersion),
    user=signed_in_here,
    is_websocket=True,
)
def of_session(runtime: Runtime, user: User, session_id: int, asked: Streamed) -> Response:
    start = _start(runtime, asked.cursor)
    runtime.database.read(lambda db: sessions.of_user(db, session_id, user.id))
    client = _caller()
    listen = partial(events.of_session, runtime, user, session_id, start, client)
    return Upgraded(partial(_carry, listen, partial(_do, runtime, user, session_id, client)))


@blueprint.get("", websocket=True)
@Operation(
    "The events of all your sessions over a WebSocket; its frames name their session",
    {101: None},
    query=Streamed,
    refuses=(CrossSite, CursorReset, WrongWebSocketVersion),
    user=signed_in_here,
    is_websocket=True,
)
def of_inbox(runtime: Runtime, user: User, asked: Streamed) -> Response:
    start, client = _start(runtime, asked.cursor), _caller()
    listen = partial(events.of_inbox, runtime, user, start, client)
    return Upgraded(partial(_carry, listen, partial(_do, runtime, user, None, client)))


def _caller() -> Caller:
    """Without the connection: whoever reads it finds out that the client has left."""
    return caller("websocket")._replace(connection=None)


def _start(runtime: Runtime, cursor: int | None) -> Start:
    """What is refused before the handshake is refused over HTTP, with a status; raises CursorReset."""
    if cursor is None:
        return from_now(runtime)
    runtime.database.read(lambda db: sessions.check_cursor(db, cursor))
    return Start(cursor)


def _carry(listen: Callable[..., Events], do: Callable[[bytes], bytes], ws: WebSocket) -> NoReturn:
    """Tell what happens and do what is asked, in turn, until either side ends it."""
    reason = "restart"
    try:
        with closing(listen(tell_waiter=ws.interrupt)) as told:
            for event in told:
                if event is not None:  # Pings are its heartbeat.
                    ws.send(_frame(event))
                    if event.name == "end":
                        reason = event.data["reason"]
                        break
                for frame in ws.received():
                    ws.send(do(frame))
    except TooManyWaiters:
        reason = "overloaded"
    except Problem as problem:
        reason = problem.code
    statuses = {kind.code: kind.status for kind in Problem.__subclasses__()}
    raise Closed(CLOSE_CODES.get(reason) or 4000 + statuses.get(reason, 500), reason)


def _do(runtime: Runtime, user: User, chat_session_id: int | None, caller: Caller, frame: bytes) -> bytes:
    """The answer to what a frame asks for."""
    asked: Asked | None = None
    try:
        asked = _parse(frame)
        # The sign-in may have ended since the last one.
        accounts.check(runtime, user)
        session_id = chat_session_id or asked.chat_session_id
        if session_id is None:
            raise NotFound
        return _frame(Event("done", _act(runtime, user, asked, session_id, caller)))
    except Problem as problem:
        counts.add("errors", problem.code)
        key: dict[str, object] = {}
        if isinstance(asked, Send):
            key = {"client_message_id": asked.client_message_id}
        elif isinstance(asked, Edit | Delete):
            key = {"message_id": asked.message_id}
        again = {"retry_after": problem.retry_after} if problem.retry_after else {}
        content = {"code": problem.code, "title": problem.title, "detail": problem.detail, **key, **again}
        return _frame(Event("problem", content | problem.extra))


def _parse(frame: bytes) -> Asked:
    try:
        return Frame.validate_json(frame)
    except ValidationError as error:
        raise InvalidRequest(error.errors(include_url=False)[0]["msg"]) from None


def _act(runtime: Runtime, user: User, asked: Asked, session_id: int, caller: Caller) -> dict[str, Any]:
    if isinstance(asked, Edit):
        edits.edit(runtime, user, session_id, asked.message_id, asked.message, caller)
        return {"do": "edit", "message_id": asked.message_id}
    if isinstance(asked, Delete):
        edits.delete(runtime, user, session_id, asked.message_id, caller)
        return {"do": "delete", "message_id": asked.message_id}
    if isinstance(asked, Read):
        signals.mark_read(runtime, user, session_id, asked.message_id)
        return {"do": "read", "message_id": asked.message_id}
    if isinstance(asked, Typing):
        signals.note_typing(runtime, user, session_id, asked.typing)
        return {"do": "typing"}
    key = asked.client_message_id
    message_id, is_old = messages.send(runtime, user, session_id, asked.message, key, caller)
    done: dict[str, Any] = {"do": "send", "messageId": message_id, "client_message_id": key}
    return {**done, "duplicate": True} if is_old else done


def _frame(event: Event) -> bytes:
    return encode({"event": event.name, "cursor": event.cursor, "data": event.data})
