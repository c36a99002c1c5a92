"""Chat sessions: who takes part, how one stands, and how a change to it is stored and told."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from chat import billing, clock, topics
from chat.accounts import User
from chat.billing import Meter
from chat.database import Connection, Row
from chat.engine import Engine
from chat.errors import InsufficientBalance, NotFound
from chat.money import Cents
from chat.settings import Settings
from chat.store import intervals, ledger, revision, server, users
from chat.store import sessions as stored
from chat.store.server import Time

OTHER = {"client": "agent", "agent": "client"}

Act = Callable[[Connection, Meter, int], None]


class Change(NamedTuple):
    """What was committed: published as `topics` moved to `head`."""

    topics: Sequence[str]
    head: int


def side_of(row: Mapping[str, Any], user_id: int) -> str:
    """`client` or `agent`."""
    return "client" if row["client_id"] == user_id else "agent"


def found(row: Row | None) -> Row:
    """The row; raises NotFound when there is none."""
    if row is None:
        raise NotFound
    return row


def of_user(db: Connection, chat_session_id: int, user_id: int) -> Row:
    """The row; NotFound whether it is unknown or not theirs."""
    return found(stored.of_participant(db, chat_session_id, user_id))


def read(engine: Engine, user: User, chat_session_id: int) -> dict[str, Any]:
    """One session with all that its participants may know."""
    return engine.database.read(
        lambda db: details(db, engine, of_user(db, chat_session_id, user.id), server.time(db))
    )


def mark_read(engine: Engine, user: User, chat_session_id: int, message_id: int) -> None:
    """The user has read up to this message."""

    def mark(db: Connection) -> Change | None:
        row = of_user(db, chat_session_id, user.id)
        head = revision.advance(db)
        is_new = stored.mark_read(db, chat_session_id, side_of(row, user.id), message_id, head)
        return Change(topics.of_mark(row), head) if is_new else None

    publish(engine, [engine.database.write(mark)])


def note_typing(engine: Engine, user: User, chat_session_id: int, is_typing: bool) -> None:
    """The user types, or stops: the other side is told, and nothing is stored."""
    row = engine.database.read(lambda db: of_user(db, chat_session_id, user.id))
    if row["status"] != "ended":
        engine.presence.type(row, side_of(row, user.id), is_typing)


def change(
    engine: Engine,
    user: User,
    chat_session_id: int,
    act: Act,
    find: Callable[[Connection, int, int], Row | None] = stored.of_participant,
) -> dict[str, Any]:
    """Settle, act, save and tell; returns the session as it is then."""

    def settle_and_act(db: Connection) -> tuple[list[Change | None], dict[str, Any]]:
        arrived, time = arrive(db, engine.rules, [user.id]), server.time(db)
        meter = Meter(found(find(db, chat_session_id, user.id)), engine.rules)
        meter.settle(time)
        act(db, meter, time.now)
        saved = save(db, meter)
        session = details(db, engine, found(stored.by_id(db, chat_session_id)), time)
        return [*arrived, saved], session

    changes, session = engine.database.write(settle_and_act)
    publish(engine, changes)
    return session


def arrive(db: Connection, rules: Settings, user_ids: Sequence[int]) -> list[Change | None]:
    """These users are there.

    First what an outage and their absence did is stored, for once they have been seen nothing tells of it;
    then what it had stopped goes on.
    """
    woken, now = wake(db, rules), server.now(db)
    gone = stored.active_of_users(db, user_ids, now - rules.absence_seconds * 1000)
    settled = settle_each(db, rules, gone)
    users.see(db, user_ids, now)
    return [*woken, *settled, *settle_each(db, rules, stored.paused_by_absence(db, user_ids))]


def wake(db: Connection, rules: Settings) -> list[Change | None]:
    """After an outage, and before anything else: store what it did to all sessions, and beat again."""
    time = server.time(db)
    if time.now - time.heartbeat_at <= rules.outage_seconds * 1000:
        return []
    changes = settle_each(db, rules, stored.active(db))
    server.beat(db, time.now)
    return changes


def look(
    rules: Settings, chat_session_ids: Sequence[int], db: Connection
) -> tuple[list[int], list[tuple[int | None, int, int]]]:
    """The ids of those in which something has happened, and for the others (due_at, id, revision)."""
    time, happened, later = server.time(db), [], []
    for chat_session_id in chat_session_ids:
        meter = Meter(found(stored.by_id(db, chat_session_id)), rules)
        meter.settle(time)
        if stored.differences(meter.row, meter.session):
            happened.append(chat_session_id)
        else:
            later.append((meter.due_at(), chat_session_id, meter.row["revision"]))
    return happened, later


def settle(engine: Engine, chat_session_ids: Sequence[int]) -> None:
    """Store and tell what has happened by itself."""
    if chat_session_ids:
        publish(engine, engine.database.write(lambda db: settle_each(db, engine.rules, chat_session_ids)))


def settle_each(db: Connection, rules: Settings, chat_session_ids: Sequence[int]) -> list[Change | None]:
    """Store what has happened by itself, and let a session go on when both are there again."""
    time, changes = server.time(db), []
    for chat_session_id in chat_session_ids:
        meter = Meter(found(stored.by_id(db, chat_session_id)), rules)
        meter.settle(time)
        if meter.session["pause_reason"] in billing.ABSENCES:
            meter.resume(time.now)
        changes.append(save(db, meter))
    return changes


def save(db: Connection, meter: Meter, message_head: int | None = None) -> Change | None:
    """Store what happened to a session, with a revision if anybody can see it.

    With the revision of a message if one was stored with it.
    """
    row, session = meter.row, meter.session
    changed = stored.differences(row, session)
    head, others = message_head, []
    if changed:
        head = head or revision.advance(db)
        changed |= {"due_at": meter.due_at(), "revision": head}
        left_the_queue = row["status"] == "waiting" and "status" in changed
        if "agent_id" in changed or left_the_queue:
            changed["owner_revision"] = head
        stored.save(db, row, changed)
        for switch in meter.switches:
            intervals.switch(db, row["id"], *switch)
        _settle_money(db, meter, server.now(db))
        if left_the_queue:
            others = stored.behind(db, row["id"], row["agent_id"])
    elif (due_at := meter.due_at()) != row["due_at"]:
        stored.save(db, row, {"due_at": due_at})
    if head is None:
        return None
    current = {**session, **changed, "revision": head}
    where = topics.of_change(current, has_message=message_head is not None)
    for other in others:
        where += [topics.session(other["id"]), topics.user(other["client_id"])]
    stored.touch(db, [other["id"] for other in others], head + 1)
    return Change(where, revision.advance(db, len(others)) if others else head)


def publish(engine: Engine, changes: Iterable[Change | None]) -> None:
    """Tell all who wait, after COMMIT."""
    for change in changes:
        if change:
            engine.hub.publish(change.topics, change.head)


def summary(db: Connection, row: Mapping[str, Any], time: Time, rules: Settings) -> dict[str, Any]:
    """The `session` object of the wire, as it stands at this instant."""
    row, now = billing.settled(row, time, rules), time.now
    bill = billing.bill(row, now)
    is_open = row["status"] != "ended"
    exhausted = billing.exhausted_at(row, now) if is_open else None
    return {
        "id": row["id"],
        "status": row["status"],
        "end_reason": row["end_reason"],
        "pause_reason": row["pause_reason"],
        "position": stored.ahead(db, row["id"], row["agent_id"]) + 1 if row["status"] == "waiting" else None,
        "duration_minutes": bill.duration_minutes,
        "total_cost": Cents(bill.cents),
        "duration_seconds": bill.active_seconds,
        "billed_minutes": bill.billed_minutes,
        "rate_per_minute": None if row["agent_id"] is None else Cents(row["rate_cents"]),
        "currency": row["currency"],
        "free_seconds": row["free_seconds"],
        "free_seconds_left": bill.free_seconds_left,
        "is_clock_running": row["running_since"] is not None,
        "spending_limit": None if row["limit_cents"] is None else Cents(row["limit_cents"]),
        "seconds_left": max(0, exhausted[0] - now) // 1000 if exhausted else None,
        "is_silent": is_open and (row["prompted_at"] or 0) > row["last_activity_at"],
        "last_message_id": row["last_message_id"],
        "client_read_id": row["client_read_id"],
        "agent_read_id": row["agent_read_id"],
        "client_delivered_id": row["client_delivered_id"],
        "agent_delivered_id": row["agent_delivered_id"],
        "transfer": None
        if row["transfer_agent_id"] is None
        else {
            "agent_id": row["transfer_agent_id"],
            "rate_per_minute": Cents(row["transfer_rate_cents"]),
        },
    }


def details(db: Connection, engine: Engine, row: Mapping[str, Any], time: Time) -> dict[str, Any]:
    """The summary, with who takes part, since when, the rating, and the time."""
    is_waiting = row["status"] == "waiting"
    return {
        **summary(db, row, time, engine.rules),
        "client": {
            "id": row["client_id"],
            "name": row["client_name"],
            "presence": engine.presence.state(row, "client", time.now),
        },
        "agent": None
        if row["agent_id"] is None
        else {
            "id": row["agent_id"],
            "name": row["agent_name"],
            "presence": engine.presence.state(row, "agent", time.now),
        },
        "created_at": clock.text(row["created_at"]),
        "accepted_at": clock.text(row["accepted_at"]),
        "ended_at": clock.text(row["ended_at"]),
        "waiting_seconds": (time.now - row["created_at"]) // 1000 if is_waiting else None,
        "rating": row["rating"],
        "rating_comment": row["rating_comment"],
        "revision": row["revision"],
        "server_time": time.now,
    }


def receipt_address(chat_session_id: int) -> str:
    """Where the receipt is."""
    return f"/api/chat/sessions/{chat_session_id}/receipt"


def _settle_money(db: Connection, meter: Meter, now: int) -> None:
    """What a prepaid session took, and what of it is given back."""
    client_id, chat_session_id, segment = (meter.row[name] for name in ("client_id", "id", "segment"))
    for minute, cents, at in meter.debits:
        if not ledger.debit_minute(db, client_id, chat_session_id, segment, minute, cents, at):
            raise InsufficientBalance
    if meter.refund_after is not None:
        ledger.refund_minutes(db, client_id, chat_session_id, segment, meter.refund_after, now)
