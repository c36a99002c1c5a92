"""The transitions of a chat session."""

from flask import Blueprint, Response

from chat import sessions as domain
from chat.web.answer import personal
from chat.web.request import path_id, process, signed_in

sessions = Blueprint("sessions", __name__)


@sessions.post("/api/chat/sessions/<chat_session_id>/end")
def end(chat_session_id: str) -> Response:
    here, user = process(), signed_in()
    session = domain.end(here.database, here.hub, path_id(chat_session_id), user.id, here.clock())
    return personal({"success": True, "session": session})
