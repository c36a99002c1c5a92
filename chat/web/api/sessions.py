"""Chat sessions: the inbox, asking for one, and what can be done with one."""

import re
from collections.abc import Callable
from typing import Annotated, Any

from flask import Blueprint, Response
from pydantic import BeforeValidator, Field
from pydantic_core import PydanticCustomError

from chat import inbox, receipts, sessions, transitions
from chat.accounts import User
from chat.errors import InvalidParameter
from chat.inbox import Inbox
from chat.runtime import Runtime
from chat.web.answer import encode, personal
from chat.web.held import ALWAYS, NOT_HELD, Headers, Held, LongPoll
from chat.web.request import (
    MAX_INTEGER,
    Amount,
    Body,
    Digits,
    Id,
    Text,
    body,
    connection,
    current_runtime,
    path_id,
    query,
    signed_in,
)
from chat.wire import TimedSession

blueprint = Blueprint("sessions", __name__, url_prefix="/api/chat/sessions")
SESSION = "/<chat_session_id>"
PEERS = re.compile(r"\d{1,19}:[a-z]{1,10}(,\d{1,19}:[a-z]{1,10}){0,999}")


def _peers(value: str) -> dict[str, str]:
    """`45:typing,46:online`, as a dict."""
    if value and not PEERS.fullmatch(value):
        raise PydanticCustomError("peers", "must be like 45:typing,46:online, or empty")
    return dict(each.split(":") for each in value.split(",")) if value else {}


class Listed(LongPoll):
    """The query string of the inbox; with `status=ended` it is the history."""

    cursor: Digits | None = None
    status: Annotated[str, Field(pattern="^ended$")] | None = None
    before_session_id: Digits = Field(default=MAX_INTEGER, alias="beforeSessionId")
    limit: Annotated[Digits, Field(ge=1, le=100)] = 100
    peers: Annotated[dict[str, str], BeforeValidator(_peers)] | None = None


class Request(Body):
    """What a client asks for."""

    agent_id: Id | None = None
    message: Text | None = None
    spending_limit: Amount | None = None


class Limit(Body):
    """What a client will spend at most; null is no limit."""

    spending_limit: Amount | None


class Transfer(Body):
    """Who goes on."""

    agent_id: Id


class Rating(Body):
    """How it was."""

    rating: Annotated[int, Field(strict=True, ge=1, le=5)]
    comment: Annotated[str, Field(strict=True, max_length=1000)] | None = None


@blueprint.get("")
def listed() -> Response:
    runtime, user, asked = current_runtime(), signed_in(), query(Listed)
    cursor, limit = asked.cursor, asked.limit
    if asked.status == "ended":
        cards, has_more = inbox.history(runtime, user, asked.before_session_id, limit)
        return personal({"sessions": cards, "has_more": has_more})
    seconds, client = asked.seconds(runtime.settings), connection()
    is_held, peers = asked.is_long_poll, asked.peers

    def read() -> tuple[bytes, Headers]:
        if not is_held or cursor is None:
            is_live = peers is not None
            page = runtime.database.read(lambda db: inbox.fetch(db, runtime, user, cursor, limit, is_live))
            return encode(_content(page)), ALWAYS
        page = inbox.wait(runtime, user, cursor, limit, seconds, client, peers)
        return encode(_content(page)), ALWAYS if page.was_held else NOT_HELD

    return Held(read)


@blueprint.post("")
def ask() -> Response:
    runtime, user, asked = current_runtime(), signed_in(), body(Request)
    session, is_old = transitions.request(runtime, user, asked.agent_id, asked.message, asked.spending_limit)
    more = {"duplicate": True} if is_old else {}
    return _answer(session, 200 if is_old else 201, **more)


@blueprint.get(SESSION)
def show(chat_session_id: str) -> Response:
    runtime, user = current_runtime(), signed_in()
    return _answer(sessions.read(runtime, user, path_id(chat_session_id)))


def _transition(name: str, act: Callable[[Runtime, User, int], TimedSession]) -> None:
    """A route for what needs no more than who does it to which session."""

    def view(chat_session_id: str) -> Response:
        runtime, user = current_runtime(), signed_in()
        return _answer(act(runtime, user, path_id(chat_session_id)))

    blueprint.add_url_rule(f"{SESSION}/{name}", name, view, methods=["POST"])


_transition("accept", transitions.accept)
_transition("decline", transitions.decline)
_transition("cancel", transitions.cancel)
_transition("end", transitions.end)
_transition("pause", transitions.pause)
_transition("resume", transitions.resume)


@blueprint.post(f"{SESSION}/limit")
def limit(chat_session_id: str) -> Response:
    runtime, user, asked = current_runtime(), signed_in(), body(Limit)
    session_id = path_id(chat_session_id)
    return _answer(transitions.limit(runtime, user, session_id, asked.spending_limit))


@blueprint.post(f"{SESSION}/transfer")
def transfer(chat_session_id: str) -> Response:
    runtime, user, asked = current_runtime(), signed_in(), body(Transfer)
    return _answer(transitions.transfer(runtime, user, path_id(chat_session_id), asked.agent_id))


@blueprint.post(f"{SESSION}/transfer/<answer>")
def answer_transfer(chat_session_id: str, answer: str) -> Response:
    runtime, user = current_runtime(), signed_in()
    if answer not in ("agree", "refuse"):
        raise InvalidParameter(f"The answer to a transfer is {answer!r}; it must be agree or refuse.")
    session_id, is_agreed = path_id(chat_session_id), answer == "agree"
    return _answer(transitions.answer_transfer(runtime, user, session_id, is_agreed))


@blueprint.post(f"{SESSION}/rating")
def rate(chat_session_id: str) -> Response:
    runtime, user, asked = current_runtime(), signed_in(), body(Rating)
    session_id = path_id(chat_session_id)
    return _answer(transitions.rate(runtime, user, session_id, asked.rating, asked.comment))


@blueprint.get(f"{SESSION}/receipt")
def receipt(chat_session_id: str) -> Response:
    runtime, user = current_runtime(), signed_in()
    return personal(receipts.of_session(runtime, user, path_id(chat_session_id)))


def _answer(session: TimedSession, status: int = 200, **more: bool) -> Response:
    content = {"session": sessions.untimed(session), "server_time": session["server_time"]}
    return personal({"success": True, **content, **more}, status)


def _content(page: Inbox) -> dict[str, Any]:
    return {
        "sessions": page.sessions,
        "removed": page.removed,
        "longPolling": page.was_held,
        "cursor": page.cursor,
        "has_more": page.has_more,
        "server_time": page.server_time,
        **({} if page.peers is None else {"peers": page.peers}),
    }
