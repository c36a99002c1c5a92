"""What clients pay through a provider, and what of it goes back."""

from chat.database.connection import Connection
from chat.store.rows import PaidBackRow, PaymentRow


def insert(
    db: Connection, user_id: int, provider: str, reference: str, cents: int, key: str | None, now: int
) -> int:
    """One that is asked for; its id."""
    payment_id = db.conn.execute(
        """
        INSERT INTO payments (user_id, provider, reference, amount_cents, currency, key, created_at)
        VALUES (?, ?, ?, ?, (SELECT currency FROM server), ?, ?)
        """,
        (user_id, provider, reference, cents, key, now),
    ).lastrowid
    assert payment_id is not None
    return payment_id


def by_id(db: Connection, payment_id: int) -> PaymentRow | None:
    """Anybody's."""
    return _first(db, "id = ?", payment_id)


def by_reference(db: Connection, reference: str) -> PaymentRow | None:
    """The one that the provider means."""
    return _first(db, "reference = ?", reference)


def by_provider_id(db: Connection, provider_id: str) -> PaymentRow | None:
    """The one that was paid by this."""
    return _first(db, "provider_id = ?", provider_id)


def by_key(db: Connection, user_id: int, key: str) -> PaymentRow | None:
    """What this user asked for with the key."""
    return _first(db, "user_id = ? AND key = ?", user_id, key)


def paid_by(db: Connection, user_id: int, limit: int) -> list[PaymentRow]:
    """A user's newest that were paid."""
    return db.conn.execute(
        "SELECT * FROM payments WHERE user_id = ? AND ledger_id IS NOT NULL ORDER BY id DESC LIMIT ?",
        (user_id, limit),
    ).fetchall()


def begin(db: Connection, payment_id: int, checkout_id: str, url: str) -> None:
    """The provider has made a page for it."""
    db.conn.execute(
        "UPDATE payments SET checkout_id = ?, url = ? WHERE id = ?", (checkout_id, url, payment_id)
    )


def book(db: Connection, payment_id: int, provider_id: str, ledger_id: int, now: int) -> None:
    """It is paid."""
    db.conn.execute(
        "UPDATE payments SET provider_id = ?, ledger_id = ?, paid_at = ? WHERE id = ?",
        (provider_id, ledger_id, now, payment_id),
    )


def report(db: Connection, provider_id: str, units: int) -> None:
    """So much has gone back in all, says the provider; it says it in any order, also before the payment."""
    db.conn.execute(
        """
        INSERT INTO provider_refunds (provider_id, units) VALUES (?, ?)
        ON CONFLICT (provider_id) DO UPDATE SET units = max(units, excluded.units)
        """,
        (provider_id, units),
    )


def reported(db: Connection, provider_id: str) -> int:
    """The most that it has said, in its units."""
    row = db.conn.execute(
        "SELECT units FROM provider_refunds WHERE provider_id = ?", (provider_id,)
    ).fetchone()
    return int(row[0]) if row else 0


def paid_back(db: Connection, payment_id: int) -> int:
    """What has gone back of it, or is on its way."""
    row = db.conn.execute(
        """
        SELECT coalesce(sum(amount_cents), 0) FROM payment_refunds
        WHERE payment_id = ? AND status <> 'refused'
        """,
        (payment_id,),
    ).fetchone()
    return int(row[0])


def insert_refund(
    db: Connection,
    payment_id: int,
    reference: str,
    cents: int,
    status: str,
    actor_id: int | None,
    key: str,
    ledger_id: int | None,
    now: int,
) -> None:
    """Something goes back; `ledger_id` None is where the balance had nothing of it left."""
    db.conn.execute(
        """
        INSERT INTO payment_refunds
            (payment_id, reference, amount_cents, status, actor_id, key, ledger_id, created_at)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?)
        """,
        (payment_id, reference, cents, status, actor_id, key, ledger_id, now),
    )


def refund_by_key(db: Connection, payment_id: int, key: str) -> PaidBackRow | None:
    """What was asked for with the key."""
    row: PaidBackRow | None = db.conn.execute(
        "SELECT * FROM payment_refunds WHERE payment_id = ? AND key = ?", (payment_id, key)
    ).fetchone()
    return row


def pending_refund(db: Connection, payment_id: int) -> PaidBackRow | None:
    """The first of which nobody knows what came."""
    row: PaidBackRow | None = db.conn.execute(
        "SELECT * FROM payment_refunds WHERE payment_id = ? AND status = 'pending' ORDER BY id LIMIT 1",
        (payment_id,),
    ).fetchone()
    return row


def finish(db: Connection, refund_id: int, status: str) -> bool:
    """It is done, or refused; False when that was known."""
    cursor = db.conn.execute(
        "UPDATE payment_refunds SET status = ? WHERE id = ? AND status = 'pending'", (status, refund_id)
    )
    return bool(cursor.rowcount)


def finish_all(db: Connection, payment_id: int) -> None:
    """All of this payment are done."""
    db.conn.execute(
        "UPDATE payment_refunds SET status = 'done' WHERE payment_id = ? AND status = 'pending'",
        (payment_id,),
    )


def _first(db: Connection, condition: str, *values: object) -> PaymentRow | None:
    row: PaymentRow | None = db.conn.execute(f"SELECT * FROM payments WHERE {condition}", values).fetchone()
    return row
