"""GET: messages, at once or as soon as there are any."""

import random
from typing import Annotated, Any

from flask import Blueprint, Response, request
from pydantic import Field

from chat import messages
from chat.messages import Page, Position
from chat.web.answer import PERSONAL, encode
from chat.web.held import Headers, Held
from chat.web.request import Digits, Flag, Query, path_id, process, query, signed_in

fetching = Blueprint("fetching", __name__)

ALWAYS = list(PERSONAL.items())
RETRY_AFTER = ("Retry-After", "3")
# Thousands of polls that began together must not all end in the same instant.
SHORTEST_HOLD = 0.9


class Fetch(Query):
    """The query string."""

    last_message_id: Digits = Field(default=0, alias="lastMessageId")
    cursor: Digits | None = None
    before_message_id: Digits | None = Field(default=None, alias="beforeMessageId")
    limit: Annotated[Digits, Field(ge=1, le=100)] = 100
    long_poll: Flag | None = Field(default=None, alias="longPoll")
    wait: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None

    @property
    def is_long_poll(self) -> bool:
        """A `wait` asks for one by itself; a page of history is there already."""
        asked = self.wait is not None if self.long_poll is None else self.long_poll
        return asked and self.before_message_id is None

    @property
    def position(self) -> Position:
        """Where the client stands."""
        return Position(self.last_message_id, self.cursor, self.before_message_id, self.limit)


@fetching.get("/api/chat/messages/<chat_session_id>")
def fetch(chat_session_id: str) -> Response:
    here, user = process(), signed_in()
    session_id, asked = path_id(chat_session_id), query(Fetch)
    longest = here.settings.long_poll_seconds
    seconds = min(longest, longest if asked.wait is None else asked.wait)
    is_long_poll, position, connection = asked.is_long_poll, asked.position, _connection()

    def read() -> tuple[bytes, Headers]:
        if not is_long_poll:
            page = here.database.read(lambda db: messages.fetch(db, user, session_id, position))
            return encode(_content(page)), ALWAYS
        page = messages.wait(
            here.database,
            here.hub,
            user,
            session_id,
            position,
            seconds * random.uniform(SHORTEST_HOLD, 1.0),
            here.clock,
            connection,
        )
        return encode(_content(page)), ALWAYS if page.was_held else [*ALWAYS, RETRY_AFTER]

    return Held(read)


def _content(page: Page) -> dict[str, Any]:
    return {
        "messages": page.messages,
        "session": page.session,
        "longPolling": page.was_held,
        "cursor": page.cursor,
        "has_more": page.has_more,
    }


def _connection() -> int | None:
    """The client's file descriptor, where the server tells it."""
    sock = request.environ.get("gunicorn.socket")
    return sock.fileno() if sock is not None else None
