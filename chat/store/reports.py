"""What people report of conversations."""

from chat.database.connection import Connection
from chat.store.rows import ReportRow
from chat.store.sessions import ids_of_client

_SELECT = """
    SELECT reports.*, reporter.name AS reporter_name, reporter.role AS reporter_role,
        client.id AS client_id, client.name AS client_name, agent.id AS agent_id, agent.name AS agent_name
    FROM reports JOIN users reporter ON reporter.id = reporter_id
    JOIN chat_sessions s ON s.id = chat_session_id
    JOIN users client ON client.id = s.client_id LEFT JOIN users agent ON agent.id = s.agent_id
"""


def insert(
    db: Connection, chat_session_id: int, reporter_id: int, reason: str, remark: str, now: int
) -> int | None:
    """The new one's id; None while another one of theirs is open."""
    row = db.conn.execute(
        """
        INSERT INTO reports (chat_session_id, reporter_id, reason, remark, created_at) VALUES (?, ?, ?, ?, ?)
        ON CONFLICT DO NOTHING RETURNING id
        """,
        (chat_session_id, reporter_id, reason, remark, now),
    ).fetchone()
    return row[0] if row else None


def by_id(db: Connection, report_id: int) -> ReportRow | None:
    """The one."""
    row: ReportRow | None = db.conn.execute(f"{_SELECT} WHERE reports.id = ?", (report_id,)).fetchone()
    return row


def of_session(db: Connection, chat_session_id: int, reporter_id: int) -> list[ReportRow]:
    """What somebody reported of a session, newest first."""
    return db.conn.execute(
        f"{_SELECT} WHERE chat_session_id = ? AND reporter_id = ? ORDER BY reports.id DESC",
        (chat_session_id, reporter_id),
    ).fetchall()


def has(db: Connection, chat_session_id: int, since: int) -> bool:
    """Whether anybody has reported the session since then."""
    row = db.conn.execute(
        "SELECT EXISTS (SELECT 1 FROM reports WHERE chat_session_id = ? AND created_at >= ?)",
        (chat_session_id, since),
    ).fetchone()
    return bool(row[0])


def listed(db: Connection, is_open: bool, before_id: int, limit: int) -> list[ReportRow]:
    """The newest with lower ids."""
    return db.conn.execute(
        f"""
        {_SELECT} WHERE iif(done_at IS NULL, 1, 0) = ? AND reports.id < ?
        ORDER BY reports.id DESC LIMIT {limit:d}
        """,
        (is_open, before_id),
    ).fetchall()


def count_open(db: Connection) -> int:
    """How many nobody has seen to."""
    row = db.conn.execute("SELECT count(*) FROM reports WHERE iif(done_at IS NULL, 1, 0) = 1").fetchone()
    return int(row[0])


def count_about(db: Connection, client_id: int, reporter_id: int | None) -> tuple[int, int]:
    """What this agent (or all) reported about a client: how many are open, and how many are done."""
    row = db.conn.execute(
        f"""
        SELECT count(*) FILTER (WHERE done_at IS NULL), count(done_at) FROM reports
        WHERE chat_session_id IN {ids_of_client("?1")}
            AND reporter_id <> ?1 AND (CAST(?2 AS INTEGER) IS NULL OR reporter_id = ?2)
        """,
        (client_id, reporter_id),
    ).fetchone()
    return row[0], row[1]


def waits(db: Connection, user_id: int) -> bool:
    """Whether one is open that is theirs, or of a session of theirs."""
    row = db.conn.execute(
        """
        SELECT EXISTS (
            SELECT 1 FROM reports JOIN chat_sessions s ON s.id = chat_session_id
            WHERE iif(done_at IS NULL, 1, 0) = 1 AND ? IN (reporter_id, s.client_id, s.agent_id)
        )
        """,
        (user_id,),
    ).fetchone()
    return bool(row[0])


def of_person(db: Connection, user_id: int, is_whole: bool, before_id: int, limit: int) -> list[ReportRow]:
    """What somebody reported, and if it `is_whole` what others did of their sessions; newest first."""
    return db.conn.execute(
        f"""
        {_SELECT} WHERE reports.id < ?3 AND (reporter_id = ?1 OR (?2 = 1 AND ?1 IN (s.client_id, s.agent_id)))
        ORDER BY reports.id DESC LIMIT {limit:d}
        """,
        (user_id, is_whole, before_id),
    ).fetchall()


def finish(db: Connection, report_id: int, actor_id: int, note: str, now: int) -> bool:
    """Whether it was open until now."""
    cursor = db.conn.execute(
        "UPDATE reports SET done_at = ?, done_by = ?, note = ? WHERE id = ? AND done_at IS NULL",
        (now, actor_id, note, report_id),
    )
    return bool(cursor.rowcount)
