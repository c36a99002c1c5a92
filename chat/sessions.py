"""Chat sessions: who takes part, and how one ends."""

from typing import Any

from chat.database import Connection, Database, Row
from chat.errors import NotFound
from chat.hub import Hub
from chat.money import Cents
from chat.store import revision, sessions


def topic(chat_session_id: int) -> str:
    """Where the changes of one chat session are published; as `changed_topics` of the store names it."""
    return f"session:{chat_session_id}"


def of_user(db: Connection, chat_session_id: int, user_id: int) -> Row:
    """The row, with the user's `side`; NotFound whether it is unknown or not theirs."""
    row = sessions.of_participant(db, chat_session_id, user_id)
    if row is None:
        raise NotFound
    return row


def summary(row: Row) -> dict[str, Any]:
    """The `session` object of the wire."""
    return {
        "id": row["id"],
        "status": row["status"],
        "end_reason": row["end_reason"],
        "duration_minutes": 0,
        "total_cost": Cents(0),
    }


def end(database: Database, hub: Hub, chat_session_id: int, user_id: int, now: int) -> dict[str, Any]:
    """End it and let all who wait on it go; ending twice gives the same answer."""

    def end_once(db: Connection) -> tuple[Row, int]:
        side = of_user(db, chat_session_id, user_id)["side"]
        head = revision.advance(db)
        sessions.end(db, chat_session_id, f"ended_by_{side}", now, head)
        return of_user(db, chat_session_id, user_id), head

    row, head = database.write(end_once)
    hub.publish(topic(chat_session_id), head)
    return summary(row)
