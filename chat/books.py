"""What is written into the books, and never changed again: what was agreed, receipts, credits.

Each entry is the JSON of one of the shapes below, with `kind`, `number` (gapless for each kind), `issued_at`
and `previous_hash`. Amounts are whole cents, instants milliseconds since 1970.
"""

import json
from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, cast

from typing_extensions import TypedDict

from chat import billing, store
from chat.database.connection import Connection
from chat.errors import existing
from chat.settings import Settings
from chat.store.rows import BookRow, IntervalRow, SessionRow

# What is agreed when an agent accepts or takes over.
TERMS = (
    *("client_id", "agent_id", "agent_since", "segment", "rate_cents", "max_rate_cents", "currency"),
    *("free_seconds", "free_agent_id", "is_prepaid", "minimum_cents"),
    *("first_increment_seconds", "next_increment_seconds"),
)
# The columns of a session that may change after its end.
LIVING = (
    *("rating", "rating_comment", "client_read_id", "agent_read_id", "client_delivered_id"),
    *("agent_delivered_id", "owner_revision", "events_revision", "edited_revision", "revision"),
    *("due_at", "words_gone_at"),
)


class Operator(TypedDict):
    """Who runs the server, as its settings say."""

    name: str
    address: str
    tax_number: str


class Person(TypedDict):
    """Somebody as they were called then."""

    id: int
    name: str


class Charge(TypedDict):
    """Increments that began one after the other: what they cost, and who earned it (see billing.Charge)."""

    count: int
    seconds: int
    rate_cents: int
    agent_id: int
    cents: int


class Tax(TypedDict):
    """What of a total is value-added tax; `vat_rate` is in per cent, "" where there is none."""

    vat_rate: str
    vat_note: str
    net_cents: int
    vat_cents: int
    total_cents: int


class Content(Tax):
    """A receipt, or what it would be now. `session` is the row, but for what may change after the end."""

    chat_session_id: int
    operator: Operator
    client: Person
    agent: Person | None
    session: dict[str, Any]
    intervals: list[IntervalRow]
    active_ms: int
    free_seconds: int
    charges: list[Charge]
    currency: str


class Share(TypedDict):
    """How much of a credit an agent bears, and how much of that they had earned themselves."""

    agent_id: int
    cents: int
    share: int


class Credited(Tax):
    """A credit note; `is_to_balance` or else it is to be paid back, `ledger_id` is its entry there."""

    chat_session_id: int
    receipt: int
    operator: Operator
    client: Person
    currency: str
    reason: str
    key: str
    actor_id: int
    is_to_balance: bool
    ledger_id: int | None
    shares: list[Share]


def content(row: SessionRow, intervals: Sequence[IntervalRow], settings: Settings, now: int) -> Content:
    """What the receipt says; of a session that goes on, what it would say if it ended now."""
    parts = billing.active_parts(intervals, now)
    charges: list[Charge] = [
        {
            "count": each.increments,
            "seconds": each.seconds,
            "rate_cents": each.rate_cents,
            "agent_id": each.label,
            "cents": each.cents,
        }
        for each in billing.charges(parts, row["free_seconds"], row)
    ]
    agent: Person | None = None
    if row["agent_id"] is not None:
        agent = {"id": row["agent_id"], "name": row["agent_name"] or ""}
    return {
        "chat_session_id": row["id"],
        "operator": operator(settings),
        "client": {"id": row["client_id"], "name": row["client_name"]},
        "agent": agent,
        "session": lasting(row),
        "intervals": [cast(IntervalRow, dict(cast(Any, each))) for each in intervals],
        "active_ms": sum(ms for ms, *_ in parts),
        "free_seconds": row["free_seconds"],
        "charges": charges,
        "currency": row["currency"],
        **tax(sum(each["cents"] for each in charges), settings.vat_rate, settings.vat_note),
    }


def write(db: Connection, settings: Settings, was: SessionRow, chat_session_id: int) -> None:
    """With a change of a session, what it brings into the books: terms, or its receipt."""
    row = existing(store.sessions.by_id(db, chat_session_id))
    if (row["accepted_at"], row["segment"]) != (was["accepted_at"], was["segment"]):
        store.books.append(db, "terms", _agreed(row))
    if row["status"] == "ended" and was["status"] != "ended" and is_due(row):
        store.books.append(db, "receipt", _of(db, row, settings))


def is_due(row: SessionRow) -> bool:
    """Whether a session that has ended has a receipt: its clock has run."""
    return row["billed_ms"] > 0


def begin(db: Connection, settings: Settings) -> None:
    """Into books that are empty comes what there was before them, in the order of its time.

    Old receipts get the names and the operator as they are now; nobody knows what they were.
    """
    if store.books.newest(db) is not None:
        return
    entries: list[tuple[int, Any, dict[str, object], int]] = []
    latest = 0
    for entry in store.ledger.everything(db):
        latest = max(latest, entry["created_at"])
        entries.append((latest, "ledger", store.books.of_row("ledger", entry), entry["id"]))
    for payout in store.books.rows(db, "payout"):
        entries.append((payout["created_at"], "payout", store.books.of_row("payout", payout), 0))
    for chat_session_id in store.sessions.all_ids(db):
        session = existing(store.sessions.by_id(db, chat_session_id))
        if session["ended_at"] is None and session["accepted_at"] is not None:
            entries.append((session["accepted_at"], "terms", _agreed(session), 0))
        elif session["ended_at"] is not None and is_due(session):
            entries.append((session["ended_at"], "receipt", dict(_of(db, session, settings)), 0))
    for at, kind, content, number in sorted(entries, key=lambda each: each[0]):
        store.books.append(db, kind, {**content, "issued_at": at}, number)
    for chat_session_id in store.sessions.open_ids(db):
        store.books.seal_shares(db, chat_session_id)


def read(row: BookRow) -> Any:
    """What it says: Content of a receipt, Credited of a credit."""
    return json.loads(row["content"])


def operator(settings: Settings) -> Operator:
    """As it is now."""
    return {
        "name": settings.operator_name,
        "address": settings.operator_address,
        "tax_number": settings.operator_tax_number,
    }


def lasting(row: SessionRow) -> dict[str, Any]:
    """The columns of the session's own table that do not change after its end."""
    return {name: value for name, value in store.sessions.own(row).items() if name not in LIVING}


def tax(total_cents: int, vat_rate: str, vat_note: str) -> Tax:
    """The total, which includes the tax, taken apart; a half cent is rounded up."""
    net = Decimal(total_cents) * 100 / (100 + Decimal(vat_rate or 0))
    net_cents = int(net.quantize(Decimal(1), ROUND_HALF_UP))
    return {
        "vat_rate": vat_rate,
        "vat_note": vat_note,
        "net_cents": net_cents,
        "vat_cents": total_cents - net_cents,
        "total_cents": total_cents,
    }


def _agreed(row: SessionRow) -> dict[str, object]:
    columns = cast(dict[str, object], row)
    return {"chat_session_id": row["id"], **{name: columns[name] for name in TERMS}}


def _of(db: Connection, row: SessionRow, settings: Settings) -> Content:
    return content(row, store.intervals.of_session(db, row["id"]), settings, row["ended_at"] or 0)
