"""Tokens of sign-ins, and those with a label, of programs; only the SHA-256 of one is kept."""

from collections.abc import Iterable

from chat.database.connection import Connection
from chat.store.rows import SignedInRow, TokenRow, ValidRow


def insert(
    db: Connection, user_id: int, token_hash: bytes, now: int, expires_at: int, label: str | None = None
) -> None:
    """A new token, by its hash."""
    db.conn.execute(
        """
        INSERT INTO auth_tokens (user_id, token_hash, created_at, expires_at, label) VALUES (?, ?, ?, ?, ?)
        """,
        (user_id, token_hash, now, expires_at, label),
    )


def user_of(db: Connection, token_hash: bytes) -> SignedInRow | None:
    """The user whom a token signs in that is valid now, and its label."""
    row: SignedInRow | None = db.conn.execute(
        """
        SELECT users.id, users.role, users.name, users.language, label FROM auth_tokens
        JOIN users ON users.id = auth_tokens.user_id
        WHERE token_hash = ? AND revoked_at IS NULL AND disabled_at IS NULL
            AND expires_at > ? + (SELECT clock_offset FROM server)
        """,
        (token_hash, db.clock.steady()),
    ).fetchone()
    return row


def valid_of(db: Connection, user_id: int, now: int) -> list[ValidRow]:
    """The user's sign-ins that are valid at `now`, the newest first."""
    return db.conn.execute(
        """
        SELECT id, created_at, expires_at FROM auth_tokens
        WHERE user_id = ? AND label IS NULL AND revoked_at IS NULL AND expires_at > ? ORDER BY id DESC
        """,
        (user_id, now),
    ).fetchall()


def labelled(db: Connection, user_id: int, now: int) -> list[TokenRow]:
    """The user's tokens for programs that are valid at `now`, the newest first."""
    return db.conn.execute(
        """
        SELECT id, label, created_at, used_at, expires_at, token_hash FROM auth_tokens
        WHERE user_id = ? AND label IS NOT NULL AND revoked_at IS NULL AND expires_at > ? ORDER BY id DESC
        """,
        (user_id, now),
    ).fetchall()


def unnoted(db: Connection, token_hashes: Iterable[bytes], used_at: int) -> list[bytes]:
    """Those of which no use is stored since then."""
    found = []
    for each in token_hashes:
        query = "SELECT 1 FROM auth_tokens WHERE token_hash = ? AND coalesce(used_at, 0) < ?"
        if db.conn.execute(query, (each, used_at)).fetchone():
            found.append(each)
    return found


def use(db: Connection, token_hashes: Iterable[bytes], now: int) -> None:
    """They are in use."""
    rows = [(now, each) for each in token_hashes]
    db.conn.executemany("UPDATE auth_tokens SET used_at = ? WHERE token_hash = ?", rows)


def revoke(db: Connection, token_hash: bytes, now: int, revision: int) -> bool:
    """Whether it was valid until now."""
    cursor = db.conn.execute(
        "UPDATE auth_tokens SET revoked_at = ?, revision = ? WHERE token_hash = ? AND revoked_at IS NULL",
        (now, revision, token_hash),
    )
    return bool(cursor.rowcount)


def revoke_all(
    db: Connection, user_id: int, now: int, revision: int, but: bytes = b"", with_labelled: bool = True
) -> list[bytes]:
    """The hashes of the user's tokens that were valid until now, other than `but`; of sign-ins, or of all."""
    rows = db.conn.execute(
        """
        UPDATE auth_tokens SET revoked_at = ?, revision = ?
        WHERE user_id = ? AND token_hash <> ? AND (label IS NULL OR ? = 1) AND revoked_at IS NULL
        RETURNING token_hash
        """,
        (now, revision, user_id, but, with_labelled),
    ).fetchall()
    return [row[0] for row in rows]


def spent(db: Connection, expired_at: int, revoked_at: int, limit: int) -> list[int]:
    """The ids of some that expired, or were revoked, by then; those that were revoked later are kept."""
    rows = db.conn.execute(
        """
        SELECT id FROM auth_tokens WHERE expires_at <= ?1 AND revoked_at IS NULL
        UNION ALL SELECT id FROM auth_tokens WHERE revoked_at <= ?2 LIMIT ?3
        """,
        (expired_at, revoked_at, limit),
    ).fetchall()
    return [row[0] for row in rows]


def delete(db: Connection, token_ids: Iterable[int]) -> None:
    """For good."""
    db.conn.executemany("DELETE FROM auth_tokens WHERE id = ?", [(each,) for each in token_ids])


def look(db: Connection, token_hash: bytes, page: str, until: int) -> None:
    """A page of the sign-in is looked at until then; with 0 it is not any more, if no other one is."""
    db.conn.execute(
        """
        UPDATE auth_tokens SET looking_page = ?2, looking_until = ?3
        WHERE token_hash = ?1 AND (?3 > 0 OR looking_page = ?2)
        """,
        (token_hash, page, until),
    )
