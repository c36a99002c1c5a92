"""The one counter of state changes."""

from chat.database import Connection


def head(db: Connection) -> int:
    """The revision of the last change."""
    row = db.conn.execute("SELECT head FROM revision").fetchone()
    return int(row[0])


def advance(db: Connection, count: int = 1) -> int:
    """Take the next `count` revisions, for what this transaction changes; returns the last.

    No two sessions share one: a page of changes could end between them.
    """
    row = db.conn.execute("UPDATE revision SET head = head + ? RETURNING head", (count,)).fetchone()
    return int(row[0])


def changed_topics(db: Connection, since: int) -> list[tuple[str, int]]:
    """What changed after `since`, as (topic, revision); the names are those of `chat.topics`."""
    return [
        (topic, revision)
        for topic, revision in db.conn.execute(
            """
            WITH changed AS MATERIALIZED (SELECT * FROM chat_sessions WHERE revision > :since)
            SELECT 'session:' || id, revision FROM changed
            UNION ALL SELECT 'messages:' || id, revision FROM changed
            UNION ALL SELECT 'user:' || client_id, revision FROM changed
            UNION ALL SELECT 'user:' || agent_id, revision FROM changed WHERE agent_id IS NOT NULL
            UNION ALL SELECT 'user:' || previous_agent_id, revision FROM changed
                WHERE previous_agent_id IS NOT NULL
            UNION ALL SELECT 'queue', owner_revision FROM changed WHERE owner_revision > :since
            UNION ALL SELECT 'token:' || hex(token_hash), revision FROM auth_tokens WHERE revision > :since
            """,
            {"since": since},
        ).fetchall()
    ]
