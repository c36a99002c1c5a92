"""Server-sent events: one answer that goes on for as long as somebody listens."""

import logging
from collections.abc import Callable, Iterable, Iterator
from time import monotonic
from typing import Any

from flask import Blueprint, Response, request
from pydantic import Field

from chat import messages
from chat.accounts import User
from chat.documents import encode
from chat.errors import CursorReset, Overloaded
from chat.live.hub import TooManyWaiters
from chat.messages import Position
from chat.runtime import Runtime
from chat.waiting import Start, from_now
from chat.web import events, problems
from chat.web.answer import PERSONAL
from chat.web.contract import Operation
from chat.web.events import Event, Events
from chat.web.request import Digits, Query, caller, current_runtime, validated

log = logging.getLogger("gunicorn.error")
blueprint = Blueprint("streaming", __name__, url_prefix="/api/chat/stream")

EVENT_STREAM = "text/event-stream"
HEADERS = [
    *{
        **PERSONAL,
        "Content-Type": f"{EVENT_STREAM}; charset=utf-8",
        # nginx would keep the events until its buffer is full.
        "X-Accel-Buffering": "no",
    }.items()
]
RETRY_MS = 1000
HEARTBEAT = b": still here\n\n"


class Streamed(Query):
    """Where to go on; from now without it."""

    cursor: Digits | None = None


class LastEvent(Query):
    """The same, as a browser says it when it comes back."""

    last_event_id: Digits = Field(alias="Last-Event-ID")


@blueprint.get("/<chat_session_id>")
@Operation(
    "The events of a session, as server-sent events; 204 for who comes back to one that has ended",
    {200: EVENT_STREAM, 204: None},
    query=Streamed,
    headers=LastEvent,
    refuses=(CursorReset, Overloaded),
)
def of_session(runtime: Runtime, user: User, session_id: int, asked: Streamed) -> Response:
    start, client = _start(asked), caller("sse")
    if "Last-Event-ID" in request.headers:
        at = Position(cursor=start.cursor)
        page = runtime.database.read(lambda db: messages.fetch(db, runtime, user, session_id, at))
        if page.session["status"] == "ended" and not page.is_news:
            # Of all answers this one tells a browser to come back no more.
            return Response(status=204, headers=PERSONAL)
    return Stream(lambda: events.of_session(runtime, user, session_id, start, client))


@blueprint.get("")
@Operation(
    "The events of all your sessions, as server-sent events",
    {200: EVENT_STREAM},
    query=Streamed,
    headers=LastEvent,
    refuses=(CursorReset, Overloaded),
)
def of_inbox(runtime: Runtime, user: User, asked: Streamed) -> Response:
    start, client = _start(asked), caller("sse")
    return Stream(lambda: events.of_inbox(runtime, user, start, client))


class Stream(Response):
    """An answer that is told event by event, after Flask has let the request go."""

    def __init__(self, listen: Callable[[], Events]) -> None:
        super().__init__()
        self._listen = listen

    def __call__(self, environ: Any, start_response: Any) -> Iterable[bytes]:
        """The WSGI application."""
        return _tell(self._listen(), current_runtime().settings.stall_seconds, environ, start_response)


def _tell(told: Events, stall_seconds: float, environ: Any, start_response: Any) -> Iterator[bytes]:
    try:
        first = next(told)
    except TooManyWaiters:
        yield from problems.answer(Overloaded())(environ, start_response)
        return
    except Exception as error:
        yield from problems.answer_to(error)(environ, start_response)
        return
    start_response("200 OK", HEADERS)
    if environ["REQUEST_METHOD"] == "HEAD":
        told.close()
        return
    told_at = monotonic()
    try:
        yield b"retry: %d\n" % RETRY_MS + _frame(first)
        for event in told:
            told_at = monotonic()
            yield _frame(event)
    except GeneratorExit:
        if monotonic() - told_at >= stall_seconds:
            log.info("A stream is closed: its reader took nothing for %g s", stall_seconds)
        raise
    finally:
        told.close()


def _frame(event: Event | None) -> bytes:
    if event is None:
        return HEARTBEAT
    place = b"" if event.cursor is None else b"id: %d\n" % event.cursor
    return b"event: %s\n%sdata: %s\n\n" % (event.name.encode(), place, encode(event.data))


def _start(asked: Streamed) -> Start:
    """Of the header, which is the newer one, or of the query."""
    if (last := request.headers.get("Last-Event-ID")) is not None:
        return Start(validated(LastEvent, {"Last-Event-ID": last}).last_event_id)
    return from_now(current_runtime()) if asked.cursor is None else Start(asked.cursor)
