"""Requests to any agent that nobody took, and what agents wrote to them afterwards."""

from chat.database.connection import Connection
from chat.store.blocks import blocked
from chat.store.rows import AnswerRow, MissedRow

# A request `s` that the agent could have taken: they were here, and its client is welcome.
_MISSED = f"""
    s.is_for_any = 1 AND s.agent_id IS NULL AND s.status = 'ended'
        AND s.end_reason IN ('expired', 'cancelled')
        AND s.ended_at > :since
        AND s.created_at >= (SELECT created_at FROM users WHERE id = :agent_id AND role = 'agent')
        AND NOT {blocked("s.client_id", ":agent_id")}
"""


def missed(db: Connection, agent_id: int, since: int, before_id: int, limit: int) -> list[MissedRow]:
    """The newest with lower ids that ended after `since`, each with the agent's answer."""
    return _missed(db, agent_id, since, f"s.id < :id ORDER BY s.id DESC LIMIT {limit:d}", before_id)


def one_missed(db: Connection, agent_id: int, since: int, chat_session_id: int) -> MissedRow | None:
    """This one, if it is one of them."""
    found = _missed(db, agent_id, since, "s.id = :id", chat_session_id)
    return found[0] if found else None


def count_missed(db: Connection) -> dict[str, int]:
    """All requests to any agent that nobody took, by how they ended."""
    return dict(
        db.conn.execute(
            """
            SELECT end_reason, count(*) FROM chat_sessions
            WHERE is_for_any = 1 AND agent_id IS NULL AND status = 'ended'
                AND end_reason IN ('expired', 'cancelled')
            GROUP BY end_reason
            """
        ).fetchall()
    )


def insert(db: Connection, chat_session_id: int, agent_id: int, message: str, now: int) -> bool:
    """Whether the agent had not answered it before."""
    cursor = db.conn.execute(
        """
        INSERT INTO answers (chat_session_id, agent_id, message, created_at) VALUES (?, ?, ?, ?)
        ON CONFLICT DO NOTHING
        """,
        (chat_session_id, agent_id, message, now),
    )
    return bool(cursor.rowcount)


def of_session(db: Connection, chat_session_id: int) -> list[AnswerRow]:
    """All to this request, in order."""
    return _answers(db, "s.id = ? ORDER BY answers.id", chat_session_id)


def to_client(db: Connection, client_id: int, since: int) -> list[AnswerRow]:
    """Since then, newest first, of agents who can be asked, and whom the client has not asked since."""
    return _answers(
        db,
        f"""
        s.client_id = ?1 AND answers.created_at > ?2 AND answers.message <> '' AND agent.disabled_at IS NULL
            AND NOT {blocked("?1", "agent.id")}
            AND NOT EXISTS (
                SELECT 1 FROM chat_sessions later WHERE later.client_id = ?1
                    AND later.agent_id = agent.id AND later.created_at > answers.created_at
            )
        ORDER BY answers.id DESC
        """,
        client_id,
        since,
    )


def of_person(db: Connection, user_id: int, before_id: int, limit: int) -> list[AnswerRow]:
    """Those to a client, or of an agent, with lower ids; newest first."""
    where = "?1 IN (s.client_id, answers.agent_id) AND answers.id < ?2"
    return _answers(db, f"{where} ORDER BY answers.id DESC LIMIT {limit:d}", user_id, before_id)


def _missed(db: Connection, agent_id: int, since: int, where: str, id: int) -> list[MissedRow]:
    return db.conn.execute(
        f"""
        SELECT s.id, s.client_id, client.name AS client_name, s.created_at, s.end_reason,
            substr(last.message, 1, 200) AS message, own.message AS own_message,
            (SELECT count(*) FROM answers a WHERE a.chat_session_id = s.id) AS answers
        FROM chat_sessions s JOIN users client ON client.id = s.client_id
        LEFT JOIN messages last ON last.id = s.last_message_id
        LEFT JOIN answers own ON own.chat_session_id = s.id AND own.agent_id = :agent_id
        WHERE {_MISSED} AND {where}
        """,
        {"agent_id": agent_id, "since": since, "id": id},
    ).fetchall()


def _answers(db: Connection, where: str, *values: int) -> list[AnswerRow]:
    return db.conn.execute(
        f"""
        SELECT answers.*, agent.name AS agent_name FROM answers
        JOIN chat_sessions s ON s.id = chat_session_id JOIN users agent ON agent.id = answers.agent_id
        WHERE {where}
        """,
        values,
    ).fetchall()
