"""What is not a message: read, and typing."""

from typing import Annotated

from flask import Blueprint, Response
from pydantic import Field

from chat import sessions
from chat.web.answer import personal
from chat.web.request import Body, Id, body, process, signed_in

signals = Blueprint("signals", __name__)


class Read(Body):
    """Up to where."""

    chat_session_id: Id
    message_id: Id


class Typing(Body):
    """Whether they type."""

    chat_session_id: Id
    typing: Annotated[bool, Field(strict=True)] = True


@signals.post("/api/chat/read")
def read() -> Response:
    here, user, asked = process(), signed_in(), body(Read)
    sessions.mark_read(here.engine, user, asked.chat_session_id, asked.message_id)
    return personal({"success": True})


@signals.post("/api/chat/typing")
def typing() -> Response:
    here, user, asked = process(), signed_in(), body(Typing)
    sessions.note_typing(here.engine, user, asked.chat_session_id, asked.typing)
    return personal({"success": True})
