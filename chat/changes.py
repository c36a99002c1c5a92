"""How a change to a chat session is made, stored, and told to whoever waits for it.

settle what has happened by itself → act → store → COMMIT → publish
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple, cast

from chat import books, counts, sessions, store
from chat.accounts import User
from chat.database.connection import Connection
from chat.errors import InsufficientBalance, existing
from chat.lifecycle import ABSENCES, AUTOMATIC, Cut, Lifecycle, is_out
from chat.live import topics
from chat.runtime import Runtime
from chat.settings import Settings
from chat.store.rows import SessionRow
from chat.store.server import Time
from chat.wire import TimedSession

# What is told as an event when it changes, beside the intervals (chat/timeline.py).
TOLD = ("accepted_at", "agent_id", "limit_cents", "ended_at")

Act = Callable[[Connection, Lifecycle, int], None]
Find = Callable[[Connection, int, int], SessionRow | None]


class Change(NamedTuple):
    """What was committed: to be published as `topics` moved to the revision `head`."""

    topics: Sequence[str]
    head: int


class Look(NamedTuple):
    """In which sessions something has happened, and for the others (due_at, id, revision)."""

    happened: list[int]
    later: list[tuple[int | None, int, int]]


def change(
    runtime: Runtime,
    user: User,
    chat_session_id: int,
    act: Act,
    find: Find = store.sessions.of_participant,
) -> TimedSession:
    """Settle, `act(db, life, now)`, save and tell; returns the session as it is then.

    `find` gives the row if it is the user's to change; NotFound otherwise. Raises what `act` raises.
    """

    def settle_and_act(db: Connection) -> tuple[list[Change], TimedSession]:
        arrived, time = arrive(db, runtime.settings, [user.id]), store.server.time(db)
        life = sessions.life_of(db, existing(find(db, chat_session_id, user.id)), runtime.settings)
        life.settle(time)
        act(db, life, time.now)
        saved = save(db, life)
        row = existing(store.sessions.by_id(db, chat_session_id))
        return [*arrived, *saved], sessions.details(db, runtime, row, time)

    changes, session = runtime.database.write(settle_and_act)
    publish(runtime, changes)
    return session


def publish(runtime: Runtime, changes: Iterable[Change]) -> None:
    """Tell all who wait, after COMMIT."""
    for each in changes:
        counts.committed(each.head)
        runtime.hub.publish(each.topics, each.head)


def arrive(db: Connection, settings: Settings, user_ids: Sequence[int]) -> list[Change]:
    """These users are there.

    First what an outage and their absence did is stored, for once they have been seen nothing tells of it;
    then what it had stopped goes on.
    """
    woken, now = wake(db, settings), store.server.now(db)
    gone_before = now - settings.absence_seconds * 1000
    gone = store.sessions.active_of_users(db, user_ids, gone_before)
    settled = settle_each(db, settings, gone)
    store.users.see(db, user_ids, now, gone_before)
    return [*woken, *settled, *settle_each(db, settings, store.sessions.paused_by_absence(db, user_ids))]


def wake(db: Connection, settings: Settings) -> list[Change]:
    """After an outage, and before anything else: store what it did to all sessions, and beat again."""
    time = store.server.time(db)
    if not is_out(time, settings):
        return []
    changes = settle_each(db, settings, store.sessions.touched_by_outage(db), time)
    store.server.beat(db, time.now)
    return changes


def look(db: Connection, settings: Settings, chat_session_ids: Sequence[int]) -> Look:
    """Whether anything has happened by itself in these; stores nothing."""
    time, found = store.server.time(db), Look([], [])
    for chat_session_id in chat_session_ids:
        life = sessions.life_of(db, existing(store.sessions.by_id(db, chat_session_id)), settings)
        life.settle(time)
        if store.sessions.differences(life.row, life.session):
            found.happened.append(chat_session_id)
        else:
            found.later.append((life.due_at(), chat_session_id, life.row["revision"]))
    return found


def settle(runtime: Runtime, chat_session_ids: Sequence[int], time: Time | None = None) -> None:
    """Store and tell what has happened by itself."""
    if chat_session_ids:
        settings = runtime.settings
        publish(runtime, runtime.database.write(lambda db: settle_each(db, settings, chat_session_ids, time)))


def settle_each(
    db: Connection, settings: Settings, chat_session_ids: Sequence[int], time: Time | None = None
) -> list[Change]:
    """Store what has happened by itself, and let a session go on when both are there again."""
    time, changes = time or store.server.time(db), list[Change]()
    for chat_session_id in chat_session_ids:
        life = sessions.life_of(db, existing(store.sessions.by_id(db, chat_session_id)), settings)
        life.settle(time)
        if life.session["pause_reason"] in ABSENCES:
            life.resume(time.now)
        changes += save(db, life)
    return changes


def save(db: Connection, life: Lifecycle, message_revision: int | None = None) -> list[Change]:
    """Store what happened to a session, and to those beside it; what is to be told of it, which is nothing if
    nobody can see it.

    It takes a revision of its own, or that of the message that was stored with it.
    """
    lives, told = [life, *life.beside], list[Change]()
    changed = [each for each in lives if store.sessions.differences(each.row, each.session)]
    for each in lives:
        if each in changed:
            told += _store(db, each, message_revision if each is life else None)
        else:
            _postpone(db, each)
    _settle_money(db, changed)
    for each in changed:
        books.write(db, each.settings, each.row, each.row["id"])
    return told


def _store(db: Connection, life: Lifecycle, message_revision: int | None) -> list[Change]:
    head = message_revision or store.revision.advance(db)
    _stamp(life, head)
    store.sessions.save(db, life.row, store.sessions.differences(life.row, life.session))
    share = life.settings.agent_share
    for move in life.moves:
        if isinstance(move, Cut):
            store.intervals.cut(db, life.row["id"], *move, AUTOMATIC)
        else:
            store.intervals.switch(db, life.row["id"], *move, share)
    if life.moves:
        store.books.seal_shares(db, life.row["id"])
    told = Change(topics.of_change(life.session, head - 1, message_revision is not None), head)
    return [told, *_move_up(db, life)] if _left_the_queue(life) else [told]


def weigh_balance(db: Connection, settings: Settings, client_id: int) -> list[Change]:
    """The balance is another, and so is how long it lasts: both sides are told, and warned again in time."""
    # Those that were paused before it are not settled yet; some have ended.
    changes, now = (
        settle_each(db, settings, store.sessions.held_by_balance(db, client_id)),
        store.server.now(db),
    )
    for row in store.sessions.prepaid_of_client(db, client_id):
        life = sessions.life_of(db, row, settings)
        head = store.revision.advance(db)
        life.session["warned_seconds"] = None
        life.weigh(now)
        _stamp(life, head)
        store.sessions.save(db, life.row, store.sessions.differences(life.row, life.session))
        changes.append(Change(topics.of_change(life.session, head - 1, False), head))
    return changes


def _postpone(db: Connection, life: Lifecycle) -> None:
    """Nothing happened: look again when something will be due, and not before."""
    if (due_at := life.due_at()) != life.row["due_at"]:
        store.sessions.save(db, life.row, {"due_at": due_at})


def _stamp(life: Lifecycle, head: int) -> None:
    """With its revision; that of its events, if there is another; and that of whose it is, if it came to
    another agent or left the queue."""
    life.session |= {"due_at": life.due_at(), "revision": head}
    if life.moves or any(cast(Any, life.session)[name] != cast(Any, life.row)[name] for name in TOLD):
        life.session["events_revision"] = head
    if _left_the_queue(life) or life.session["agent_id"] != life.row["agent_id"]:
        life.session["owner_revision"] = head


def _left_the_queue(life: Lifecycle) -> bool:
    return life.row["status"] == "waiting" and life.session["status"] != "waiting"


def _settle_money(db: Connection, lives: Sequence[Lifecycle]) -> None:
    """What prepaid sessions took, and what of it is given back, in the order in which it happened."""
    taken = [(debit, life.row) for life in lives for debit in life.debits]
    if len(lives) > 1:
        taken.sort(key=lambda each: (each[0].at, each[0].cents > 0))
    for (segment, minute, cents, at), row in taken:
        client_id, chat_session_id = row["client_id"], row["id"]
        if cents < 0:
            store.ledger.give_back(db, client_id, chat_session_id, segment, minute, -cents, at)
        elif not store.ledger.debit_minute(db, client_id, chat_session_id, segment, minute, cents, at):
            raise InsufficientBalance


def _move_up(db: Connection, life: Lifecycle) -> list[Change]:
    """A request left the queue: those behind it have another position, and each a revision."""
    behind = store.sessions.behind(db, life.row["id"], life.row["agent_id"])
    if not behind:
        return []
    head = store.revision.advance(db, len(behind))
    store.sessions.stamp(db, [row["id"] for row in behind], head - len(behind) + 1)
    return [Change([topic for row in behind for topic in topics.of_change(row, head, False)], head)]
