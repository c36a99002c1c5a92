"""The append-only ledger of prepaid balances; `users.balance_cents` is its sum."""

from chat.database.connection import Connection
from chat.store import books
from chat.store.rows import LedgerRow, WrongBalanceRow


def append(
    db: Connection,
    user_id: int,
    kind: str,
    amount_cents: int,
    actor_id: int | None,
    reason: str,
    now: int,
    key: str | None = None,
) -> int | None:
    """Change a balance: the id of the entry, or None when it would go below zero."""
    if not _change_balance(db, user_id, amount_cents):
        return None
    cursor = db.conn.execute(
        """
        INSERT INTO ledger (user_id, kind, amount_cents, currency, actor_id, reason, created_at, key)
        VALUES (?, ?, ?, (SELECT currency FROM server), ?, ?, ?, ?)
        RETURNING id
        """,
        (user_id, kind, amount_cents, actor_id, reason, now, key),
    )
    return books.seal(db, "ledger", cursor.fetchone()[0])


def by_key(db: Connection, actor_id: int | None, key: str) -> LedgerRow | None:
    """What this actor (None: the console) did with the key."""
    row: LedgerRow | None = db.conn.execute(
        "SELECT * FROM ledger WHERE coalesce(actor_id, 0) = coalesce(?, 0) AND key = ?", (actor_id, key)
    ).fetchone()
    return row


def balance_after(db: Connection, entry: LedgerRow) -> int:
    """What was left after this entry."""
    row = db.conn.execute(
        "SELECT sum(amount_cents) FROM ledger WHERE user_id = ? AND id <= ?", (entry["user_id"], entry["id"])
    ).fetchone()
    return int(row[0])


def amount(db: Connection, entry_id: int) -> int:
    """By how much this entry changed a balance."""
    return int(db.conn.execute("SELECT amount_cents FROM ledger WHERE id = ?", (entry_id,)).fetchone()[0])


def credit(
    db: Connection, user_id: int, chat_session_id: int, cents: int, actor_id: int, reason: str, now: int
) -> int:
    """Give back some of what a session has cost; the entry's id."""
    _change_balance(db, user_id, cents)
    cursor = db.conn.execute(
        """
        INSERT INTO ledger
            (user_id, kind, amount_cents, currency, chat_session_id, actor_id, reason, created_at)
        VALUES (?, 'credit', ?, (SELECT currency FROM server), ?, ?, ?, ?)
        RETURNING id
        """,
        (user_id, cents, chat_session_id, actor_id, reason, now),
    )
    return books.seal(db, "ledger", cursor.fetchone()[0])


def debit_minute(
    db: Connection, user_id: int, chat_session_id: int, segment: int, minute: int, cents: int, at: int
) -> bool:
    """Take what begins with a minute; False when there is not enough."""
    if not _change_balance(db, user_id, -cents):
        return False
    cursor = db.conn.execute(
        """
        INSERT INTO ledger
            (user_id, kind, amount_cents, currency, chat_session_id, segment, minute, reason, created_at)
        VALUES (?1, 'minute', ?2, (SELECT currency FROM server), ?3, ?4, ?5, ?7, ?6)
        RETURNING id
        """,
        (user_id, -cents, chat_session_id, segment, minute, at, f"Minute {minute}"),
    )
    books.seal(db, "ledger", cursor.fetchone()[0])
    return True


def give_back(
    db: Connection, user_id: int, chat_session_id: int, segment: int, minute: int, cents: int, at: int
) -> None:
    """What was taken up to this minute, the last one, and then was not due."""
    cursor = db.conn.execute(
        """
        INSERT INTO ledger
            (user_id, kind, amount_cents, currency, chat_session_id, segment, minute, reason, created_at)
        SELECT ?1, 'minute_refund', ?2, currency, ?3, ?4, ?5, 'Not used', ?6 FROM server
        RETURNING id
        """,
        (user_id, cents, chat_session_id, segment, minute, at),
    )
    books.seal(db, "ledger", cursor.fetchone()[0])
    _change_balance(db, user_id, cents)


def of_session(db: Connection, chat_session_id: int) -> list[LedgerRow]:
    """A session's entries, in order."""
    return db.conn.execute(
        "SELECT * FROM ledger WHERE chat_session_id = ? ORDER BY id", (chat_session_id,)
    ).fetchall()


def everything(db: Connection) -> list[LedgerRow]:
    """All entries, in order."""
    return db.conn.execute("SELECT * FROM ledger ORDER BY id").fetchall()


def of_user(db: Connection, user_id: int, before_id: int, limit: int) -> list[LedgerRow]:
    """A user's newest entries with lower ids."""
    return db.conn.execute(
        f"SELECT * FROM ledger WHERE user_id = ? AND id < ? ORDER BY id DESC LIMIT {limit:d}",
        (user_id, before_id),
    ).fetchall()


def wrong_balances(db: Connection) -> list[WrongBalanceRow]:
    """Users whose balance is not the sum of their ledger."""
    return db.conn.execute(
        """
        SELECT users.id, balance_cents, coalesce(sum(amount_cents), 0) AS ledger_cents
        FROM users LEFT JOIN ledger ON ledger.user_id = users.id
        GROUP BY users.id HAVING balance_cents <> coalesce(sum(amount_cents), 0) ORDER BY users.id
        """
    ).fetchall()


def _change_balance(db: Connection, user_id: int, cents: int) -> bool:
    cursor = db.conn.execute(
        "UPDATE users SET balance_cents = balance_cents + ?1 WHERE id = ?2 AND balance_cents + ?1 >= 0",
        (cents, user_id),
    )
    return bool(cursor.rowcount)
