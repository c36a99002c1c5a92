"""What administrators did; only ever added to."""

from chat import texts
from chat.database.connection import Connection
from chat.store.rows import AuditKind, AuditRow


def insert(
    db: Connection,
    kind: AuditKind,
    actor_id: int | None,
    address: str,
    user_id: int | None,
    chat_session_id: int | None,
    detail: str,
    now: int,
) -> None:
    """One more."""
    db.conn.execute(
        """
        INSERT INTO audit (kind, actor_id, address, user_id, chat_session_id, detail, created_at)
        VALUES (?, ?, ?, ?, ?, ?, ?)
        """,
        (kind, actor_id, address, user_id, chat_session_id, detail, now),
    )


def was_noted(db: Connection, kind: AuditKind, actor_id: int, chat_session_id: int, since: int) -> bool:
    """Whether that administrator did so with that session since then."""
    row = db.conn.execute(
        """
        SELECT 1 FROM audit
        WHERE actor_id = ? AND kind = ? AND chat_session_id = ? AND created_at >= ? LIMIT 1
        """,
        (actor_id, kind, chat_session_id, since),
    ).fetchone()
    return row is not None


def listed(
    db: Connection, text: str, user_id: int | None, kind: str | None, before_id: int, limit: int
) -> list[AuditRow]:
    """The newest with lower ids, of this kind, and of whom this user (or this text in name or email) is one:
    who did it, or to whom it was done."""
    return db.conn.execute(
        f"""
        WITH found AS MATERIALIZED (
            SELECT id FROM users WHERE (CAST(:user_id AS INTEGER) IS NULL OR id = :user_id)
                AND instr(folded(name || ' ' || email), :text) > 0
        )
        SELECT audit.*, actor.name AS actor_name, person.name AS user_name FROM audit
        LEFT JOIN users actor ON actor.id = actor_id LEFT JOIN users person ON person.id = user_id
        WHERE audit.id < :before_id AND (CAST(:kind AS TEXT) IS NULL OR kind = :kind)
            AND (CAST(:is_all AS INTEGER) = 1 OR actor_id IN (SELECT id FROM found)
                OR user_id IN (SELECT id FROM found))
        ORDER BY audit.id DESC LIMIT {limit:d}
        """,
        {
            "text": texts.folded(text),
            "user_id": user_id,
            "kind": kind,
            "before_id": before_id,
            "is_all": user_id is None and not text,
        },
    ).fetchall()
