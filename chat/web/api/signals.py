"""What is not a message: read, and typing."""

from typing import Annotated

from flask import Blueprint, Response
from pydantic import Field

from chat import signals
from chat.accounts import User
from chat.errors import NotFound, Overloaded
from chat.runtime import Runtime
from chat.web.answer import personal
from chat.web.contract import Operation
from chat.web.request import Body, Id
from chat.wire import Done

blueprint = Blueprint("signals", __name__)


class Read(Body):
    """Up to where."""

    chat_session_id: Id
    message_id: Id


class Typing(Body):
    """Whether they type."""

    chat_session_id: Id
    typing: Annotated[bool, Field(strict=True)] = True


@blueprint.post("/api/chat/read")
@Operation("You have read up to a message", {200: Done}, body=Read, refuses=(NotFound, Overloaded))
def read(runtime: Runtime, user: User, asked: Read) -> Response:
    signals.mark_read(runtime, user, asked.chat_session_id, asked.message_id)
    return personal({"success": True})


@blueprint.post("/api/chat/typing")
@Operation("You type, or stop", {200: Done}, body=Typing, refuses=(NotFound,))
def typing(runtime: Runtime, user: User, asked: Typing) -> Response:
    signals.note_typing(runtime, user, asked.chat_session_id, asked.typing)
    return personal({"success": True})
