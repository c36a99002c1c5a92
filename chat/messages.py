"""Sending, reading, and waiting for what is new."""

from collections.abc import Callable, Generator, Hashable, Sequence
from time import sleep
from typing import NamedTuple

from chat import accounts, attachments, changes, counts, sessions, store, texts, timeline, waiting
from chat.accounts import User
from chat.changes import Change
from chat.database.connection import Connection
from chat.errors import IdempotencyMismatch, NotFound, SessionEnded, SessionPaused, TooManyRequests
from chat.lifecycle import Lifecycle
from chat.live import topics
from chat.live.hub import HERE, Caller, Waiter
from chat.live.presence import Peer
from chat.runtime import Runtime
from chat.store.rows import Message, SessionRow, Side, StandingRow, seen_at
from chat.waiting import Start
from chat.wire import Summary

MAX_CHARACTERS = 4000
# What is told of edits to who says only up to where they read.
EDITED_LIMIT = 20
# How old a sign of life may be before somebody who sends gives a new one.
SEEN_AGAIN_MS = 20_000
# Pauses that do not end by themselves: who can end each, and how.
RESUME: dict[str, tuple[Side, str]] = {
    "paused_by_client": ("client", "resume it"),
    "paused_by_agent": ("agent", "resume it"),
    "spending_limit": ("client", "raise the limit"),
    "balance": ("client", "top up, and resume it"),
}


class Position(NamedTuple):
    """What a reader has: everything up to `cursor`; or else the messages up to `last_id`.

    With `before_id` it is the page of history that ends there. `peer` is how the other side was. What there
    was at the revision `since` they may lack.
    """

    last_id: int = 0
    cursor: int | None = None
    before_id: int | None = None
    limit: int = 100
    peer: str | None = None
    since: int = 0


class Page(NamedTuple):
    """One consistent read.

    `peer` is how the other side is: typing, online or away. `cursor` is where to go on from, `head` the
    revision that was read at. `is_news` tells whether the reader at that position lacks any of it;
    `was_held` whether it could wait for it. `edited` is for who has no cursor: which of the messages that
    they have were edited or deleted last.
    """

    messages: list[Message]
    session: Summary
    peer: Peer
    server_time: int
    cursor: int
    head: int
    has_more: bool
    is_news: bool
    was_held: bool = False
    edited: Sequence[Message] = ()

    @property
    def revisions(self) -> list[int]:
        """Of the messages."""
        return [message["revision"] for message in self.messages]


def send(
    runtime: Runtime,
    user: User,
    chat_session_id: int,
    text: str,
    client_message_id: str | None,
    caller: Caller = HERE,
    before: changes.Act | None = None,
    note: Callable[[Connection, int], None] | None = None,
    is_there: bool = True,
) -> tuple[int, bool]:
    """Store a message, then wake all who wait for it: (message id, whether it was sent before).

    A key that was used before returns the first message, also after the end of the session. What must happen
    `before`, and what `note` writes of it, happens with it or not at all. Whoever sends is there, unless
    somebody writes for them. Raises what `before` raises, InvalidParameter, NotFound, SessionEnded,
    SessionPaused, IdempotencyMismatch, TooManyRequests.
    """
    count(runtime, user, caller)
    text = texts.checked(text, "message", MAX_CHARACTERS)
    return store_new(runtime, user, chat_session_id, text, client_message_id, before, note, is_there)


def store_new(
    runtime: Runtime,
    user: User,
    chat_session_id: int,
    text: str,
    client_message_id: str | None,
    before: changes.Act | None = None,
    note: Callable[[Connection, int], None] | None = None,
    is_there: bool = True,
    digest: str | None = None,
) -> tuple[int, bool]:
    """The same of a text that is checked, by somebody who may send it; with the `digest` of a file."""

    def write(db: Connection) -> tuple[SessionRow, int, list[Change] | None]:
        """(the session, the message's id, the changes or None if it was sent before)."""
        row = sessions.of_user(db, chat_session_id, user.id)
        sent = sent_before(db, chat_session_id, user.id, text, client_message_id, digest)
        if sent is not None:
            return row, sent, None
        life, now, told = settled(db, runtime, user, row, is_there)
        if before:
            before(db, life, now)
        side = sessions.side_of(row, user.id)
        _require_room(db, life, side)
        head = store.revision.advance(db)
        message_id = insert(db, life, side, text, client_message_id, now, head)
        if note:
            note(db, message_id)
        return row, message_id, [*told, *changes.save(db, life, head)]

    row, message_id, told = runtime.database.write(write)
    if told is not None:
        counts.add("sends")
    runtime.presence.type(row, sessions.side_of(row, user.id), False)
    changes.publish(runtime, told or ())
    sleep(0)  # Those who wait go first; the sender's answer is built meanwhile or after.
    return message_id, told is None


def settled(
    db: Connection, runtime: Runtime, user: User, row: SessionRow, is_there: bool = True
) -> tuple[Lifecycle, int, list[Change]]:
    """The session as it stands now that the user writes in it, who is there, and what that has changed.

    Raises SessionEnded.
    """
    time, told = store.server.time(db), list[Change]()
    seen = min(seen_at(row, sessions.side_of(row, user.id)), time.heartbeat_at)
    if is_there and time.now - seen >= SEEN_AGAIN_MS:
        told = changes.arrive(db, runtime.settings, [user.id])
        row = sessions.of_user(db, row["id"], user.id)
    life = sessions.life_of(db, row, runtime.settings)
    life.settle(time)
    if life.session["status"] == "ended":
        raise SessionEnded(receipt=sessions.receipt_address(runtime.settings, row["id"]))
    return life, time.now, told


def count(runtime: Runtime, user: User, caller: Caller) -> None:
    """One more of the user, and of where they are; raises TooManyRequests."""
    settings = runtime.settings
    per_minute: dict[Hashable, int] = {user.id: settings.sends_per_minute}
    if caller.network:
        per_minute[caller.network] = settings.sends_per_minute_per_address
    if seconds := runtime.sends.take(per_minute):
        raise TooManyRequests(f"Too many messages; send again in {seconds} s.", seconds)


def insert(
    db: Connection,
    life: Lifecycle,
    side: Side,
    text: str,
    client_message_id: str | None,
    now: int,
    head: int,
) -> int:
    """The new message's id; its session, which is to be saved with the revision `head` too, knows of it."""
    row = life.session
    sender_id = row["client_id"] if side == "client" else row["agent_id"]
    assert sender_id is not None
    message_id = store.messages.insert(db, row["id"], sender_id, side, text, client_message_id, now, head)
    life.hear(side, message_id, now)
    return message_id


def of_request(db: Connection, client: User, chat_session_id: int) -> str:
    """What the client wrote to ask for a session that nobody accepted, as one text; raises NotFound."""
    row = sessions.of_user(db, chat_session_id, client.id)
    if row["client_id"] != client.id or row["accepted_at"] is not None:
        raise NotFound
    said = [each["message"] for each in store.messages.all_of(db, chat_session_id)]
    return "\n\n".join(filter(None, said))


def behind(db: Connection, chat_session_id: int, message_id: int, count: int) -> int:
    """What to read before to have a message with so many newer ones: above all ids if there are no more."""
    newer = store.messages.since(db, chat_session_id, message_id, count + 1)
    return newer[-1]["id"] if len(newer) > count else 2**63 - 1


def read(runtime: Runtime, user: User, chat_session_id: int, position: Position) -> Page:
    """The page at a position as it is now; raises NotFound, CursorReset, and NotAuthenticated."""
    return runtime.database.read(_Reader(runtime, user, chat_session_id, position).read)


def fetch(db: Connection, runtime: Runtime, user: User, chat_session_id: int, position: Position) -> Page:
    """The same in a read of the caller's."""
    row = sessions.of_user(db, chat_session_id, user.id)
    time = store.server.time(db)
    head = time.head
    sessions.check_cursor(db, position.cursor)
    side = sessions.side_of(row, user.id)
    _note_delivered(db, runtime, row, side, position)
    rows = attachments.addressed(runtime.settings, _rows(db, row, position, position.limit + 1))
    has_more = len(rows) > position.limit
    cursor = head
    if position.before_id is not None:
        rows = rows[-position.limit :]
    elif has_more:
        rows = rows[: position.limit]
        cursor = _cursor_of_cut_page(db, chat_session_id, position, rows[-1])
    session = sessions.summary(db, row, time, runtime.settings)
    if timeline.is_news(row, position.cursor):
        session["events"] = timeline.of_session(db, row, time, runtime.settings)
    return Page(
        messages=rows,
        session=session,
        peer=runtime.presence.state(row, sessions.OTHER[side], time.now),
        server_time=time.now,
        cursor=cursor,
        head=head,
        has_more=has_more,
        is_news=bool(rows) or (position.cursor is not None and row["revision"] > position.cursor),
        edited=attachments.addressed(runtime.settings, _edited(db, row, position)),
    )


def wait(
    runtime: Runtime,
    user: User,
    chat_session_id: int,
    position: Position,
    seconds: float,
    caller: Caller = HERE,
) -> Page:
    """The page at a position as soon as it holds news; after `seconds` the empty one.

    A session that ends meanwhile is news to everyone, and to who has a cursor so is all that happens to
    it and how the other side is. The token is looked at again in every read, so nothing is delivered
    after it was revoked. Beyond the caps the page comes at once, `was_held` false.
    """
    reader = _Reader(runtime, user, chat_session_id, position)
    topic = topics.of_messages if position.cursor is None else topics.of_session
    awaited = [topic(chat_session_id)]
    page, was_held = waiting.wait(runtime, user, awaited, reader, seconds, caller)
    return page._replace(was_held=was_held)


def follow(
    runtime: Runtime,
    user: User,
    chat_session_id: int,
    start: Start,
    seconds: float,
    caller: Caller,
    tell_waiter: Callable[[Waiter], None],
) -> Generator[Page, None, None]:
    """The page at the start at once, and then each one that is news; the empty one after every `seconds`.

    As `waiting.follow`, whatever frames it.
    """
    position = Position(cursor=start.cursor, since=start.since)
    reader = _Reader(runtime, user, chat_session_id, position, is_eager=True)
    awaited = [topics.of_session(chat_session_id)]
    return waiting.follow(runtime, user, awaited, reader, seconds, caller, tell_waiter)


class _Reader:
    """Somebody who reads on from a position in a chat session."""

    __slots__ = (
        "_chat_session_id",
        "_is_eager",
        "_peer",
        "_position",
        "_runtime",
        "_seen",
        "_user",
        "_was_ended",
    )

    def __init__(
        self, runtime: Runtime, user: User, chat_session_id: int, position: Position, is_eager: bool = False
    ) -> None:
        self._runtime = runtime
        self._user = user
        self._chat_session_id = chat_session_id
        self._position = position
        self._peer = position.peer
        self._was_ended: bool | None = None
        self._is_eager = is_eager
        self._seen: int | None = None  # The revision at which it began to wait.

    def begin(self, db: Connection) -> Page | int:
        """The page; or only its head for who has all messages, as most have who come again."""
        if self._position.cursor is None:
            row = store.sessions.standing(db, self._chat_session_id, self._user.token_hash)
            if row is not None and row["last_message_id"] <= self._position.last_id:
                side = sessions.side_of(row, self._user.id)
                _note_delivered(db, self._runtime, row, side, self._position)
                self._was_ended, self._seen = row["status"] == "ended", row["head"]
                return row["head"]
        return self.read(db)

    def read(self, db: Connection) -> Page:
        """The token is looked at again each time."""
        accounts.authenticate(db, self._user.token_hash)
        return fetch(db, self._runtime, self._user, self._chat_session_id, self._position)

    def is_news(self, page: Page) -> bool:
        """Also the end of the session, and what is edited meanwhile; with a cursor how the other side is."""
        is_ended = page.session["status"] == "ended"
        if self._was_ended is None:
            self._was_ended = is_ended
        if self._seen is None:
            self._seen = page.head
        self._peer = self._peer or page.peer
        return (
            self._is_eager
            or page.is_news
            or any(each["revision"] > self._seen for each in page.edited)
            or self._was_ended != is_ended
            or (self._position.cursor is not None and page.peer != self._peer)
        )

    def move(self, page: Page) -> None:
        """Go on from the end of the page."""
        self._position = self._position._replace(last_id=0, cursor=page.cursor, peer=page.peer)
        self._peer, self._was_ended, self._is_eager = page.peer, None, False


def _require_room(db: Connection, life: Lifecycle, side: Side) -> None:
    """A few words in a pause are free; raises SessionPaused when this side has written them."""
    session, most = life.session, life.settings.paused_messages
    reason, since = session["pause_reason"], session["paused_at"] or 0
    if reason not in RESUME or store.messages.count_since(db, session["id"], side, since, 2 * most) < most:
        return
    resumer, how = RESUME[reason]
    what = how if side == resumer else f"ask the {resumer}, who can go on: {how}"
    raise SessionPaused(
        f"It is paused ({reason}), and your {most} messages of this pause are written; {what}.",
        pause_reason=reason,
        may_resume=side == resumer,
    )


def sent_before(
    db: Connection,
    chat_session_id: int,
    user_id: int,
    text: str,
    client_message_id: str | None,
    digest: str | None = None,
) -> int | None:
    """The id of the message that was sent with this key; raises IdempotencyMismatch if it was another.

    One with a file is told by the digest of all that was sent.
    """
    if client_message_id is None:
        return None
    earlier = store.messages.by_key(db, chat_session_id, user_id, client_message_id)
    if earlier is None:
        return None
    # One that was edited since was sent with other words, which are not kept.
    is_same = earlier["digest"] == digest and (digest is not None or earlier["message"] == text)
    if earlier["edited_at"] is None and not is_same:
        raise IdempotencyMismatch
    return earlier["id"]


def _note_delivered(
    db: Connection, runtime: Runtime, session: StandingRow, side: Side, position: Position
) -> None:
    """A client that asks for what is newer has what is older."""
    has_all = position.cursor is not None and session["revision"] <= position.cursor
    last_id = session["last_message_id"] if has_all else position.last_id
    sessions.note_delivered(db, runtime, session, side, last_id, position.since)


def _rows(db: Connection, session: SessionRow, position: Position, limit: int) -> list[Message]:
    """Up to `limit` messages; most polls come when there are none, which the session's row tells."""
    if position.before_id is not None:
        return store.messages.before(db, session["id"], position.before_id, limit)
    if position.cursor is not None:
        if session["revision"] <= position.cursor:
            return []
        return store.messages.changed(db, session["id"], position.cursor, limit)
    if session["last_message_id"] <= position.last_id:
        return []
    return store.messages.since(db, session["id"], position.last_id, limit)


def _edited(db: Connection, session: SessionRow, position: Position) -> list[Message]:
    is_plain = position.cursor is None and position.before_id is None
    if not is_plain or not position.last_id or not session["edited_revision"]:
        return []
    return store.messages.edited(db, session["id"], position.last_id, EDITED_LIMIT)


def _cursor_of_cut_page(db: Connection, chat_session_id: int, position: Position, last: Message) -> int:
    """The highest cursor that skips nothing of what the page had no room for."""
    if position.cursor is not None:
        return last["revision"]
    return store.messages.first_revision_after(db, chat_session_id, last["id"]) - 1
