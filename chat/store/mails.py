"""What people are told by mail."""

from chat.database.connection import Connection
from chat.store.attachments import KIND
from chat.store.rows import MailRow, UnreadRow

# Of an agent: what a client wrote, and they have neither read nor answered.
_UNREAD = """
    chat_sessions s
    JOIN messages last ON s.last_message_id > s.agent_read_id AND last.id = s.last_message_id
        AND last.sender_type = 'client'
    JOIN messages m ON m.chat_session_id = s.id AND m.id > s.agent_read_id AND m.sender_type = 'client'
"""
# Open ones, and those that ended while the agent was away; each has an index of its own.
_GOING_ON = "s.status IN ('active', 'paused') AND s.status <> 'ended'"
_ENDED = "s.status = 'ended' AND s.accepted_at IS NOT NULL AND s.ended_at > a.seen_at"


def due(db: Connection, since: int, back_by: int, unread_from: int, unread_since: int) -> list[MailRow]:
    """What happened after `since` to people who take mails, and were not told.

    An agent whose request expired before `back_by`, and who has not come since, was away. Who has not read
    what was written between `unread_from` and `unread_since`, nor was seen since then, is told of it once
    until they come.
    """
    unread = f"SELECT 1 FROM {_UNREAD} AND m.created_at BETWEEN :unread_from AND :unread_since"
    return db.conn.execute(
        f"""
        WITH news AS (
            SELECT s.client_id AS user_id, 'receipt' AS kind, s.id AS about
            FROM books b INDEXED BY books_issued JOIN chat_sessions s ON s.id = b.chat_session_id
            WHERE b.kind = 'receipt' AND b.issued_at > :since
            UNION ALL
            SELECT s.agent_id, 'request', s.id
            FROM chat_sessions s JOIN users a ON a.id = s.agent_id
            WHERE s.status = 'ended' AND s.ended_at > :since AND s.ended_at <= :back_by
                AND s.end_reason = 'expired' AND a.seen_at < s.ended_at
            UNION ALL
            SELECT s.client_id, 'answer', w.id
            FROM answers w JOIN chat_sessions s ON s.id = w.chat_session_id WHERE w.created_at > :since
            UNION ALL
            SELECT a.id, 'unread', 0 FROM users a
            WHERE a.role = 'agent' AND a.seen_at <= :unread_since AND (
                EXISTS ({unread} WHERE s.agent_id = a.id AND {_GOING_ON})
                OR EXISTS ({unread} WHERE s.agent_id = a.id AND {_ENDED})
            )
        )
        SELECT news.* FROM news JOIN users u ON u.id = user_id AND u.is_mailed = 1 AND u.disabled_at IS NULL
        WHERE NOT EXISTS (
            SELECT 1 FROM mailed m WHERE (m.user_id, m.kind, m.about) = (news.user_id, news.kind, news.about)
                AND (m.kind <> 'unread' OR m.at > u.seen_at)
        )
        """,
        {"since": since, "back_by": back_by, "unread_from": unread_from, "unread_since": unread_since},
    ).fetchall()


def keep(db: Connection, mail: MailRow, now: int) -> bool:
    """Whether nobody has told it meanwhile."""
    cursor = db.conn.execute(
        """
        INSERT INTO mailed (user_id, kind, about, at) VALUES (:user_id, :kind, :about, :now)
        ON CONFLICT (user_id, kind, about) DO UPDATE SET at = excluded.at WHERE mailed.kind = 'unread'
            AND mailed.at <= (SELECT seen_at FROM users WHERE id = mailed.user_id)
        """,
        {**dict(mail), "now": now},
    )
    return bool(cursor.rowcount)


def forget(db: Connection, before: int) -> None:
    """What nobody would find any more."""
    db.conn.execute("DELETE FROM mailed WHERE kind <> 'unread' AND at < ?", (before,))


def unread(db: Connection, agent_id: int) -> list[UnreadRow]:
    """What clients wrote, and the agent has not read: of what goes on, and of what has ended since they were
    last seen."""
    return db.conn.execute(
        f"""
        SELECT client.name AS client_name, count(*) AS count, substr(last.message, 1, 200) AS last_message,
            {KIND.format("last.id")} AS last_attachment
        FROM {_UNREAD} JOIN users client ON client.id = s.client_id JOIN users a ON a.id = s.agent_id
        WHERE s.agent_id = ? AND ({_GOING_ON} OR {_ENDED}) GROUP BY s.id, client.id, last.id ORDER BY last.id
        """,
        (agent_id,),
    ).fetchall()
