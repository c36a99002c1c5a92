"""The bill of a session, in full, so that anybody can compute it again; frozen once it has a number."""

from decimal import Decimal
from typing import Any

from chat import billing, books, clock, sessions, store
from chat.accounts import User
from chat.books import Charge, Content, Credited
from chat.database.connection import Connection
from chat.errors import existing
from chat.lifecycle import moved
from chat.money import Cents
from chat.runtime import Runtime
from chat.store.rows import BookRow, IntervalRow, LedgerRow, RemarkRow, SessionRow
from chat.store.server import Time
from chat.wire import Charged, Credit, Entry, Interval, Receipt, Remark, Vat


def of_session(runtime: Runtime, user: User, chat_session_id: int) -> Receipt:
    """The receipt, or what it would be if the session ended now; raises NotFound.

    The client, the agent and administrators see all of it, an agent who handed it over their own part.
    """
    return runtime.database.read(lambda db: show(db, runtime, user, chat_session_id))


def show(db: Connection, runtime: Runtime, user: User, chat_session_id: int) -> Receipt:
    """The same, within one read."""
    row, time = visible(db, user, chat_session_id), store.server.time(db)
    issued = store.books.receipt(db, chat_session_id)
    content = books.read(issued) if issued else _so_far(db, runtime, row, time)
    if user.role != "admin":
        content = _without_erased(db, content)
    is_part = user.role == "agent" and row["agent_id"] != user.id
    if is_part:
        content = _part(content, user.id)
    is_payer = user.role == "admin" or row["client_id"] == user.id
    paid = store.ledger.of_session(db, chat_session_id) if is_payer else []
    notes = [] if is_part else store.books.of_session(db, "credit", chat_session_id)
    credits = [credit(each) for each in notes]
    credited, currency = sum(each["amount"] for each in credits), content["currency"]
    return {
        "server_time": time.now,
        "session": _session(db, runtime, row, time, content, is_part),
        "is_final": row["status"] == "ended",
        "is_part": is_part,
        "number": issued["number"] if issued else None,
        "issued_at": clock.text(issued["issued_at"]) if issued else None,
        "hash": issued["hash"] if issued else None,
        "operator": content["operator"],
        "client": content["client"],
        "agent": content["agent"],
        "free_seconds": content["free_seconds"],
        "intervals": [_interval(each, time.now, currency) for each in content["intervals"]],
        "active_milliseconds": content["active_ms"],
        "active_seconds": content["active_ms"] // 1000,
        "charges": [_charged(each, content) for each in content["charges"]],
        "total_cost": Cents(content["total_cents"], currency),
        "vat": _vat(content),
        "currency": currency,
        "ledger": [entry(each) for each in paid],
        "credits": credits,
        "credited": Cents(credited, currency),
        "remaining": Cents(content["total_cents"] - credited, currency),
        "remarks": [] if is_part else [remark(each) for each in store.remarks.of_session(db, row["id"])],
    }


def visible(db: Connection, user: User, chat_session_id: int) -> SessionRow:
    """The row of a session whose receipt the user may see; raises NotFound."""
    if user.role == "admin":
        return existing(store.sessions.by_id(db, chat_session_id))
    return existing(
        store.sessions.of_participant(db, chat_session_id, user.id)
        or store.sessions.of_payee(db, chat_session_id, user.id)
    )


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


def credit(row: BookRow) -> Credit:
    """A credit note, on the wire."""
    said: Credited = books.read(row)
    return {
        "number": row["number"],
        "receipt": said["receipt"],
        "issued_at": clock.text(row["issued_at"]),
        "amount": Cents(said["total_cents"], said["currency"]),
        "currency": said["currency"],
        "vat": _vat(said),
        "reason": said["reason"],
        "is_to_balance": said["is_to_balance"],
        "hash": row["hash"],
    }


def remark(row: RemarkRow) -> Remark:
    """What somebody said about a receipt, on the wire."""
    return {
        "id": row["id"],
        "by": row["role"],
        "name": row["name"],
        "remark": row["remark"],
        "created_at": clock.text(row["created_at"]),
    }


def _without_erased(db: Connection, content: Content) -> Content:
    """Who is erased has their name in the books, and for administrators: nobody else is told it any more."""
    people: list[Any] = [content["client"], *filter(None, [content["agent"]])]
    payees: list[Any] = content["intervals"]
    names = store.users.erased(db, {*(each["id"] for each in people), *(each["agent_id"] for each in payees)})
    for each in people:
        each["name"] = names.get(each["id"], each["name"])
    for each in payees:
        each["agent_name"] = names.get(each["agent_id"], each["agent_name"])
    return content


def _so_far(db: Connection, runtime: Runtime, row: SessionRow, time: Time) -> Content:
    """What the receipt would say now, stored or not."""
    life = sessions.life_of(db, row, runtime.settings)
    life.settle(time)
    intervals = moved(store.intervals.of_session(db, row["id"]), life.moves)
    return books.content(life.session, intervals, runtime.settings, time.now)


def _part(content: Content, agent_id: int) -> Content:
    """What one agent has of it."""
    intervals = [each for each in content["intervals"] if each["agent_id"] == agent_id]
    charges = [each for each in content["charges"] if each["agent_id"] == agent_id]
    total = sum(each["cents"] for each in charges)
    return {
        **content,
        **books.tax(total, content["vat_rate"], content["vat_note"]),
        "agent": {"id": agent_id, "name": intervals[0]["agent_name"]},
        "intervals": intervals,
        "active_ms": sum(
            (each["ended_at"] or each["started_at"]) - each["started_at"]
            for each in intervals
            if each["reason"] == "active"
        ),
        "charges": charges,
    }


def _session(
    db: Connection, runtime: Runtime, row: SessionRow, time: Time, content: Content, is_part: bool
) -> Any:
    """How it stands, with the names of the receipt; who has only a part of it is told no opinion."""
    session = sessions.untimed(sessions.details(db, runtime, row, time))
    session["client"]["name"] = content["client"]["name"]
    if session["agent"] and content["agent"] and not is_part:
        session["agent"]["name"] = content["agent"]["name"]
    return {**session, "rating": None, "rating_comment": None} if is_part else session


def _charged(charge: Charge, content: Content) -> Charged:
    """On the wire; `net_rate` is the rate without tax."""
    names = {each["agent_id"]: each["agent_name"] for each in content["intervals"]}
    units = Decimal(str(Cents(charge["rate_cents"], content["currency"])))
    net = units * 100 / (100 + Decimal(content["vat_rate"] or 0))
    return {
        "count": charge["count"],
        "seconds": charge["seconds"],
        "agent": {"id": charge["agent_id"], "name": names[charge["agent_id"]]},
        "rate_per_minute": Cents(charge["rate_cents"], content["currency"]),
        "net_rate": str(net.quantize(Decimal("0.0001"))),
        "amount": Cents(charge["cents"], content["currency"]),
    }


def _vat(said: Content | Credited) -> Vat:
    return {
        "rate": said["vat_rate"] or None,
        "note": said["vat_note"],
        "net": Cents(said["net_cents"], said["currency"]),
        "vat": Cents(said["vat_cents"], said["currency"]),
    }


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
