"""Conversations to look into: transcripts, an agent's past ones with a client, an administrator's search."""

from typing import Any

from chat import sessions
from chat.accounts import User
from chat.database import Connection, Row
from chat.engine import Engine
from chat.errors import Forbidden
from chat.store import messages, server
from chat.store import sessions as stored


def transcript(engine: Engine, user: User, chat_session_id: int) -> dict[str, Any]:
    """The session and all its messages, for who takes part and for administrators; raises NotFound."""

    def read(db: Connection) -> dict[str, Any]:
        row = _visible(db, user, chat_session_id)
        return {
            "session": sessions.details(db, engine, row, server.time(db)),
            "messages": messages.all_of(db, chat_session_id),
        }

    return engine.database.read(read)


def search(
    engine: Engine, actor: User, text: str, status: str | None, before_id: int, limit: int
) -> tuple[list[dict[str, Any]], bool]:
    """The newest sessions with lower ids that have the text in a name, an email or a message."""
    if actor.role != "admin":
        raise Forbidden("Only an administrator may do this.")

    def read(db: Connection) -> list[dict[str, Any]]:
        time = server.time(db)
        rows = stored.search(db, text, status, before_id, limit + 1)
        return [sessions.details(db, engine, row, time) for row in rows]

    found = engine.database.read(read)
    return found[:limit], len(found) > limit


def of_pair(engine: Engine, agent: User, client_id: int, limit: int, db: Connection) -> list[dict[str, Any]]:
    """The agent's newest sessions with this client that have ended."""
    time = server.time(db)
    return [sessions.details(db, engine, row, time) for row in stored.of_pair(db, client_id, agent.id, limit)]


def _visible(db: Connection, user: User, chat_session_id: int) -> Row:
    if user.role == "admin":
        return sessions.found(stored.by_id(db, chat_session_id))
    return sessions.of_user(db, chat_session_id, user.id)
