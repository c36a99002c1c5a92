"""A client's file: notes, earlier conversations and what they paid, for whoever talks to them."""

from collections import Counter

from chat import audit, billing, blocks, clock, notes, sessions, shares, store
from chat.accounts import User
from chat.database.connection import Connection
from chat.money import Cents
from chat.runtime import Runtime
from chat.store.rows import SessionRow
from chat.store.server import Time
from chat.store.statistics import QUARTER_MS
from chat.wire import ClientFile, Conversation, Paid


def file_of(
    runtime: Runtime, user: User, client_id: int, before_session_id: int, before_note_id: int, limit: int
) -> ClientFile:
    """The client's file: of notes and of conversations the newest with lower ids.

    Agents see of a colleague's conversation when it was and how long. That an administrator reads it is noted
    before. Raises Forbidden, NotFound.
    """
    agent_id = user.id if user.role == "agent" else None

    def read(db: Connection) -> ClientFile:
        client, time = notes.client_of(db, user, client_id), store.server.time(db)
        total, ended, currencies = store.archive.count(db, client_id)
        rows = store.archive.of_client(db, client_id, before_session_id, limit + 1)
        kept, has_more_notes = notes.of_client(db, user, client_id, before_note_id, limit)
        own, shut_out = (store.blocks.of_pair(db, client_id, each) for each in (agent_id, None))
        open_reports, done_reports = store.reports.count_about(db, client_id, agent_id)
        return {
            "client": {"id": client_id, "name": client["name"]},
            "language": client["language"],
            "since": clock.text(client["created_at"]),
            "is_first": ended == 0,
            "conversation_count": total,
            "paid": [_paid(db, time, client_id, agent_id, each) for each in currencies],
            "block": own and blocks.shown(own),
            "is_shut_out": shut_out is not None,
            "open_reports": open_reports,
            "done_reports": done_reports,
            "notes": kept,
            "has_more_notes": has_more_notes,
            "sessions": [_conversation(db, runtime, user, row, time) for row in rows[:limit]],
            "has_more": len(rows) > limit,
        }

    if user.role == "admin":
        runtime.database.write(lambda db: _note_reading(db, user, client_id))
    return runtime.database.read(read)


def _note_reading(db: Connection, reader: User, client_id: int) -> None:
    notes.client_of(db, reader, client_id)
    audit.note(db, reader, "file_read", client_id)


def _paid(db: Connection, time: Time, client_id: int, agent_id: int | None, currency: str) -> Paid:
    """To this agent, or to all."""
    tally = Counter[str]()
    for share in shares.of_ended(db, 0, time.now + QUARTER_MS, currency, agent_id, client_id):
        if agent_id in (None, share.agent_id):
            tally.update(share.tally)
    return {"minutes": tally["minutes"], "amount": Cents(tally["cents"], currency), "currency": currency}


def _conversation(
    db: Connection, runtime: Runtime, reader: User, row: SessionRow, time: Time
) -> Conversation:
    row = sessions.settled(db, row, time, runtime.settings)
    bill, is_whole = billing.bill(row, time.now), reader.role == "admin" or row["agent_id"] == reader.id
    cents, minutes = (bill.cents if is_whole else None), bill.billed_minutes
    if not is_whole and store.sessions.of_payee(db, row["id"], reader.id):
        parts = billing.active_parts(store.intervals.of_session(db, row["id"]), time.now)
        charged = billing.charges(parts, row["free_seconds"], row)
        cents = billing.total([each for each in charged if each.label == reader.id])
    return {
        "id": row["id"],
        "created_at": clock.text(row["created_at"]),
        "status": row["status"],
        "agent": {"id": row["agent_id"] or 0, "name": row["agent_name"] or ""},
        "minutes": minutes,
        "cost": None if cents is None else Cents(cents, row["currency"]),
        "currency": row["currency"],
        "rating": row["rating"] if is_whole else None,
        "access": "conversation" if is_whole else None if cents is None else "receipt",
    }
