"""The books: one row an entry, each with the hash of the one before; only ever added to.

`content` is JSON with sorted keys and no blanks, `hash` its SHA-256; `previous_hash` is in the content. All
other columns are computed from it by SQLite.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any

from chat.database.connection import Connection
from chat.store import server
from chat.store.rows import AgreedRow, BookKind, BookRow, MonthRow, SealedKind

TABLES: dict[SealedKind, str] = {
    "ledger": "ledger",
    "payout": "payouts",
    "payment": "payments",
    "refund": "payment_refunds",
}


def append(db: Connection, kind: BookKind, content: Mapping[str, object], number: int = 0) -> BookRow:
    """Add an entry, with the next number of its kind unless it has one; no earlier than the one before."""
    last = newest(db)
    whole = {
        "kind": kind,
        "number": number or _next_number(db, kind),
        "issued_at": max(server.now(db), last["issued_at"] if last else 0),
        "previous_hash": last["hash"] if last else "",
        **content,
    }
    text = json.dumps(whole, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    db.conn.execute("INSERT INTO books (content, hash) VALUES (?, ?)", (text, hash_of(text)))
    row = newest(db)
    assert row is not None
    return row


def seal(db: Connection, kind: SealedKind, row_id: int | None) -> int:
    """Write down a row, as it is now; its id. Of what changes later, the last that was written counts."""
    row = db.conn.execute(f"SELECT * FROM {TABLES[kind]} WHERE id = ?", (row_id,)).fetchone()
    append(db, kind, of_row(kind, row), row["id"] if kind == "ledger" else 0)
    return int(row["id"])


def seal_shares(db: Connection, chat_session_id: int) -> None:
    """Write down what agents have of a session's price, as soon as they have any of it."""
    for row in db.conn.execute(
        """
        SELECT DISTINCT agent_id, share_percent FROM billing_intervals i WHERE chat_session_id = ?1
            AND NOT EXISTS (
                SELECT 1 FROM books WHERE chat_session_id = ?1 AND kind = 'share'
                    AND CAST(content ->> 'agent_id' AS INTEGER) = i.agent_id
            )
        """,
        (chat_session_id,),
    ).fetchall():
        append(db, "share", {"chat_session_id": chat_session_id, **columns(row)})


def rows(db: Connection, kind: SealedKind) -> list[Any]:
    """All rows of its table, in order."""
    return db.conn.execute(f"SELECT * FROM {TABLES[kind]} ORDER BY id").fetchall()


def of_row(kind: SealedKind, row: Any) -> dict[str, object]:
    """What is written of a row, as it is then."""
    its_session = {"chat_session_id": row["chat_session_id"]} if kind == "ledger" else {}
    return {**its_session, "row": columns(row)}


def hash_of(content: str) -> str:
    """SHA-256, in hexadecimal digits."""
    return hashlib.sha256(content.encode()).hexdigest()


def columns(row: Any) -> dict[str, Any]:
    """A row of SQLite as a dict."""
    return dict(zip(row.keys(), row, strict=True))


def newest(db: Connection) -> BookRow | None:
    """The head: with its hash outside, nobody cuts anything off unnoticed."""
    row: BookRow | None = db.conn.execute("SELECT * FROM books ORDER BY sequence DESC LIMIT 1").fetchone()
    return row


def by_sequence(db: Connection, sequence: int) -> BookRow:
    """An entry that there is."""
    row: BookRow = db.conn.execute("SELECT * FROM books WHERE sequence = ?", (sequence,)).fetchone()
    return row


def receipt(db: Connection, chat_session_id: int) -> BookRow | None:
    """A session's receipt, if it has one."""
    rows = of_session(db, "receipt", chat_session_id)
    return rows[0] if rows else None


def of_session(db: Connection, kind: BookKind, chat_session_id: int) -> list[BookRow]:
    """A session's entries of that kind, in order."""
    return db.conn.execute(
        "SELECT * FROM books WHERE chat_session_id = ? AND kind = ? ORDER BY sequence",
        (chat_session_id, kind),
    ).fetchall()


def agreed(db: Connection, chat_session_id: int) -> list[AgreedRow]:
    """Which agents a session came to, in order."""
    return db.conn.execute(
        """
        SELECT CAST(content ->> 'agent_since' AS INTEGER) AS agent_since,
            users.id AS agent_id, users.name AS agent_name,
            CAST(content ->> 'rate_cents' AS INTEGER) AS rate_cents
        FROM books JOIN users ON users.id = CAST(content ->> 'agent_id' AS INTEGER)
        WHERE chat_session_id = ? AND kind = 'terms' ORDER BY sequence
        """,
        (chat_session_id,),
    ).fetchall()


def by_key(db: Connection, key: str) -> BookRow | None:
    """What was written with this idempotency key."""
    row: BookRow | None = db.conn.execute("SELECT * FROM books WHERE key = ?", (key,)).fetchone()
    return row


def everything(db: Connection) -> Iterator[BookRow]:
    """All of it, in order; read to its end within one work."""
    yield from db.conn.execute("SELECT * FROM books ORDER BY sequence")


def of_period(db: Connection, since: int, until: int) -> list[BookRow]:
    """Receipts, credits and ledger entries that were issued from `since` until before `until`."""
    return db.conn.execute(
        """
        SELECT * FROM books WHERE kind IN ('receipt', 'credit', 'ledger') AND issued_at >= ? AND issued_at < ?
        ORDER BY sequence
        """,
        (since, until),
    ).fetchall()


def first_at(db: Connection) -> int | None:
    """When the first entry was issued."""
    row = db.conn.execute("SELECT issued_at FROM books ORDER BY sequence LIMIT 1").fetchone()
    return None if row is None else int(row[0])


def sums(db: Connection, since: int, until: int) -> MonthRow:
    """How many receipts and credits were issued in that time, and what they come to."""
    row: MonthRow = db.conn.execute(
        """
        SELECT count(*) FILTER (WHERE kind = 'receipt') AS receipts,
            count(*) FILTER (WHERE kind = 'credit') AS credits,
            coalesce(sum(cents) FILTER (WHERE kind = 'receipt'), 0) AS total_cents,
            coalesce(sum(cents) FILTER (WHERE kind = 'credit'), 0) AS credited_cents
        FROM (
            SELECT kind, CAST(content ->> 'total_cents' AS INTEGER) AS cents FROM books
            WHERE kind IN ('receipt', 'credit') AND issued_at >= ? AND issued_at < ?
        ) AS issued
        """,
        (since, until),
    ).fetchone()
    return row


def _next_number(db: Connection, kind: BookKind) -> int:
    row = db.conn.execute("SELECT coalesce(max(number), 0) + 1 FROM books WHERE kind = ?", (kind,)).fetchone()
    return int(row[0])
