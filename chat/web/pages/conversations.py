"""One conversation: the page of both sides, what its forms do, its receipt and its transcript."""

import secrets
from collections.abc import Callable, Mapping
from typing import Annotated, Any

from flask import Blueprint, Response, request
from pydantic import Field

from chat import agents, archive, messages, receipts, replies, sessions, transitions
from chat import inbox as domain
from chat.accounts import User
from chat.database import Connection
from chat.engine import Engine
from chat.errors import CrossSite, DatabaseUnavailable, NotFound, Problem, TooManyRequests
from chat.messages import Position
from chat.store import server
from chat.web.answer import PERSONAL, encode
from chat.web.language import moment
from chat.web.page import INBOX_SIZE, SAFETY, Amount, check_form, form, listed, live, page, reader, see
from chat.web.request import MAX_INTEGER, Body, Digits, Key, Query, path_id, process, query
from chat.web.words import of_session

conversations = Blueprint("conversations", __name__, url_prefix="/sessions")

PAGE_SIZE = 50
PAST_SESSIONS = 10
SESSION = "/<chat_session_id>"


class Shown(Query):
    """Which part of a conversation."""

    before: Digits = MAX_INTEGER


class Message(Body):
    """What is sent, with the key of its form: sent twice, it is stored once."""

    message: str = ""
    key: Key | None = None


class Transfer(Body):
    """Who goes on."""

    agent_id: Digits


class Limit(Body):
    """What the client will spend at most; blank is no limit."""

    spending_limit: Amount | None = None


class Rating(Body):
    """How it was."""

    rating: Annotated[Digits, Field(ge=1, le=5)]
    comment: Annotated[str, Field(max_length=1000)] | None = None


Act = Callable[[Engine, User, int], Mapping[str, Any]]


def _limit(engine: Engine, user: User, session_id: int) -> Mapping[str, Any]:
    return transitions.limit(engine, user, session_id, form(Limit).spending_limit)


def _transfer(engine: Engine, user: User, session_id: int) -> Mapping[str, Any]:
    return transitions.transfer(engine, user, session_id, form(Transfer).agent_id)


def _rate(engine: Engine, user: User, session_id: int) -> Mapping[str, Any]:
    asked = form(Rating)
    return transitions.rate(engine, user, session_id, asked.rating, asked.comment)


def _agree(engine: Engine, user: User, session_id: int) -> Mapping[str, Any]:
    return transitions.answer_transfer(engine, user, session_id, True)


def _refuse(engine: Engine, user: User, session_id: int) -> Mapping[str, Any]:
    return transitions.answer_transfer(engine, user, session_id, False)


ACTIONS: dict[str, Act] = {
    "accept": transitions.accept,
    "decline": transitions.decline,
    "cancel": transitions.cancel,
    "end": transitions.end,
    "pause": transitions.pause,
    "resume": transitions.resume,
    "limit": _limit,
    "transfer": _transfer,
    "agree": _agree,
    "refuse": _refuse,
    "rating": _rate,
}
# After these there is nothing left for the agent to see.
LEAVING = ("decline",)


@conversations.get("")
def history() -> Response:
    here, user, asked = process(), reader("client", "agent"), query(Shown)
    ended, has_more = domain.history(here.engine, user, asked.before, PAGE_SIZE)
    is_first = asked.before == MAX_INTEGER
    open_ones = here.database.read(lambda db: listed(user, db))
    return page(
        "sessions.html",
        live=live(user, open_ones),
        open_sessions=open_ones.sessions if is_first else [],
        sessions=ended,
        has_more=has_more,
    )


@conversations.get(SESSION)
def show(chat_session_id: str) -> Response:
    return _page(reader("client", "agent"), path_id(chat_session_id))


@conversations.post(f"{SESSION}/messages")
def send(chat_session_id: str) -> Response:
    here, user, session_id = process(), reader("client", "agent"), path_id(chat_session_id)
    try:
        message = form(Message)
        if not here.sends.take(user.id):
            raise TooManyRequests
        messages.send(here.engine, user, session_id, message.message, message.key)
    except Problem as problem:
        return _again(user, session_id, problem)
    return see("conversations.show", chat_session_id=session_id, _anchor="newest")


@conversations.post(f"{SESSION}/<action>")
def act(chat_session_id: str, action: str) -> Response:
    here, user, session_id = process(), reader("client", "agent"), path_id(chat_session_id)
    if action not in ACTIONS:
        raise NotFound
    try:
        check_form()
        ACTIONS[action](here.engine, user, session_id)
    except Problem as problem:
        return _again(user, session_id, problem)
    if user.role == "agent" and action in LEAVING:
        return see("inbox.show")
    notice = {"notice": "rated"} if action == "rating" else {}
    return see("conversations.show", chat_session_id=session_id, **notice)


@conversations.get(f"{SESSION}/receipt")
def receipt(chat_session_id: str) -> Response:
    here, user = process(), reader("client", "agent")
    found = receipts.of_session(here.engine, user, path_id(chat_session_id))
    return page("receipt.html", receipt=found, session=found["session"])


@conversations.get(f"{SESSION}/transcript.<kind>")
def transcript(chat_session_id: str, kind: str) -> Response:
    session_id = path_id(chat_session_id)
    found = archive.transcript(process().engine, reader(), session_id)
    if kind not in ("txt", "json"):
        raise NotFound
    content = encode(found) if kind == "json" else _text(found).encode()
    mime = "application/json" if kind == "json" else "text/plain; charset=utf-8"
    return Response(
        content,
        headers={
            **dict(SAFETY),
            **PERSONAL,
            "Content-Type": mime,
            "Content-Disposition": f'attachment; filename="tete-a-tete-{session_id}.{kind}"',
        },
    )


def inbox_page(agent: User, session_id: int | None = None, problem: Problem | None = None) -> Response:
    """All that an agent has to do, beside the conversation if there is one; all from one read."""
    here, before = process(), query(Shown).before

    def read(db: Connection) -> dict[str, Any]:
        open_ones = listed(agent, db)
        content: dict[str, Any] = {
            "inbox": sorted(open_ones.sessions, key=_place),
            "live": live(agent, open_ones),
            "session": None,
            "is_request": False,
        }
        if session_id is None:
            return content
        asked = next((each for each in open_ones.sessions if each["id"] == session_id), None)
        if asked is not None and asked["agent"] is None:
            # To any agent: nobody's yet, so its messages are not told, but for the first one.
            return {**content, "session": asked, "is_request": True}
        talk = _conversation(here.engine, agent, session_id, before, db)
        client_id = talk["session"]["client"]["id"]
        return {**content, **talk, "past": archive.of_pair(here.engine, agent, client_id, PAST_SESSIONS, db)}

    content = here.database.read(read)
    return page(
        "inbox.html",
        problem=problem,
        **content,
        key=_key(problem),
        card=_own_card(here.engine, agent),
        ended=domain.history(here.engine, agent, MAX_INTEGER, PAST_SESSIONS)[0],
        replies=replies.of_agent(here.engine, agent),
        others=_other_agents(here.engine, agent) if session_id else [],
    )


def _page(user: User, session_id: int, problem: Problem | None = None) -> Response:
    if user.role == "agent":
        return inbox_page(user, session_id, problem)
    here, before = process(), query(Shown).before
    content = here.database.read(lambda db: _conversation(here.engine, user, session_id, before, db))
    return page("conversation.html", problem=problem, **content, key=_key(problem))


def _again(user: User, session_id: int, problem: Problem) -> Response:
    """The page once more: what was wrong, and what was written."""
    if isinstance(problem, NotFound | CrossSite):
        raise problem
    return _page(user, session_id, problem)


def _key(problem: Problem | None) -> str:
    """Of the next message; of the same one while nobody knows whether it was stored."""
    is_unknown = isinstance(problem, DatabaseUnavailable)
    return (is_unknown and request.form.get("key")) or secrets.token_urlsafe(16)


def _conversation(engine: Engine, user: User, session_id: int, before: int, db: Connection) -> dict[str, Any]:
    """The newest messages (or the ones before an older one), the session, and the cursor of both."""
    shown = messages.fetch(engine, user, session_id, Position(before_id=before, limit=PAGE_SIZE), db)
    row = sessions.of_user(db, session_id, user.id)
    return {
        "session": sessions.details(db, engine, row, server.time(db)),
        "side": sessions.side_of(row, user.id),
        "messages": shown.messages,
        "has_more": shown.has_more,
        "is_newest": before == MAX_INTEGER,
        "peer": shown.peer,
        "live": live(user, listed(user, db)),
    }


def _place(session: Mapping[str, Any]) -> int:
    """Requests: who waits longest; what goes on: where it was written last."""
    place: int = session["id"] if session["status"] == "waiting" else -session["last_message_id"]
    return place


def _own_card(engine: Engine, agent: User) -> dict[str, Any]:
    cards, _ = agents.listed(engine, agent.id - 1, 1)
    return cards[0]


def _other_agents(engine: Engine, agent: User) -> list[dict[str, Any]]:
    """Who a conversation may be handed over to."""
    cards, _ = agents.listed(engine, 0, INBOX_SIZE)
    return [card for card in cards if card["id"] != agent.id and card["status"] != "away"]


def _text(found: Mapping[str, Any]) -> str:
    session = found["session"]
    names = [session[side]["name"] for side in ("client", "agent") if session[side]]
    lines = [" / ".join(names), f"{moment(session['created_at'])}, {of_session(session)}", ""]
    for message in found["messages"]:
        lines += [f"[{moment(message['created_at'])}] {message['sender_name']}:", message["message"], ""]
    return "\n".join(lines)
