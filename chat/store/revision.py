"""The one counter of state changes, and what it was taken for."""

from typing import NamedTuple

from chat.database.connection import Connection
from chat.store.rows import ChangedRow


class Changes(NamedTuple):
    """What has changed since a revision, read in one snapshot whose newest revision is `head`.

    `sessions` are (row, the newest revision of its messages); `sign_ins` those revoked, (token hash,
    revision).
    """

    head: int
    sessions: list[tuple[ChangedRow, int]]
    sign_ins: list[tuple[bytes, int]]


def head(db: Connection) -> int:
    """The revision of the last change."""
    row = db.conn.execute("SELECT head FROM revision").fetchone()
    return int(row[0])


def shared(db: Connection, cursor: int) -> int:
    """Up to where a reader at `cursor` has this history: there, or where a backup was restored since."""
    row = db.conn.execute(
        """
        SELECT coalesce(min(above), min(?1, (SELECT head FROM revision))) FROM lost_revisions
        WHERE ?1 > above AND ?1 <= upto
        """,
        (cursor,),
    ).fetchone()
    return int(row[0])


def advance(db: Connection, count: int = 1) -> int:
    """Take the next `count` revisions, for what this transaction changes; returns the last.

    No two sessions share one: a page of changes could end between them.
    """
    row = db.conn.execute("UPDATE revision SET head = head + ? RETURNING head", (count,)).fetchone()
    return int(row[0])


def changes(db: Connection, since: int) -> Changes:
    """What has changed after the revision `since`; on one snapshot."""
    sessions = db.conn.execute(
        """
        SELECT s.id, client_id, agent_id, previous_agent_id, is_for_any, status, owner_revision,
            s.revision, max(coalesce(m.revision, 0), edited_revision) AS message_revision
        FROM chat_sessions s LEFT JOIN messages m ON m.id = s.last_message_id WHERE s.revision > ?
        """,
        (since,),
    ).fetchall()
    sign_ins = db.conn.execute(
        "SELECT token_hash, revision FROM auth_tokens WHERE revision > ?", (since,)
    ).fetchall()
    return Changes(head(db), [(row, row["message_revision"]) for row in sessions], list(map(tuple, sign_ins)))
