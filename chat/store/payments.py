"""What clients pay through a provider, and what of it goes back."""

from chat.database.connection import Connection
from chat.store import books
from chat.store.rows import PaidBackRow, PaymentRow


def insert(
    db: Connection, user_id: int, provider: str, reference: str, cents: int, key: str | None, now: int
) -> int:
    """One that is asked for; its id."""
    cursor = db.conn.execute(
        """
        INSERT INTO payments (user_id, provider, reference, amount_cents, currency, key, created_at)
        VALUES (?, ?, ?, ?, (SELECT currency FROM server), ?, ?)
        RETURNING id
        """,
        (user_id, provider, reference, cents, key, now),
    )
    return int(cursor.fetchone()[0])


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
        "UPDATE payments SET checkout_id = ?, url = ? WHERE id = ? AND ledger_id IS NULL",
        (checkout_id, url, payment_id),
    )


def book(db: Connection, payment_id: int, provider_id: str, ledger_id: int, now: int) -> None:
    """It is paid."""
    db.conn.execute(
        "UPDATE payments SET provider_id = ?, ledger_id = ?, paid_at = ? WHERE id = ?",
        (provider_id, ledger_id, now, payment_id),
    )
    books.seal(db, "payment", payment_id)


def expire(db: Connection, reference: str, now: int) -> None:
    """Nobody pays it any more."""
    db.conn.execute(
        "UPDATE payments SET expired_at = ? WHERE reference = ? AND ledger_id IS NULL", (now, reference)
    )


def open_since(db: Connection, user_id: int, since: int) -> list[PaymentRow]:
    """What this user asked for after then, and may still pay, in order."""
    query = """
        SELECT * FROM payments
        WHERE user_id = ? AND created_at > ? AND ledger_id IS NULL AND expired_at IS NULL ORDER BY created_at
    """
    return db.conn.execute(query, (user_id, since)).fetchall()


def of_user(db: Connection, user_id: int, before_id: int, limit: int) -> list[PaymentRow]:
    """All that a user asked for, paid or not, with lower ids; newest first."""
    return db.conn.execute(
        f"SELECT * FROM payments WHERE user_id = ? AND id < ? ORDER BY id DESC LIMIT {limit:d}",
        (user_id, before_id),
    ).fetchall()


def report(db: Connection, provider_id: str) -> None:
    """Something of it went back, says the provider, which may say so before it says that it was paid."""
    db.conn.execute(
        "INSERT INTO provider_refunds (provider_id) VALUES (?) ON CONFLICT DO NOTHING", (provider_id,)
    )


def is_reported(db: Connection, provider_id: str) -> bool:
    """Whether it has said so."""
    query = "SELECT 1 FROM provider_refunds WHERE provider_id = ?"
    return db.conn.execute(query, (provider_id,)).fetchone() is not None


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
    provider_id: str | None = None,
) -> None:
    """Something goes back; `ledger_id` None is where the balance had nothing of it left."""
    cursor = db.conn.execute(
        """
        INSERT INTO payment_refunds
            (payment_id, reference, amount_cents, status, actor_id, key, ledger_id, created_at, provider_id)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
        RETURNING id
        """,
        (payment_id, reference, cents, status, actor_id, key, ledger_id, now, provider_id),
    )
    books.seal(db, "refund", cursor.fetchone()[0])


def refund_by_key(db: Connection, payment_id: int, key: str) -> PaidBackRow | None:
    """What was asked for with the key."""
    row: PaidBackRow | None = db.conn.execute(
        "SELECT * FROM payment_refunds WHERE payment_id = ? AND key = ?", (payment_id, key)
    ).fetchone()
    return row


def refund_of(
    db: Connection, payment_id: int, provider_id: str, reference: str | None, cents: int
) -> PaidBackRow | None:
    """What the provider means; one from before its ids were kept is known by its amount."""
    row: PaidBackRow | None = db.conn.execute(
        """
        SELECT * FROM payment_refunds WHERE payment_id = ?1 AND (provider_id = ?2 OR provider_id IS NULL
            AND (reference = ?3 OR status = 'done' AND amount_cents = ?4))
        ORDER BY provider_id IS NULL, reference <> coalesce(?3, ''), id LIMIT 1
        """,
        (payment_id, provider_id, reference, cents),
    ).fetchone()
    return row


def did_not_arrive(db: Connection, payment_id: int) -> int:
    """What should have gone back of it, and is on the balance again."""
    row = db.conn.execute(
        """
        SELECT coalesce(sum(amount_cents), 0) FROM payment_refunds
        WHERE payment_id = ? AND status = 'refused' AND ledger_id IS NOT NULL
        """,
        (payment_id,),
    ).fetchone()
    return int(row[0])


def pending_refund(db: Connection, payment_id: int) -> PaidBackRow | None:
    """The first of which nobody knows what came."""
    row: PaidBackRow | None = db.conn.execute(
        "SELECT * FROM payment_refunds WHERE payment_id = ? AND status = 'pending' ORDER BY id LIMIT 1",
        (payment_id,),
    ).fetchone()
    return row


def finish(db: Connection, refund_id: int, status: str, provider_id: str | None) -> bool:
    """It is done, or refused, which what was done can be later; False when that was known."""
    cursor = db.conn.execute(
        """
        UPDATE payment_refunds SET status = ?2, provider_id = coalesce(provider_id, ?3)
        WHERE id = ?1 AND status <> 'refused'
            AND (status <> ?2 OR provider_id IS NULL AND CAST(?3 AS TEXT) IS NOT NULL)
        """,
        (refund_id, status, provider_id),
    )
    if cursor.rowcount:
        books.seal(db, "refund", refund_id)
    return bool(cursor.rowcount)


def _first(db: Connection, condition: str, *values: object) -> PaymentRow | None:
    row: PaymentRow | None = db.conn.execute(f"SELECT * FROM payments WHERE {condition}", values).fetchone()
    return row
