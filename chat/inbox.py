"""The inbox: everything that changes for one user, in one request."""

from collections.abc import Callable, Generator
from dataclasses import dataclass, replace
from typing import Any

from chat import accounts, sessions, topics, waiting
from chat.accounts import User
from chat.database import Connection, Row
from chat.engine import Engine
from chat.errors import CursorReset
from chat.hub import Waiter
from chat.store import inbox, messages, server
from chat.store.server import Time

# Messages of one session in one answer; whoever is further behind asks for them.
NEWS_LIMIT = 20
PAGE_SIZE = 100


@dataclass(frozen=True, slots=True)
class Inbox:
    """One consistent read: the chat sessions that changed, and the ids of those that are gone from it.

    `peers`, of a live one, is how the other side of each open session is: typing, online or away.
    """

    sessions: list[dict[str, Any]]
    removed: list[int]
    server_time: int
    cursor: int
    head: int
    has_more: bool
    peers: dict[str, str] | None = None
    was_held: bool = False

    @property
    def is_news(self) -> bool:
        """Whether anything changed."""
        return bool(self.sessions or self.removed)


def fetch(engine: Engine, user: User, cursor: int | None, limit: int, is_live: bool, db: Connection) -> Inbox:
    """What changed after `cursor`; without one, all that has not ended. Raises CursorReset.

    A live one is all that a dashboard needs: with the messages that changed, and the peers.
    """
    time = server.time(db)
    head = time.head
    if cursor is not None and cursor > head:
        raise CursorReset(cursor=head)
    rows = inbox.changed(db, user.id, user.role, cursor, limit + 1)
    has_more = len(rows) > limit
    rows = rows[:limit]
    upto = rows[-1]["revision"] if has_more else head
    return Inbox(
        sessions=[
            {**_card(db, engine, row, time), **(_news(db, user, row, cursor) if is_live else {})}
            for row in rows
        ],
        peers=_peers(db, engine, user, cursor, time) if is_live else None,
        removed=inbox.lost(db, user.id, user.role, cursor, upto) if cursor is not None else [],
        server_time=time.now,
        cursor=upto,
        head=head,
        has_more=has_more,
    )


def wait(
    engine: Engine,
    user: User,
    cursor: int,
    limit: int,
    seconds: float,
    connection: int | None,
    peers: dict[str, str] | None = None,
) -> Inbox:
    """The same, as soon as anything has changed; after `seconds` the empty one.

    It is live for a client that tells which `peers` it knows of, and then their change is news too.
    """
    reader = _Reader(engine, user, cursor, limit, peers)
    what = [topics.user(user.id), topics.QUEUE]
    page, was_held = waiting.wait(engine, user, what, reader, seconds, connection)
    return replace(page, was_held=was_held)


def follow(
    engine: Engine,
    user: User,
    cursor: int,
    seconds: float,
    connection: int | None,
    tell_waiter: Callable[[Waiter], None],
) -> Generator[Inbox, None, None]:
    """The live inbox at the cursor at once, and then each change; the empty one after every `seconds`.

    As `waiting.follow`, whatever frames it.
    """
    reader = _Reader(engine, user, cursor, PAGE_SIZE, {}, is_eager=True)
    what = [topics.user(user.id), topics.QUEUE]
    return waiting.follow(engine, user, what, reader, seconds, connection, tell_waiter)


class _Reader:
    """Somebody who reads on from a cursor; live if they tell which peers they know of."""

    __slots__ = ("_cursor", "_engine", "_is_eager", "_limit", "_peers", "_user")

    def __init__(
        self,
        engine: Engine,
        user: User,
        cursor: int,
        limit: int,
        peers: dict[str, str] | None,
        is_eager: bool = False,
    ) -> None:
        self._engine = engine
        self._user = user
        self._cursor = cursor
        self._limit = limit
        self._peers = peers
        self._is_eager = is_eager

    def read(self, db: Connection) -> Inbox:
        """The token is looked at again each time."""
        accounts.authenticate(db, self._user.token_hash)
        return fetch(self._engine, self._user, self._cursor, self._limit, self._peers is not None, db)

    def is_news(self, page: Inbox) -> bool:
        """Also how the others are."""
        return self._is_eager or page.is_news or page.peers != self._peers

    def move(self, page: Inbox) -> None:
        """Past the page."""
        self._cursor, self._peers, self._is_eager = page.cursor, page.peers, False


def history(engine: Engine, user: User, before_id: int, limit: int) -> tuple[list[dict[str, Any]], bool]:
    """The newest sessions that have ended, with lower ids; and whether there are more."""

    def read(db: Connection) -> list[dict[str, Any]]:
        time = server.time(db)
        rows = inbox.ended(db, user.id, user.role, before_id, limit + 1)
        return [_card(db, engine, row, time) for row in rows]

    cards = engine.database.read(read)
    return cards[:limit], len(cards) > limit


def _peers(db: Connection, engine: Engine, user: User, cursor: int | None, time: Time) -> dict[str, str]:
    """How the others are; and a dashboard that has a session's last change has its messages."""
    peers = {}
    for row in inbox.open_ones(db, user.id, user.role):
        side = sessions.side_of(row, user.id)
        peers[str(row["id"])] = engine.presence.state(row, sessions.OTHER[side], time.now)
        if (
            cursor is not None
            and row["revision"] <= cursor
            and row[f"{side}_delivered_id"] < row["last_message_id"]
        ):
            engine.presence.deliver(row["id"], side, row["last_message_id"])
    return peers


def _news(db: Connection, user: User, row: Row, cursor: int | None) -> dict[str, Any]:
    """The messages that changed after `cursor`; None when there are too many for an inbox."""
    if cursor is None or user.id not in (row["client_id"], row["agent_id"]):
        return {"messages": None}
    rows = messages.changed(db, row["id"], cursor, NEWS_LIMIT + 1)
    return {"messages": rows if len(rows) <= NEWS_LIMIT else None}


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
