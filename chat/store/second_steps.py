"""Second steps of sign-ins: those that are begun, and the codes that are left."""

from collections.abc import Iterable

from chat.database.connection import Connection
from chat.store.rows import SecondStepRow

# Of one user.
MOST = 10


def begin(db: Connection, token_hash: bytes, user_id: int, key: str | None, now: int, until: int) -> None:
    """Somebody is asked for a code; with a `key` they set it up. What is too old or too many goes."""
    db.conn.execute(
        """
        DELETE FROM second_steps WHERE expires_at <= ?1 OR user_id = ?2 AND token_hash NOT IN (
            SELECT token_hash FROM second_steps WHERE user_id = ?2 ORDER BY expires_at DESC LIMIT ?3
        )
        """,
        (now, user_id, MOST - 1),
    )
    db.conn.execute(
        "INSERT INTO second_steps (token_hash, user_id, totp_key, expires_at) VALUES (?, ?, ?, ?)",
        (token_hash, user_id, key, until),
    )


def end(db: Connection, user_id: int) -> None:
    """None that the user has begun goes on."""
    db.conn.execute("DELETE FROM second_steps WHERE user_id = ?", (user_id,))


def drop_old(db: Connection, now: int, limit: int) -> int:
    """Forget some that nobody finished in time: how many they were."""
    return db.conn.execute(
        f"""
        DELETE FROM second_steps WHERE token_hash IN (
            SELECT token_hash FROM second_steps WHERE expires_at <= ? LIMIT {limit:d}
        )
        """,
        (now,),
    ).rowcount


def by_token(db: Connection, token_hash: bytes, now: int) -> SecondStepRow | None:
    """The one that is begun, and not too old."""
    row: SecondStepRow | None = db.conn.execute(
        "SELECT * FROM second_steps WHERE token_hash = ? AND expires_at > ?", (token_hash, now)
    ).fetchone()
    return row


def take_step(db: Connection, user_id: int, step: int) -> bool:
    """Whether its code is newer than any that was used."""
    cursor = db.conn.execute(
        "UPDATE users SET totp_step = ?2 WHERE id = ?1 AND totp_step < ?2", (user_id, step)
    )
    return bool(cursor.rowcount)


def take_recovery_code(db: Connection, user_id: int, code_hash: bytes) -> bool:
    """Whether it was left."""
    cursor = db.conn.execute(
        "DELETE FROM recovery_codes WHERE user_id = ? AND code_hash = ?", (user_id, code_hash)
    )
    return bool(cursor.rowcount)


def count_recovery_codes(db: Connection, user_id: int) -> int:
    """How many are left."""
    row = db.conn.execute("SELECT count(*) FROM recovery_codes WHERE user_id = ?", (user_id,)).fetchone()
    return int(row[0])


def replace(db: Connection, user_id: int, key: str | None, code_hashes: Iterable[bytes] = ()) -> None:
    """The key and the recovery codes from now on; None is no second step, of which no code was used."""
    db.conn.execute(
        """
        UPDATE users SET totp_key = ?1, totp_step = iif(CAST(?1 AS TEXT) IS NULL, 0, totp_step) WHERE id = ?2
        """,
        (key, user_id),
    )
    db.conn.execute("DELETE FROM recovery_codes WHERE user_id = ?", (user_id,))
    db.conn.executemany(
        "INSERT INTO recovery_codes (user_id, code_hash) VALUES (?, ?)",
        [(user_id, each) for each in code_hashes],
    )
