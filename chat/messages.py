"""Sending, reading, and waiting for what is new."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from time import monotonic, sleep
from typing import Any

from chat import accounts, sessions
from chat.accounts import User
from chat.database import Connection, Database, Row
from chat.errors import CursorReset, IdempotencyMismatch, InvalidParameter, SessionEnded
from chat.hub import Hub, TooManyWaiters
from chat.store import messages, revision
from chat.store import sessions as stored_sessions

MAX_CHARACTERS = 4000


@dataclass(frozen=True, slots=True)
class Position:
    """What a reader has: everything up to `cursor`; or else the messages up to `last_id`.

    With `before_id` it is the page of history that ends there.
    """

    last_id: int = 0
    cursor: int | None = None
    before_id: int | None = None
    limit: int = 100


@dataclass(frozen=True, slots=True)
class Page:
    """One consistent read.

    `cursor` is where to go on from, `head` the revision that was read at. `is_news` tells whether the
    reader at that position lacks any of it; `was_held` whether it could wait for it.
    """

    messages: list[dict[str, Any]]
    session: dict[str, Any]
    cursor: int
    head: int
    has_more: bool
    is_news: bool
    was_held: bool = False


def send(
    database: Database,
    hub: Hub,
    user: User,
    chat_session_id: int,
    text: str,
    client_message_id: str | None,
    now: int,
) -> tuple[int, bool]:
    """Store a message, then wake all who wait for it: (message id, whether it was sent before).

    A key that was used before returns the first message, also after the end of the session. Raises
    InvalidParameter, NotFound, SessionEnded, IdempotencyMismatch.
    """
    text = _trimmed(text)

    def insert(db: Connection) -> tuple[int, int, bool]:
        side = sessions.of_user(db, chat_session_id, user.id)["side"]
        if client_message_id is not None:
            earlier = messages.by_key(db, chat_session_id, user.id, client_message_id)
            if earlier is not None:
                if earlier["message"] != text:
                    raise IdempotencyMismatch
                return earlier["id"], earlier["revision"], True
        head = revision.advance(db)
        message_id = messages.insert(db, chat_session_id, user.id, side, text, client_message_id, now, head)
        if not stored_sessions.record_message(db, chat_session_id, message_id, head):
            raise SessionEnded
        return message_id, head, False

    message_id, head, duplicate = database.write(insert)
    hub.publish(sessions.topic(chat_session_id), head)
    sleep(0)  # Those who wait go first; the sender's answer is built meanwhile or after.
    return message_id, duplicate


def fetch(db: Connection, user: User, chat_session_id: int, position: Position) -> Page:
    """The page at a position; raises NotFound and CursorReset."""
    row = sessions.of_user(db, chat_session_id, user.id)
    head = revision.head(db)
    if position.cursor is not None and position.cursor > head:
        raise CursorReset(cursor=head)
    rows = _rows(db, row, position, position.limit + 1)
    has_more = len(rows) > position.limit
    cursor = head
    if position.before_id is not None:
        rows = rows[-position.limit :]
    elif has_more:
        rows = rows[: position.limit]
        cursor = _cursor_of_cut_page(db, chat_session_id, position, rows[-1])
    return Page(
        messages=rows,
        session=sessions.summary(row),
        cursor=cursor,
        head=head,
        has_more=has_more,
        is_news=bool(rows) or (position.cursor is not None and row["revision"] > position.cursor),
    )


def wait(
    database: Database,
    hub: Hub,
    user: User,
    chat_session_id: int,
    position: Position,
    seconds: float,
    clock: Callable[[], int],
    connection: int | None = None,
) -> Page:
    """The page at a position as soon as it holds news; after `seconds` the empty one.

    A session that ends meanwhile is news to everyone. The token is looked at again in every read, so
    nothing is delivered after it was revoked. Beyond the caps the page comes at once, `was_held` false.
    """
    read = partial(_fetch_again, user, chat_session_id, position, clock)
    deadline = monotonic() + seconds
    try:
        waiter = hub.subscribe(user.id, (sessions.topic(chat_session_id), user.topic), connection)
    except TooManyWaiters:
        return database.read(read)
    with waiter:
        page = database.read(read)
        was_ended = page.session["status"] == "ended"
        seen = page.head
        while not page.is_news and was_ended == (page.session["status"] == "ended"):
            generation = waiter.wait(seen, deadline)
            page = database.read(read)
            if generation is None:
                break
            seen = max(page.head, generation)
    return replace(page, was_held=True)


def _fetch_again(
    user: User, chat_session_id: int, position: Position, clock: Callable[[], int], db: Connection
) -> Page:
    accounts.authenticate(db, user.token_hash, clock())
    return fetch(db, user, chat_session_id, position)


def _trimmed(text: str) -> str:
    trimmed = text.strip()
    if not 1 <= len(trimmed) <= MAX_CHARACTERS:
        raise InvalidParameter(f"message must have 1 to {MAX_CHARACTERS} characters; it has {len(trimmed)}.")
    if "\0" in trimmed:
        raise InvalidParameter("message must not contain the character NUL.")
    return trimmed


def _rows(db: Connection, session: Row, position: Position, limit: int) -> list[dict[str, Any]]:
    """Up to `limit` messages; most polls come when there are none, which the session's row tells."""
    if position.before_id is not None:
        return messages.before(db, session["id"], position.before_id, limit)
    if position.cursor is not None:
        if session["revision"] <= position.cursor:
            return []
        return messages.changed(db, session["id"], position.cursor, limit)
    if session["last_message_id"] <= position.last_id:
        return []
    return messages.since(db, session["id"], position.last_id, limit)


def _cursor_of_cut_page(
    db: Connection, chat_session_id: int, position: Position, last: dict[str, Any]
) -> int:
    """The highest cursor that skips nothing of what the page had no room for."""
    if position.cursor is not None:
        return int(last["revision"])
    return messages.first_revision_after(db, chat_session_id, last["id"]) - 1
