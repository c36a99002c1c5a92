"""A session's row against its intervals, its messages, what was agreed and what was paid."""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

from chat import billing, books, store
from chat.database.connection import Connection
from chat.money import Cents
from chat.store.rows import IntervalRow, LedgerRow, SessionRow
from chat.verify.chain import Books

# Above every revision.
EVER = 2**62
OF_MINUTES = ("minute", "minute_refund")


def differences(
    db: Connection,
    row: SessionRow,
    intervals: Sequence[IntervalRow],
    paid: Sequence[LedgerRow],
    found: Books,
) -> Iterator[str]:
    """Of one session; its receipt is another matter."""
    yield from _row(row, intervals)
    yield from _messages(db, row, intervals)
    yield from _agreed(row, intervals, found.terms[row["id"]])
    yield from _shares(row, intervals, found.shares[row["id"]])
    yield from _money(row, intervals, paid)


def _row(row: SessionRow, intervals: Sequence[IntervalRow]) -> Iterator[str]:
    """The session's row against its intervals."""
    for first, second in pairwise(intervals):
        if first["ended_at"] != second["started_at"]:
            yield f"interval {second['id']} does not begin where interval {first['id']} ends"
    closed = [each for each in intervals if each["ended_at"] is not None]
    closed_ms = sum(ms for ms, *_ in billing.active_parts(closed, 0))
    if closed_ms != row["billed_ms"]:
        yield f"{row['billed_ms']} ms are billed, the intervals are {closed_ms} ms"
    last = intervals[-1] if intervals else None
    is_open = row["status"] != "ended"
    # While nobody has written since a hand-over, it may be handed on; then its interval is the first one's.
    is_transfer = last is not None and last["reason"] == "transfer"
    if last and not is_transfer and _payee(last) != _payee(row):
        yield f"the last interval has another agent or rate than the session, {Cents(row['rate_cents'])}"
    if not row["is_clock_started"] and not is_transfer and len(closed) < len(intervals):
        yield "an interval is open, and no clock has started"
    running_since = None
    if last and last["ended_at"] is None and last["reason"] == "active":
        running_since = last["started_at"]
    if is_open and running_since != row["running_since"]:
        yield f"the clock runs since {row['running_since']}, by its intervals since {running_since}"
    if last and is_open and row["is_clock_started"]:
        if last["ended_at"] is not None:
            yield "it goes on, and no interval is open"
        elif last["reason"] not in ("transfer", row["pause_reason"] or "active"):
            yield f"it is {row['pause_reason'] or row['status']}, the open interval is {last['reason']}"
    if last and not is_open and last["ended_at"] is not None and last["ended_at"] > (row["ended_at"] or 0):
        yield "its last interval is longer than it"
    if not is_open and len(closed) < len(intervals):
        yield "it has ended, and an interval is open"
    if intervals and intervals[0]["started_at"] < (row["accepted_at"] or row["created_at"]):
        yield "its first interval began before it was accepted"


def _payee(row: SessionRow | IntervalRow) -> tuple[int | None, int]:
    return row["agent_id"], row["rate_cents"]


def _messages(db: Connection, row: SessionRow, intervals: Sequence[IntervalRow]) -> Iterator[str]:
    """The messages that an interval spans are the session's, and of its time."""
    for each in intervals:
        for message_id in filter(None, {each["first_message_id"], each["last_message_id"]}):
            sent_at = store.messages.sent_at(db, row["id"], message_id)
            if sent_at is None:
                yield f"message {message_id} of interval {each['id']} is not the session's"
            elif each["ended_at"] is not None and sent_at > each["ended_at"]:
                yield f"message {message_id} is later than interval {each['id']}"
    newest = store.messages.newest_id(db, row["id"], EVER)
    if newest != row["last_message_id"]:
        yield f"its last message is {row['last_message_id']}, and there is {newest}"


def _agreed(
    row: SessionRow, intervals: Sequence[IntervalRow], terms: Sequence[dict[str, Any]]
) -> Iterator[str]:
    """What was agreed when it was accepted, or handed over, is what counts."""
    if row["accepted_at"] is not None and row["status"] != "ended" and not terms:
        yield "nothing says what was agreed"
    if not terms:
        return
    columns: dict[str, Any] = {**row}
    for name, value in terms[-1].items():
        if name in books.TERMS and columns[name] != value:
            yield f"{name} is {columns[name]}, agreed was {value}"
    agreed = {(each["agent_id"], each["rate_cents"]) for each in terms}
    if terms[0]["segment"]:
        return  # From before the books: what was agreed first, nobody wrote down.
    for each in intervals:
        if _payee(each) not in agreed:
            rate = Cents(each["rate_cents"])
            yield f"interval {each['id']} is of agent {each['agent_id']} at {rate}, which was not agreed"


def _shares(row: SessionRow, intervals: Sequence[IntervalRow], said: dict[int, int]) -> Iterator[str]:
    """The agents' shares of what it costs are those that they had when it became theirs."""
    for each in intervals:
        now, was = each["share_percent"], said.get(each["agent_id"])
        if was is None and row["status"] != "ended":
            yield f"nothing says what share agent {each['agent_id']} has"
        elif was not in (None, now):
            yield f"the share of interval {each['id']} is {now} per cent, the books say {was}"


def _money(row: SessionRow, intervals: Sequence[IntervalRow], paid: Sequence[LedgerRow]) -> Iterator[str]:
    """The totals, by the intervals that are closed; and what was taken from the balance."""
    closed = [each for each in intervals if each["ended_at"] is not None]
    charged = billing.charges(billing.active_parts(closed, 0), row["free_seconds"], row)
    total = billing.total(charged)
    if row["segment"] or row["earlier_seconds"] or row["earlier_cent_seconds"]:
        yield from _earlier(row, closed)
    if row["limit_cents"] is not None and total > row["limit_cents"]:
        yield f"it costs {Cents(total)}, above its limit of {Cents(row['limit_cents'])}"
    if row["ended_at"] is not None:
        seconds = sum(each.increments * each.seconds for each in charged)
        if row["total_cents"] is None:
            yield f"it has no total, the intervals make {Cents(total)}"
        elif total != row["total_cents"]:
            yield f"the total is {Cents(row['total_cents'])}, the intervals make {Cents(total)}"
        if seconds != row["billed_seconds"]:
            yield f"{row['billed_seconds']} s are billed, the intervals make {seconds} s"
    yield from _taken(row, total, [each for each in paid if each["kind"] in OF_MINUTES])


def _earlier(row: SessionRow, closed: Sequence[IntervalRow]) -> Iterator[str]:
    """What began with the agents before."""
    before = [each for each in closed if each["started_at"] < (row["agent_since"] or 0)]
    charged = billing.charges(billing.active_parts(before, 0), row["free_seconds"], row)
    seconds = sum(each.increments * each.seconds for each in charged)
    cent_seconds = sum(each.increments * each.seconds * each.rate_cents for each in charged)
    if (seconds, cent_seconds) != (row["earlier_seconds"], row["earlier_cent_seconds"]):
        said = row["earlier_seconds"], row["earlier_cent_seconds"]
        yield f"{said} (cent-)seconds are of agents before, the intervals make {seconds, cent_seconds}"


def _taken(row: SessionRow, total: int, minutes: Sequence[LedgerRow]) -> Iterator[str]:
    """What was taken from the client's balance for minutes of it."""
    if minutes and not row["is_prepaid"]:
        yield "minutes of it were taken from a balance, and it is not prepaid"
    taken = -sum(each["amount_cents"] for each in minutes)
    if row["is_prepaid"] and row["ended_at"] is not None and taken != total:
        yield f"the ledger has {Cents(taken)} for it, the intervals make {Cents(total)}"
    if taken != row["paid_cents"]:
        yield f"{Cents(row['paid_cents'])} are paid, the ledger has {Cents(taken)}"
    last = max((each["minute"] or 0 for each in minutes if each["segment"] == row["segment"]), default=0)
    if (last or not row["segment"]) and row["paid_minutes"] != last:
        yield f"{row['paid_minutes']} minutes are paid, the ledger has {last}"
    for each in minutes:
        if each["user_id"] != row["client_id"]:
            yield f"ledger entry {each['id']} is of user {each['user_id']}, who is not its client"
