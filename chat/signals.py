"""What is no message: read, arrived, and typing."""

from chat import changes, sessions, store
from chat.accounts import User
from chat.changes import Change
from chat.database.connection import Connection
from chat.live import topics
from chat.runtime import Runtime


def mark_read(runtime: Runtime, user: User, chat_session_id: int, message_id: int) -> None:
    """The user has read up to this message."""

    def mark(db: Connection) -> list[Change]:
        row = sessions.of_user(db, chat_session_id, user.id)
        head = store.revision.advance(db)
        side = sessions.side_of(row, user.id)
        is_further = store.sessions.mark_read(db, chat_session_id, side, message_id, head)
        return [Change(topics.of_change(row, head - 1, False), head)] if is_further else []

    changes.publish(runtime, runtime.database.write(mark))


def mark_delivered(db: Connection, delivered: list[tuple[int, int, int]]) -> list[Change]:
    """What has arrived, as (chat session, up to which message at the client, at the agent)."""
    head = store.revision.advance(db, len(delivered))
    rows = store.sessions.mark_delivered(db, delivered, head - len(delivered) + 1)
    return [Change(topics.of_change(row, head, False), head) for row in rows]


def note_typing(runtime: Runtime, user: User, chat_session_id: int, is_typing: bool) -> None:
    """The user types, or stops: the other side is told, and nothing is stored."""
    row = runtime.database.read(lambda db: sessions.of_user(db, chat_session_id, user.id))
    if row["status"] != "ended":
        runtime.presence.type(row, sessions.side_of(row, user.id), is_typing)
