"""GET: messages, at once or as soon as there are any."""

from collections.abc import Callable
from typing import Annotated

from flask import Blueprint
from pydantic import Field

from chat import messages
from chat.accounts import User
from chat.documents import encode
from chat.errors import CursorReset, Overloaded
from chat.live.hub import Caller
from chat.messages import Page, Position
from chat.runtime import Runtime
from chat.web.contract import Operation
from chat.web.held import ALWAYS, NOT_HELD, Answer, LongPoll
from chat.web.request import Digits, LastId, PageSize
from chat.wire import Fetched

blueprint = Blueprint("fetching", __name__)


class Fetch(LongPoll):
    """The query string."""

    last_message_id: LastId = Field(default=0, alias="lastMessageId")
    cursor: Digits | None = None
    before_message_id: Digits | None = Field(default=None, alias="beforeMessageId")
    limit: PageSize = 100
    peer: Annotated[str, Field(max_length=20)] | None = None

    @property
    def position(self) -> Position:
        """Where the client stands."""
        return Position(self.last_message_id, self.cursor, self.before_message_id, self.limit, self.peer)


@blueprint.get("/api/chat/messages/<chat_session_id>")
@Operation(
    "Messages after a position, at once or as soon as there are any",
    {200: Fetched},
    query=Fetch,
    refuses=(CursorReset, Overloaded),
    is_repeated=True,
)
def fetch(runtime: Runtime, user: User, session_id: int) -> Callable[[Caller, Fetch], Answer]:
    def answer(client: Caller, asked: Fetch) -> Answer:
        position = asked.position
        # A page of history is there already.
        if not asked.is_long_poll or asked.before_message_id is not None:
            page = messages.read(runtime, user, session_id, position)
            return Answer(encode(_content(page)))
        page = messages.wait(runtime, user, session_id, position, asked.seconds(runtime.settings), client)
        if not page.was_held and not page.is_news and position.cursor is None:
            # A plain client asks again at once after any 200, thousands of times a minute.
            raise Overloaded("The server holds as many polls as it may.")
        return Answer(encode(_content(page)), ALWAYS if page.was_held else NOT_HELD)

    return answer


def _content(page: Page) -> Fetched:
    content: Fetched = {
        "messages": page.messages,
        "session": page.session,
        "longPolling": page.was_held,
        "peer": page.peer,
        "cursor": page.cursor,
        "has_more": page.has_more,
        "server_time": page.server_time,
    }
    if page.edited:
        content["edited"] = list(page.edited)
    return content
