"""GET: messages, at once or as soon as there are any."""

from typing import Annotated, Any

from flask import Blueprint, Response
from pydantic import Field

from chat import messages
from chat.messages import Page, Position
from chat.web.answer import encode
from chat.web.held import ALWAYS, NOT_HELD, Headers, Held, LongPoll
from chat.web.request import Digits, connection, current_runtime, path_id, query, signed_in

blueprint = Blueprint("fetching", __name__)


class Fetch(LongPoll):
    """The query string."""

    last_message_id: Digits = Field(default=0, alias="lastMessageId")
    cursor: Digits | None = None
    before_message_id: Digits | None = Field(default=None, alias="beforeMessageId")
    limit: Annotated[Digits, Field(ge=1, le=100)] = 100
    peer: Annotated[str, Field(max_length=20)] | None = None

    @property
    def position(self) -> Position:
        """Where the client stands."""
        return Position(self.last_message_id, self.cursor, self.before_message_id, self.limit, self.peer)


@blueprint.get("/api/chat/messages/<chat_session_id>")
def fetch(chat_session_id: str) -> Response:
    runtime, user = current_runtime(), signed_in()
    session_id, asked = path_id(chat_session_id), query(Fetch)
    # A page of history is there already.
    is_held = asked.is_long_poll and asked.before_message_id is None
    position, seconds = asked.position, asked.seconds(runtime.settings)
    client = connection()

    def read() -> tuple[bytes, Headers]:
        if not is_held:
            page = runtime.database.read(lambda db: messages.fetch(db, runtime, user, session_id, position))
            return encode(_content(page)), ALWAYS
        page = messages.wait(runtime, user, session_id, position, seconds, client)
        return encode(_content(page)), ALWAYS if page.was_held else NOT_HELD

    return Held(read)


def _content(page: Page) -> dict[str, Any]:
    return {
        "messages": page.messages,
        "session": page.session,
        "longPolling": page.was_held,
        "peer": page.peer,
        "cursor": page.cursor,
        "has_more": page.has_more,
        "server_time": page.server_time,
    }
