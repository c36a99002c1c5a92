"""The inbox: everything that changes for one user, in one request."""

from collections.abc import Callable, Generator
from dataclasses import dataclass, replace
from typing import cast

from chat import accounts, attachments, sessions, store, timeline, waiting
from chat.accounts import User
from chat.database.connection import Connection
from chat.live import topics
from chat.live.hub import Caller, Waiter
from chat.money import Cents
from chat.runtime import Runtime
from chat.store.rows import CardRow, Message
from chat.store.server import Time
from chat.waiting import Start
from chat.wire import Card, LastMessage

# Messages of one session in one answer; whoever is further behind asks for them.
NEWS_LIMIT = 20
PAGE_SIZE = 100


@dataclass(frozen=True, slots=True)
class Inbox:
    """One consistent read: the chat sessions that changed, and the ids of those that are gone from it.

    `peers`, of a live one, is how the other side of each open session is: typing, online or away.
    """

    sessions: list[Card]
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

    @property
    def revisions(self) -> list[int]:
        """Of the messages, where they are told."""
        return [each["revision"] for card in self.sessions for each in card.get("messages") or ()]


def fetch(
    db: Connection,
    runtime: Runtime,
    user: User,
    cursor: int | None,
    limit: int,
    is_live: bool,
    since: int = 0,
) -> Inbox:
    """What changed after `cursor`; without one, all that has not ended. Raises CursorReset.

    A live one is all that a dashboard needs: with the messages that changed, and the peers. What there was at
    the revision `since` the user may lack.
    """
    time = store.server.time(db)
    head = time.head
    sessions.check_cursor(db, cursor)
    rows = store.inbox.changed(db, user.id, user.role, cursor, limit + 1)
    has_more = len(rows) > limit
    rows = rows[:limit]
    upto = rows[-1]["revision"] if has_more else head
    cards = [_card(db, runtime, row, time) for row in rows]
    if is_live:
        for card, row in zip(cards, rows, strict=True):
            card["messages"] = _news(db, runtime, user, row, cursor)
            if timeline.is_news(row, cursor) and user.id in (row["client_id"], row["agent_id"]):
                card["events"] = timeline.of_session(db, row, time, runtime.settings)
    return Inbox(
        sessions=cards,
        peers=_peers(db, runtime, user, cursor, since, time) if is_live else None,
        removed=store.inbox.removed(db, user.id, user.role, cursor, upto) if cursor is not None else [],
        server_time=time.now,
        cursor=upto,
        head=head,
        has_more=has_more,
    )


def wait(
    runtime: Runtime,
    user: User,
    cursor: int,
    limit: int,
    seconds: float,
    caller: Caller,
    peers: dict[str, str] | None = None,
) -> Inbox:
    """The same, as soon as anything has changed; after `seconds` the empty one.

    It is live for a client that tells which `peers` it knows of, and then their change is news too.
    """
    reader = _Reader(runtime, user, cursor, limit, peers)
    awaited = topics.of_inbox(user.id, user.role)
    page, was_held = waiting.wait(runtime, user, awaited, reader, seconds, caller)
    return replace(page, was_held=was_held)


def follow(
    runtime: Runtime,
    user: User,
    start: Start,
    seconds: float,
    caller: Caller,
    tell_waiter: Callable[[Waiter], None],
) -> Generator[Inbox, None, None]:
    """The live inbox at the start at once, and then each change; the empty one after every `seconds`.

    As `waiting.follow`, whatever frames it.
    """
    reader = _Reader(runtime, user, start.cursor, PAGE_SIZE, {}, start.since, is_eager=True)
    awaited = topics.of_inbox(user.id, user.role)
    return waiting.follow(runtime, user, awaited, reader, seconds, caller, tell_waiter)


class _Reader:
    """Somebody who reads on from a cursor; live if they tell which peers they know of."""

    __slots__ = ("_cursor", "_is_eager", "_limit", "_peers", "_runtime", "_since", "_user")

    def __init__(
        self,
        runtime: Runtime,
        user: User,
        cursor: int,
        limit: int,
        peers: dict[str, str] | None,
        since: int = 0,
        is_eager: bool = False,
    ) -> None:
        self._runtime = runtime
        self._user = user
        self._cursor = cursor
        self._limit = limit
        self._peers = peers
        self._since = since
        self._is_eager = is_eager

    def begin(self, db: Connection) -> Inbox:
        """As any time."""
        return self.read(db)

    def read(self, db: Connection) -> Inbox:
        """The token is looked at again each time."""
        accounts.authenticate(db, self._user.token_hash)
        is_live = self._peers is not None
        return fetch(db, self._runtime, self._user, self._cursor, self._limit, is_live, self._since)

    def is_news(self, page: Inbox) -> bool:
        """Also how the others are."""
        return self._is_eager or page.is_news or page.peers != self._peers

    def move(self, page: Inbox) -> None:
        """Go on from the end of the page."""
        self._cursor, self._peers, self._is_eager = page.cursor, page.peers, False


def history(runtime: Runtime, user: User, before_id: int, limit: int) -> tuple[list[Card], bool]:
    """The newest sessions that have ended, with lower ids; and whether there are more."""

    def read(db: Connection) -> list[Card]:
        time = store.server.time(db)
        rows = store.inbox.ended(db, user.id, user.role, before_id, limit + 1)
        return [_card(db, runtime, row, time) for row in rows]

    cards = runtime.database.read(read)
    return cards[:limit], len(cards) > limit


def _peers(
    db: Connection, runtime: Runtime, user: User, cursor: int | None, since: int, time: Time
) -> dict[str, str]:
    """How the others are; and a dashboard that has a session's last change has its messages."""
    peers: dict[str, str] = {}
    for row in store.inbox.open_ones(db, user.id, user.role):
        side = sessions.side_of(row, user.id)
        peers[str(row["id"])] = runtime.presence.state(row, sessions.OTHER[side], time.now)
        if cursor is not None and row["revision"] <= cursor:
            sessions.note_delivered(db, runtime, row, side, row["last_message_id"], since)
    return peers


def _news(
    db: Connection, runtime: Runtime, user: User, row: CardRow, cursor: int | None
) -> list[Message] | None:
    """The messages that changed after `cursor`; None when there are too many for an inbox, or not theirs."""
    if cursor is None or user.id not in (row["client_id"], row["agent_id"]):
        return None
    rows = store.messages.changed(db, row["id"], cursor, NEWS_LIMIT + 1)
    if len(rows) > NEWS_LIMIT:
        return None
    return attachments.addressed(runtime.settings, rows)


def _card(db: Connection, runtime: Runtime, row: CardRow, time: Time) -> Card:
    session = sessions.details(db, runtime, row, time)
    offered = None if row["offered_cents"] is None else Cents(row["offered_cents"])
    since = row["unanswered_since"]
    more = {
        "offered_rate": offered,
        "unanswered_seconds": None if since is None else (time.now - since) // 1000,
        "client_language": row["client_language"],
        "handover_note": row["handover_note"],
        "unread": row["unread"],
        "last_message": _last_message(row),
    }
    return cast(Card, {**session, **more})


def _last_message(row: CardRow) -> LastMessage | None:
    message, sender, at = row["last_message"], row["last_sender_type"], row["last_message_at"]
    if message is None or sender is None or at is None:
        return None
    kind = row["last_attachment"]
    return {"message": message, "attachment": kind, "sender_type": sender, "created_at": at}
