"""The one counter of state changes."""

from chat.database import Connection


def head(db: Connection) -> int:
    """The revision of the last change."""
    row = db.conn.execute("SELECT head FROM revision").fetchone()
    return int(row[0])


def advance(db: Connection) -> int:
    """Take the next revision, for the rows that this transaction changes."""
    row = db.conn.execute("UPDATE revision SET head = head + 1 RETURNING head").fetchone()
    return int(row[0])


def changed_topics(db: Connection, since: int) -> list[tuple[str, int]]:
    """What changed after `since`, as (topic, revision)."""
    return [
        (topic, revision)
        for topic, revision in db.conn.execute(
            """
            SELECT 'session:' || id, revision FROM chat_sessions WHERE revision > :since
            UNION ALL
            SELECT 'token:' || hex(token_hash), revision FROM auth_tokens WHERE revision > :since
            """,
            {"since": since},
        ).fetchall()
    ]
