"""What is not a message: read, and typing."""

from typing import Annotated

from flask import Blueprint, Response
from pydantic import Field

from chat import signals
from chat.web.answer import personal
from chat.web.request import Body, Id, body, current_runtime, signed_in

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
def read() -> Response:
    runtime, user, asked = current_runtime(), signed_in(), body(Read)
    signals.mark_read(runtime, user, asked.chat_session_id, asked.message_id)
    return personal({"success": True})


@blueprint.post("/api/chat/typing")
def typing() -> Response:
    runtime, user, asked = current_runtime(), signed_in(), body(Typing)
    signals.note_typing(runtime, user, asked.chat_session_id, asked.typing)
    return personal({"success": True})
