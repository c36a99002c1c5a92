"""What people are told of their sessions while they do not look."""

from chat.database.connection import Connection
from chat.store.blocks import blocked
from chat.store.push import LOOKING, SIGNED_IN
from chat.store.rows import NoticeRow


def due(db: Connection, since: int, begun_at: int, now: int) -> list[NoticeRow]:
    """What happened after the revision `since`, and not before `begun_at`, to whoever had a device then, and
    was not told of it; and what waits for an agent who does not look, or not any more."""
    # Without `since` it is looked for among what has not ended, which has indexes of its own.
    revision = "s.revision" if since else "+s.revision"
    return db.conn.execute(
        f"""
        WITH moved AS MATERIALIZED (
            SELECT * FROM chat_sessions s WHERE {revision} > :since AND status <> 'ended'
        ), news AS (
            SELECT s.id AS chat_session_id, a.id AS user_id, 'request' AS kind, 0 AS message_id,
                :now AS at
            FROM chat_sessions s JOIN users a ON a.role = 'agent' AND (a.id = s.agent_id
                OR (s.agent_id IS NULL AND a.is_available = 1 AND NOT {blocked("s.client_id", "a.id")}))
            WHERE s.status = 'waiting'
            UNION ALL
            SELECT id, client_id, 'accepted', 0, accepted_at FROM moved
            WHERE status IN ('active', 'paused') AND accepted_at > :begun_at
            UNION ALL
            SELECT s.id, iif(m.sender_type = 'client', s.agent_id, s.client_id), 'message', m.id,
                m.created_at
            FROM moved s JOIN messages m ON m.id = s.last_message_id
            WHERE s.status <> 'waiting' AND m.created_at > :begun_at
                AND m.id > iif(m.sender_type = 'client', s.agent_read_id, s.client_read_id)
        )
        SELECT chat_session_id, user_id, kind, message_id FROM news
        WHERE EXISTS (SELECT 1 FROM {SIGNED_IN} WHERE p.user_id = news.user_id AND p.created_at <= at)
            AND (kind <> 'request' OR NOT {LOOKING.format(user="news.user_id")})
            AND NOT EXISTS (
                SELECT 1 FROM notices n WHERE n.chat_session_id = news.chat_session_id
                    AND n.user_id = news.user_id AND n.kind = news.kind AND n.message_id >= news.message_id
            )
        """,
        {"since": since, "begun_at": begun_at, "now": now},
    ).fetchall()


def keep(db: Connection, notice: NoticeRow) -> bool:
    """Whether nobody has told it meanwhile."""
    cursor = db.conn.execute(
        """
        INSERT INTO notices (chat_session_id, user_id, kind, message_id)
        VALUES (:chat_session_id, :user_id, :kind, :message_id)
        ON CONFLICT (chat_session_id, user_id, kind) DO UPDATE SET message_id = excluded.message_id
            WHERE notices.message_id < excluded.message_id
        """,
        dict(notice),
    )
    return bool(cursor.rowcount)


def over(db: Connection) -> list[NoticeRow]:
    """Of what is over: requests that do not wait any more, or not for this agent, and sessions that ended."""
    return db.conn.execute(
        """
        SELECT n.* FROM notices n JOIN chat_sessions s ON s.id = n.chat_session_id WHERE status = 'ended'
            OR (kind = 'request' AND (status <> 'waiting' OR coalesce(s.agent_id, n.user_id) <> n.user_id))
        """
    ).fetchall()


def delete(db: Connection, notice: NoticeRow) -> bool:
    """Whether it was there."""
    cursor = db.conn.execute(
        "DELETE FROM notices WHERE (chat_session_id, user_id, kind) = (:chat_session_id, :user_id, :kind)",
        dict(notice),
    )
    return bool(cursor.rowcount)


def drop_old(db: Connection, ended_at: int, limit: int) -> int:
    """Forget some of sessions that had ended by then, whoever had a device: how many they were."""
    return db.conn.execute(
        f"""
        DELETE FROM notices WHERE (chat_session_id, user_id, kind) IN (
            SELECT n.chat_session_id, n.user_id, n.kind FROM notices n
            JOIN chat_sessions s ON s.id = n.chat_session_id
            WHERE status = 'ended' AND ended_at <= ? LIMIT {limit:d}
        )
        """,
        (ended_at,),
    ).rowcount
