"""The inbox: everything that changes for one user, in one request."""

from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from chat import accounts, sessions, topics, waiting
from chat.accounts import User
from chat.database import Connection, Row
from chat.engine import Engine
from chat.errors import CursorReset
from chat.store import inbox, server
from chat.store.server import Time


@dataclass(frozen=True, slots=True)
class Inbox:
    """One consistent read: the chat sessions that changed, and the ids of those that are gone from it."""

    sessions: list[dict[str, Any]]
    removed: list[int]
    server_time: int
    cursor: int
    head: int
    has_more: bool
    was_held: bool = False

    @property
    def is_news(self) -> bool:
        """Whether anything changed."""
        return bool(self.sessions or self.removed)


def fetch(engine: Engine, user: User, cursor: int | None, limit: int, db: Connection) -> Inbox:
    """What changed after `cursor`; without one, all that has not ended. Raises CursorReset."""
    time = server.time(db)
    head = time.head
    if cursor is not None and cursor > head:
        raise CursorReset(cursor=head)
    rows = inbox.changed(db, user.id, user.role, cursor, limit + 1)
    has_more = len(rows) > limit
    rows = rows[:limit]
    upto = rows[-1]["revision"] if has_more else head
    return Inbox(
        sessions=[_card(db, engine, row, time) for row in rows],
        removed=inbox.lost(db, user.id, user.role, cursor, upto) if cursor is not None else [],
        server_time=time.now,
        cursor=upto,
        head=head,
        has_more=has_more,
    )


def wait(
    engine: Engine, user: User, cursor: int, limit: int, seconds: float, connection: int | None
) -> Inbox:
    """The same, as soon as anything has changed; after `seconds` the empty one."""
    what = [topics.user(user.id), topics.QUEUE]
    read = partial(_fetch_again, engine, user, cursor, limit)
    page, was_held = waiting.wait(engine, user, what, read, lambda page: page.is_news, seconds, connection)
    return replace(page, was_held=was_held)


def history(engine: Engine, user: User, before_id: int, limit: int) -> tuple[list[dict[str, Any]], bool]:
    """The newest sessions that have ended, with lower ids; and whether there are more."""

    def read(db: Connection) -> list[dict[str, Any]]:
        time = server.time(db)
        rows = inbox.ended(db, user.id, user.role, before_id, limit + 1)
        return [_card(db, engine, row, time) for row in rows]

    cards = engine.database.read(read)
    return cards[:limit], len(cards) > limit


def _fetch_again(engine: Engine, user: User, cursor: int, limit: int, db: Connection) -> Inbox:
    accounts.authenticate(db, user.token_hash)
    return fetch(engine, user, cursor, limit, db)


def _card(db: Connection, engine: Engine, row: Row, time: Time) -> dict[str, Any]:
    return {
        **sessions.details(db, engine, row, time),
        "unread": row["unread"],
        "last_message": None
        if row["last_message"] is None
        else {
            "message": row["last_message"],
            "sender_type": row["last_sender_type"],
            "created_at": row["last_message_at"],
        },
    }
