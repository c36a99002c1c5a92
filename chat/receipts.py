"""The bill of a session, in full, so that anybody can compute it again; and the check that does."""

from collections.abc import Iterator, Sequence
from itertools import pairwise

from chat import billing, clock, sessions, store
from chat.accounts import User
from chat.database.connection import Connection
from chat.lifecycle import moved
from chat.money import Cents
from chat.runtime import Runtime
from chat.store.rows import IntervalRow, LedgerRow, SessionRow
from chat.wire import Entry, Interval, Receipt


def of_session(runtime: Runtime, user: User, chat_session_id: int) -> Receipt:
    """The receipt, or what it would be if the session ended now."""

    def read(db: Connection) -> Receipt:
        row, time = sessions.of_user(db, chat_session_id, user.id), store.server.time(db)
        paid = store.ledger.of_session(db, chat_session_id) if row["client_id"] == user.id else []
        life = sessions.life_of(db, row, runtime.settings)
        life.settle(time)
        intervals = moved(store.intervals.of_session(db, chat_session_id), life.moves)
        names = {each["agent_id"]: each["agent_name"] for each in intervals}
        charged = _charges(intervals, row, time.now)
        return {
            "server_time": time.now,
            "session": sessions.untimed(sessions.details(db, runtime, row, time)),
            "is_final": row["status"] == "ended",
            "free_seconds": row["free_seconds"],
            "intervals": [_interval(each, time.now, row["currency"]) for each in intervals],
            "charges": [
                {
                    "count": each.increments,
                    "seconds": each.seconds,
                    "agent": {"id": each.label, "name": names[each.label]},
                    "rate_per_minute": Cents(each.rate_cents, row["currency"]),
                    "amount": Cents(each.cents, row["currency"]),
                }
                for each in charged
            ],
            "total_cost": Cents(billing.total(charged), row["currency"]),
            "currency": row["currency"],
            "ledger": [entry(each) for each in paid],
        }

    return runtime.database.read(read)


def entry(row: LedgerRow) -> Entry:
    """A row of the ledger, on the wire."""
    return {
        "id": row["id"],
        "kind": row["kind"],
        "amount": Cents(row["amount_cents"], row["currency"]),
        "chat_session_id": row["chat_session_id"],
        "minute": row["minute"],
        "actor_id": row["actor_id"],
        "reason": row["reason"],
        "created_at": clock.text(row["created_at"]),
        "currency": row["currency"],
    }


def verify(db: Connection) -> Iterator[str]:
    """Compute every total again from its intervals, every balance from its ledger: what differs."""
    for chat_session_id in store.sessions.all_ids(db):
        row = store.sessions.by_id(db, chat_session_id)
        if row is not None:
            for difference in _differences(db, row):
                yield f"session {chat_session_id}: {difference}"
    for user in store.ledger.wrong_balances(db):
        yield (
            f"user {user['id']}: the balance is {Cents(user['balance_cents'])}, "
            f"the ledger says {Cents(user['ledger_cents'])}"
        )


def _charges(intervals: Sequence[IntervalRow], row: SessionRow, now: int) -> list[billing.Charge[int]]:
    """What is charged for them, by the agents' ids."""
    return billing.charges(billing.active_parts(intervals, now), row["free_seconds"], row)


def _differences(db: Connection, row: SessionRow) -> Iterator[str]:
    intervals = store.intervals.of_session(db, row["id"])
    yield from _gaps(intervals)
    closed = [each for each in intervals if each["ended_at"] is not None]
    closed_ms = sum(ms for ms, *_ in billing.active_parts(closed, 0))
    if closed_ms != row["billed_ms"]:
        yield f"{row['billed_ms']} ms are billed, the intervals are {closed_ms} ms"
    paid = -sum(each["amount_cents"] for each in store.ledger.of_session(db, row["id"]))
    if paid != row["paid_cents"]:
        yield f"the ledger has {Cents(paid)} for it, and {Cents(row['paid_cents'])} are counted"
    if row["ended_at"] is None:
        return
    if len(closed) < len(intervals):
        yield "it has ended, and an interval is open"
    total = billing.total(_charges(intervals, row, row["ended_at"]))
    if total != row["total_cents"]:
        yield f"the total is {Cents(row['total_cents'] or 0)}, the intervals make {Cents(total)}"
    if row["is_prepaid"] and paid != total:
        yield f"the ledger has {Cents(paid)} for it, the intervals make {Cents(total)}"


def _gaps(intervals: Sequence[IntervalRow]) -> Iterator[str]:
    for before, after in pairwise(intervals):
        if before["ended_at"] != after["started_at"]:
            yield f"interval {after['id']} does not begin where interval {before['id']} ends"


def _interval(row: IntervalRow, now: int, currency: str) -> Interval:
    return {
        "started_at": clock.text(row["started_at"]),
        "ended_at": clock.text_or_none(row["ended_at"]),
        "milliseconds": billing.ms(row, now),
        "reason": row["reason"],
        "is_billed": row["reason"] == "active",
        "agent": {"id": row["agent_id"], "name": row["agent_name"]},
        "rate_per_minute": Cents(row["rate_cents"], currency),
        "first_message_id": row["first_message_id"],
        "last_message_id": row["last_message_id"],
    }
