"""Chat sessions: the inbox, asking for one, and what can be done with one."""

import re
from collections.abc import Callable
from typing import Annotated, Any

from flask import Blueprint, Response
from pydantic import BeforeValidator, Field
from pydantic_core import PydanticCustomError

from chat import inbox as domain
from chat import receipts, transitions
from chat import sessions as chat_sessions
from chat.accounts import User
from chat.engine import Engine
from chat.errors import InvalidParameter
from chat.inbox import Inbox
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
    path_id,
    process,
    query,
    signed_in,
)

sessions = Blueprint("sessions", __name__, url_prefix="/api/chat/sessions")
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


@sessions.get("")
def inbox() -> Response:
    here, user, asked = process(), signed_in(), query(Listed)
    engine, cursor, limit = here.engine, asked.cursor, asked.limit
    if asked.status == "ended":
        cards, has_more = domain.history(engine, user, asked.before_session_id, limit)
        return personal({"sessions": cards, "has_more": has_more})
    seconds, client = asked.seconds(here.settings), connection()
    is_held, peers = asked.is_long_poll, asked.peers

    def read() -> tuple[bytes, Headers]:
        if not is_held or cursor is None:
            is_live = peers is not None
            page = engine.database.read(lambda db: domain.fetch(engine, user, cursor, limit, is_live, db))
            return encode(_content(page)), ALWAYS
        page = domain.wait(engine, user, cursor, limit, seconds, client, peers)
        return encode(_content(page)), ALWAYS if page.was_held else NOT_HELD

    return Held(read)


@sessions.post("")
def ask() -> Response:
    here, user, asked = process(), signed_in(), body(Request)
    session, is_old = transitions.request(
        here.engine, user, asked.agent_id, asked.message, asked.spending_limit
    )
    more = {"duplicate": True} if is_old else {}
    return _answer(session, 200 if is_old else 201, **more)


@sessions.get(SESSION)
def show(chat_session_id: str) -> Response:
    here, user = process(), signed_in()
    return _answer(chat_sessions.read(here.engine, user, path_id(chat_session_id)))


def _transition(name: str, act: Callable[[Engine, User, int], dict[str, Any]]) -> None:
    """A route for what needs no more than who does it to which session."""

    def view(chat_session_id: str) -> Response:
        here, user = process(), signed_in()
        return _answer(act(here.engine, user, path_id(chat_session_id)))

    sessions.add_url_rule(f"{SESSION}/{name}", name, view, methods=["POST"])


_transition("accept", transitions.accept)
_transition("decline", transitions.decline)
_transition("cancel", transitions.cancel)
_transition("end", transitions.end)
_transition("pause", transitions.pause)
_transition("resume", transitions.resume)


@sessions.post(f"{SESSION}/limit")
def limit(chat_session_id: str) -> Response:
    here, user, asked = process(), signed_in(), body(Limit)
    session_id = path_id(chat_session_id)
    return _answer(transitions.limit(here.engine, user, session_id, asked.spending_limit))


@sessions.post(f"{SESSION}/transfer")
def transfer(chat_session_id: str) -> Response:
    here, user, asked = process(), signed_in(), body(Transfer)
    return _answer(transitions.transfer(here.engine, user, path_id(chat_session_id), asked.agent_id))


@sessions.post(f"{SESSION}/transfer/<answer>")
def answer_transfer(chat_session_id: str, answer: str) -> Response:
    here, user = process(), signed_in()
    if answer not in ("agree", "refuse"):
        raise InvalidParameter(f"The answer to a transfer is {answer!r}; it must be agree or refuse.")
    session_id, is_agreed = path_id(chat_session_id), answer == "agree"
    return _answer(transitions.answer_transfer(here.engine, user, session_id, is_agreed))


@sessions.post(f"{SESSION}/rating")
def rate(chat_session_id: str) -> Response:
    here, user, asked = process(), signed_in(), body(Rating)
    session_id = path_id(chat_session_id)
    return _answer(transitions.rate(here.engine, user, session_id, asked.rating, asked.comment))


@sessions.get(f"{SESSION}/receipt")
def receipt(chat_session_id: str) -> Response:
    here, user = process(), signed_in()
    return personal(receipts.of_session(here.engine, user, path_id(chat_session_id)))


def _answer(session: dict[str, Any], status: int = 200, **more: Any) -> Response:
    time = session.pop("server_time")
    return personal({"success": True, "session": session, "server_time": time, **more}, status)


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
