"""What the pages of a conversation show: the client's, and the agent's beside the inbox."""

from typing import Any

from flask import Response

from chat import agents, clock, edits, inbox, messages, missed, notes, replies, sessions, store, timeline
from chat.accounts import User
from chat.database.connection import Connection
from chat.errors import CrossSite, NotFound, Problem, existing
from chat.messages import Position
from chat.runtime import Runtime
from chat.web.lines import lines
from chat.web.page import INBOX_SIZE, form_key, listed, live, page
from chat.web.pages.waiting_room import room
from chat.web.request import MAX_INTEGER, Digits, Query, current_runtime, query
from chat.wire import Agent, Card, TimedSession

PAGE_SIZE = 50
PAST_SESSIONS = 10
# How many newer ones are shown with a message that is looked for.
LATER = 20


class Shown(Query):
    """Which part of a conversation."""

    before: Digits = MAX_INTEGER
    around: Digits = 0


def inbox_page(agent: User, session_id: int | None = None, problem: Problem | None = None) -> Response:
    """All that an agent has to do, beside the conversation if there is one: these are from one read."""
    runtime, shown = current_runtime(), query(Shown)

    def read(db: Connection) -> dict[str, Any]:
        open_ones = listed(db, agent)
        content: dict[str, Any] = {
            "inbox": sorted(open_ones.sessions, key=_place),
            "live": live(agent, open_ones),
            "session": None,
            "is_request": False,
            "left": None,
        }
        if session_id is None:
            return content
        asked = next((each for each in open_ones.sessions if each["id"] == session_id), None)
        if asked is not None and asked["agent"] is None:
            # To any agent: nobody's yet, so its messages are not told, but for the first one.
            return {**content, "session": asked, "is_request": True}
        row = existing(store.sessions.of_agent(db, session_id, agent.id))
        if row["agent_id"] != agent.id:  # Handed over: who had it is told to whom, and nothing else.
            return {**content, "left": {"id": session_id, "name": row["agent_name"]}}
        talk = _conversation(db, runtime, agent, session_id, shown)
        return {**content, **talk, "handover": notes.of_handover(db, agent, session_id)}

    content = runtime.database.read(read)
    return page(
        "inbox.html",
        problem=problem,
        **content,
        key=form_key(problem),
        card=_own_card(runtime, agent),
        ended=inbox.history(runtime, agent, MAX_INTEGER, PAST_SESSIONS)[0],
        replies=replies.of_agent(runtime, agent),
        others=_other_agents(runtime, agent, content["session"]) if content["session"] else [],
    )


def talk_page(user: User, session_id: int, problem: Problem | None = None) -> Response:
    if user.role == "agent":
        return inbox_page(user, session_id, problem)
    runtime, shown = current_runtime(), query(Shown)
    content = runtime.database.read(lambda db: _conversation(db, runtime, user, session_id, shown))
    content |= room(runtime, user, content["session"])
    return page("conversation.html", problem=problem, **content, key=form_key(problem))


def again(user: User, session_id: int, problem: Problem) -> Response:
    """The page once more: what was wrong, and what was written."""
    if isinstance(problem, NotFound | CrossSite):
        raise problem
    return talk_page(user, session_id, problem)


def _conversation(
    db: Connection, runtime: Runtime, user: User, session_id: int, asked: Shown
) -> dict[str, Any]:
    """The newest messages (or those before or around an older one), the session, and the cursor of both."""
    before = messages.behind(db, session_id, asked.around, LATER) if asked.around else asked.before
    shown = messages.fetch(db, runtime, user, session_id, Position(before_id=before, limit=PAGE_SIZE))
    row = sessions.of_user(db, session_id, user.id)
    session = timeline.show(db, runtime, row, store.server.time(db))
    return {
        "session": session,
        "side": sessions.side_of(row, user.id),
        "messages": shown.messages,
        "lines": lines(shown.messages, session["events"], shown.has_more),
        "has_more": shown.has_more,
        "is_newest": before == MAX_INTEGER,
        "editable_since": clock.text(edits.since(db, runtime.settings)),
        "peer": shown.peer,
        "answers": missed.of_session(db, session_id) if row["client_id"] == user.id else [],
        "is_public": store.reviews.is_public(db, session_id),
        "live": live(user, listed(db, user)),
    }


def _place(session: Card) -> int:
    """Requests: who waits longest; what goes on: where it was written last."""
    return session["id"] if session["status"] == "waiting" else -session["last_message_id"]


def _own_card(runtime: Runtime, agent: User) -> Agent:
    cards, _ = agents.listed(runtime, agent.id - 1, 1)
    return cards[0]


def _other_agents(runtime: Runtime, agent: User, session: TimedSession) -> list[Agent]:
    """Who a conversation may be handed over to, once they are there and take requests."""
    cards, _ = agents.listed(runtime, 0, INBOX_SIZE, session["client"]["id"])
    return [card for card in cards if card["id"] != agent.id and card["is_for_you"]]
