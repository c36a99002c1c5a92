"""The bill of a session, in full, so that anybody can compute it again; and the check that does."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any, TypeVar

from chat import clock, sessions
from chat.accounts import User
from chat.billing import MINUTE_SECONDS, Meter, Switch
from chat.database import Connection
from chat.engine import Engine
from chat.money import Cents
from chat.store import intervals, ledger, server
from chat.store import sessions as stored

Label = TypeVar("Label")


def of_session(engine: Engine, user: User, chat_session_id: int) -> dict[str, Any]:
    """The receipt, or what it would be if the session ended now."""

    def read(db: Connection) -> dict[str, Any]:
        row, time = sessions.of_user(db, chat_session_id, user.id), server.time(db)
        paid = ledger.of_session(db, chat_session_id) if row["client_id"] == user.id else []
        meter = Meter(row, engine.rules)
        meter.settle(time)
        found = _switched(intervals.of_session(db, chat_session_id), meter.switches)
        minutes = prices(_active(found, time.now), row["free_seconds"])
        session = sessions.details(db, engine, row, time)
        return {
            "server_time": session.pop("server_time"),
            "session": session,
            "is_final": row["status"] == "ended",
            "free_seconds": row["free_seconds"],
            "intervals": [_interval(each, time.now) for each in found],
            "minutes": [
                {"minute": number, "rate_per_minute": Cents(cents)}
                for number, cents in enumerate(minutes, start=1)
            ],
            "total_cost": Cents(sum(minutes)),
            "currency": row["currency"],
            "ledger": [entry(each) for each in paid],
        }

    receipt: dict[str, Any] = engine.database.read(read)
    return receipt


def entry(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row of the ledger, on the wire."""
    return {
        "id": row["id"],
        "kind": row["kind"],
        "amount": Cents(row["amount_cents"]),
        "chat_session_id": row["chat_session_id"],
        "minute": row["minute"],
        "actor_id": row["actor_id"],
        "reason": row["reason"],
        "created_at": clock.text(row["created_at"]),
    }


def verify(db: Connection) -> Iterator[str]:
    """Compute every total again from its intervals, every balance from its ledger: what differs."""
    for chat_session_id in stored.all_ids(db):
        row = stored.by_id(db, chat_session_id)
        if row is not None:
            for difference in _differences(db, row):
                yield f"session {chat_session_id}: {difference}"
    for user in ledger.wrong_balances(db):
        yield (
            f"user {user['id']}: the balance is {Cents(user['balance_cents'])}, "
            f"the ledger says {Cents(user['ledger_cents'])}"
        )


def prices(parts: Iterable[tuple[int, Label]], free_seconds: int) -> list[Label]:
    """What each begun minute goes by, from `(milliseconds, label)` of each active interval in order.

    A minute goes by the interval that its first second after the free ones falls into; with cents a minute
    for labels, these are the minutes' prices.
    """
    found: list[Label] = []
    active_ms = 0
    for ms, label in parts:
        active_ms += ms
        while active_ms >= (free_seconds + len(found) * MINUTE_SECONDS + 1) * 1000:
            found.append(label)
    return found


def _switched(found: Sequence[Mapping[str, Any]], switches: Iterable[Switch]) -> list[Mapping[str, Any]]:
    """The intervals as they will be when these switches are stored."""
    intervals = list(found)
    for switch in switches:
        last = intervals[-1]
        intervals[-1] = {**last, "ended_at": switch.at}
        if switch.reason is not None:
            intervals.append({**last, "reason": switch.reason, "started_at": switch.at, "ended_at": None})
    return intervals


def _active(found: Sequence[Mapping[str, Any]], now: int) -> list[tuple[int, int]]:
    """(milliseconds until now, cents a minute) of each interval that is billed."""
    return [
        (_end(each, now) - each["started_at"], each["rate_cents"])
        for each in found
        if each["reason"] == "active"
    ]


def _end(interval: Mapping[str, Any], now: int) -> int:
    end: int = now if interval["ended_at"] is None else interval["ended_at"]
    return end


def _differences(db: Connection, row: Mapping[str, Any]) -> Iterator[str]:
    found = intervals.of_session(db, row["id"])
    yield from _gaps(found)
    closed_ms = sum(ms for ms, _ in _active([each for each in found if each["ended_at"] is not None], 0))
    if closed_ms != row["billed_ms"]:
        yield f"{row['billed_ms']} ms are billed, the intervals are {closed_ms} ms"
    if row["status"] != "ended":
        return
    if any(each["ended_at"] is None for each in found):
        yield "it has ended, and an interval is open"
    total = sum(prices(_active(found, row["ended_at"]), row["free_seconds"]))
    if total != row["total_cents"]:
        yield f"the total is {Cents(row['total_cents'])}, the intervals make {Cents(total)}"
    paid = -sum(each["amount_cents"] for each in ledger.of_session(db, row["id"]))
    if row["is_prepaid"] and paid != total:
        yield f"the ledger has {Cents(paid)} for it, the intervals make {Cents(total)}"


def _gaps(found: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for before, after in pairwise(found):
        if before["ended_at"] != after["started_at"]:
            yield f"interval {after['id']} does not begin where interval {before['id']} ends"


def _interval(row: Mapping[str, Any], now: int) -> dict[str, Any]:
    return {
        "started_at": clock.text(row["started_at"]),
        "ended_at": clock.text(row["ended_at"]),
        "milliseconds": _end(row, now) - row["started_at"],
        "reason": row["reason"],
        "is_billed": row["reason"] == "active",
        "agent": {"id": row["agent_id"], "name": row["agent_name"]},
        "rate_per_minute": Cents(row["rate_cents"]),
        "first_message_id": row["first_message_id"],
        "last_message_id": row["last_message_id"],
    }
