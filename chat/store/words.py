"""What people wrote, wherever it stands: found when its time is over or its writer erased, and taken away.

A row that others lean on stays, with '' in the place of the words. docs/privacy.md lists every column.
"""

import json
from collections.abc import Sequence
from typing import NamedTuple

from chat.database.connection import Connection
from chat.store.remarks import UNANSWERED
from chat.store.sessions import ids_of_client


class Kind(NamedTuple):
    """Which rows of a table still have any, and what is set in them then; without that they go."""

    table: str
    rows: str
    emptied: str = ""


# Retries of what is gone have nothing to be compared with.
_MESSAGES = "message = '', client_message_id = NULL"
_SAID = "(message <> '' OR client_message_id IS NOT NULL)"
_ENDED = "SELECT id FROM chat_sessions WHERE status = 'ended' AND ended_at <= :until"
# Of :user_id: what they wrote, and what others keep about them and not for them.
OF_PERSON = (
    Kind("messages", f"sender_id = :user_id AND {_SAID}", _MESSAGES),
    Kind("chat_sessions", "client_id = :user_id AND rating_comment IS NOT NULL", "rating_comment = NULL"),
    Kind("answers", "agent_id = :user_id AND message <> ''", "message = ''"),
    Kind("notes", ":user_id IN (client_id, author_id)"),
    Kind("reports", "reporter_id = :user_id AND remark <> ''", "remark = ''"),
    Kind(
        "reports",
        f"""note <> '' AND (reporter_id = :user_id OR chat_session_id IN {ids_of_client(":user_id")}
            OR chat_session_id IN (SELECT id FROM chat_sessions WHERE agent_id = :user_id))""",
        "note = ''",
    ),
    Kind("remarks", "user_id = :user_id AND remark <> ''", "remark = ''"),
    Kind("audit", "actor_id = :user_id AND address <> ''", "address = ''"),
)
# What has a time of its own beside its session's, which must have ended by :until, too.
OF_TIME = (
    Kind(
        "notes",
        f"""coalesce(edited_at, created_at) <= :until
            AND (chat_session_id IS NULL OR chat_session_id IN ({_ENDED}))""",
    ),
    Kind(
        "reports",
        f"done_at <= :until AND remark || note <> '' AND chat_session_id IN ({_ENDED})",
        "remark = '', note = ''",
    ),
    Kind("remarks", f"remark <> '' AND created_at <= :until AND NOT ({UNANSWERED})", "remark = ''"),
)


def of_person(db: Connection, kind: Kind, user_id: int, after_id: int, limit: int) -> list[int]:
    """The ids, above that one, of some rows that still have words of the user."""
    return _ids(db, kind, {"user_id": user_id, "after_id": after_id}, limit)


def of_time(db: Connection, kind: Kind, until: int, limit: int) -> list[int]:
    """The same of words whose time was over then."""
    return _ids(db, kind, {"until": until, "after_id": 0}, limit)


def empty(db: Connection, kind: Kind, ids: Sequence[int]) -> None:
    """Take them out of these rows."""
    how = f"UPDATE {kind.table} SET {kind.emptied}" if kind.emptied else f"DELETE FROM {kind.table}"
    db.conn.execute(
        f"{how} WHERE id IN (SELECT CAST(value AS INTEGER) FROM json_each(?))", (json.dumps(ids),)
    )


def sessions_over(db: Connection, until: int, limit: int) -> list[int]:
    """The ids of some sessions that had ended by then and have their words; a report that nobody has seen to
    keeps them."""
    rows = db.conn.execute(
        f"""
        SELECT id FROM chat_sessions s WHERE status = 'ended' AND words_gone_at IS NULL AND ended_at <= ?
            AND NOT EXISTS (SELECT 1 FROM reports WHERE chat_session_id = s.id AND done_at IS NULL)
        ORDER BY ended_at LIMIT {limit:d}
        """,
        (until,),
    ).fetchall()
    return [row[0] for row in rows]


def empty_session(db: Connection, chat_session_id: int, now: int, limit: int) -> int:
    """Take up to so many messages out of a session, and with the last one all else: how many they were."""
    gone = db.conn.execute(
        f"""
        UPDATE messages SET {_MESSAGES} WHERE id IN (
            SELECT id FROM messages WHERE chat_session_id = ? AND {_SAID} LIMIT {limit:d}
        )
        """,
        (chat_session_id,),
    ).rowcount
    if gone < limit:
        db.conn.execute("UPDATE answers SET message = '' WHERE chat_session_id = ?", (chat_session_id,))
        db.conn.execute(
            "UPDATE chat_sessions SET rating_comment = NULL, words_gone_at = ? WHERE id = ?",
            (now, chat_session_id),
        )
    return gone


def _ids(db: Connection, kind: Kind, values: dict[str, int], limit: int) -> list[int]:
    rows = db.conn.execute(
        f"SELECT id FROM {kind.table} WHERE id > :after_id AND ({kind.rows}) ORDER BY id LIMIT {limit:d}",
        values,
    ).fetchall()
    return [row[0] for row in rows]
