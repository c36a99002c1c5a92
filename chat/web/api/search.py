"""GET: messages by their words."""

from typing import Annotated

from flask import Blueprint, Response
from pydantic import Field

from chat import search
from chat.accounts import User
from chat.errors import Overloaded
from chat.runtime import Runtime
from chat.web.answer import personal
from chat.web.contract import Operation
from chat.web.request import MAX_INTEGER, Digits, PageSize, Query
from chat.wire import FoundOnes

blueprint = Blueprint("search", __name__)


class Asked(Query):
    """Which words, and where to go on."""

    q: Annotated[str, Field(max_length=search.LONGEST)] = ""
    before_message_id: Digits = Field(default=MAX_INTEGER, alias="beforeMessageId")
    limit: PageSize = 20


@blueprint.get("/api/chat/search")
@Operation(
    "Messages of one's own conversations by their words; for administrators of all",
    {200: FoundOnes},
    query=Asked,
    refuses=(Overloaded,),
)
def find(runtime: Runtime, user: User, asked: Asked) -> Response:
    found, has_more = search.find(runtime, user, asked.q, asked.before_message_id, asked.limit)
    return personal({"found": found, "has_more": has_more})
