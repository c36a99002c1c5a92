"""A user's chat sessions, each with its last message and what the user has not read."""

from chat.database.connection import Connection
from chat.store.attachments import KIND
from chat.store.blocks import blocked
from chat.store.notes import HANDOVER
from chat.store.rows import CardRow, PeerRow
from chat.store.sessions import COLUMNS, TABLES

# The count stops at 100: "99+" is all that anybody wants to know.
_SELECT = f"""
    SELECT {COLUMNS},
        substr(last.message, 1, 200) AS last_message, last.sender_type AS last_sender_type,
        datetime(last.created_at / 1000, 'unixepoch') AS last_message_at,
        {KIND.format("last.id")} AS last_attachment,
        (
            SELECT count(*) FROM (
                SELECT 1 FROM messages m WHERE m.chat_session_id = s.id AND m.sender_id <> :user_id
                    AND m.id > iif(s.client_id = :user_id, s.client_read_id, s.agent_read_id)
                LIMIT 100
            ) AS newest
        ) AS unread,
        (
            SELECT m.created_at FROM messages m
            WHERE last.sender_type = 'client' AND s.client_id <> :user_id AND s.status IN ('active', 'paused')
                AND m.chat_session_id = s.id AND m.id > coalesce((
                    SELECT a.id FROM messages a WHERE a.chat_session_id = s.id AND a.sender_type = 'agent'
                    ORDER BY a.id DESC LIMIT 1
                ), 0)
            ORDER BY m.id LIMIT 1
        ) AS unanswered_since,
        iif(s.client_id <> :user_id, client.language, NULL) AS client_language,
        ({HANDOVER}) AS handover_note,
        iif(
            s.status = 'waiting' AND s.client_id <> :user_id,
            min(s.max_rate_cents, (SELECT rate_cents FROM users WHERE id = :user_id)), NULL
        ) AS offered_cents
    FROM {TABLES}
    LEFT JOIN messages last ON last.id = s.last_message_id
"""
_OWN = {"client": "client_id = :user_id", "agent": "agent_id = :user_id", "admin": "owner_revision < 0"}
# Whose client the agent blocks, or an administrator does.
_UNWELCOME = blocked("chat_sessions.client_id", ":user_id")
_QUEUE = f"SELECT id FROM chat_sessions WHERE status = 'waiting' AND agent_id IS NULL AND NOT {_UNWELCOME}"


def changed(db: Connection, user_id: int, role: str, cursor: int | None, limit: int) -> list[CardRow]:
    """What changed after `cursor`, in the order of the changes; without one, all that has not ended."""
    own = _OWN[role]
    visible = [f"SELECT id FROM chat_sessions WHERE {own} AND status <> 'ended'"]
    if cursor is not None:
        visible.append(
            f"SELECT id FROM chat_sessions WHERE {own} AND status = 'ended' AND revision > :cursor"
        )
    if role == "agent":
        visible.append(_QUEUE)
    return _rows(
        db,
        f"WHERE s.id IN ({' UNION '.join(visible)}) AND s.revision > :cursor ORDER BY s.revision",
        limit,
        user_id=user_id,
        cursor=cursor or 0,
    )


def open_ones(db: Connection, user_id: int, role: str) -> list[PeerRow]:
    """All of the user's own that have not ended: how far they came, and when both sides were last seen."""
    return db.conn.execute(
        f"""
        SELECT s.id, s.status, s.client_id, s.revision, s.last_message_id, s.client_delivered_id,
            s.agent_delivered_id, client.seen_at AS client_seen_at,
            coalesce(agent.seen_at, 0) AS agent_seen_at
        FROM {TABLES} WHERE s.{_OWN[role]} AND s.status <> 'ended'
        """,
        {"user_id": user_id},
    ).fetchall()


def ended(db: Connection, user_id: int, role: str, before_id: int, limit: int) -> list[CardRow]:
    """The newest ones that have ended, with lower ids."""
    where = f"WHERE {_OWN[role]} AND s.status = 'ended' AND s.id < :before_id ORDER BY s.id DESC"
    return _rows(db, where, limit, user_id=user_id, before_id=before_id)


def removed(db: Connection, user_id: int, role: str, cursor: int, upto: int) -> list[int]:
    """The ids of those that the agent saw at `cursor` and that now are another's, or nobody's."""
    if role != "agent":
        return []
    rows = db.conn.execute(
        f"""
        SELECT id FROM chat_sessions
        WHERE owner_revision > :cursor AND owner_revision <= :upto AND agent_id IS DISTINCT FROM :user_id
            AND (previous_agent_id = :user_id
                OR (is_for_any = 1 AND (agent_id IS NOT NULL OR status = 'ended' OR {_UNWELCOME})))
        ORDER BY owner_revision
        """,
        {"cursor": cursor, "upto": upto, "user_id": user_id},
    ).fetchall()
    return [row[0] for row in rows]


def _rows(db: Connection, where: str, limit: int, **values: object) -> list[CardRow]:
    return db.conn.execute(f"{_SELECT} {where} LIMIT {limit:d}", values).fetchall()
