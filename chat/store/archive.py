"""Chat sessions to look into again."""

from collections.abc import Mapping

from chat.database.connection import Connection
from chat.store.rows import SessionRow
from chat.store.sessions import COLUMNS, TABLES


def search(db: Connection, text: str, status: str | None, before_id: int, limit: int) -> list[SessionRow]:
    """The newest with lower ids in which the text is somebody's name or email, or in a message."""
    return _many(
        db,
        f"""
        WHERE s.id < :before_id AND (:status IS NULL OR status = :status)
            AND (
                :text = '' OR instr(lower(client.name), lower(:text)) OR instr(client.email, lower(:text))
                OR instr(lower(agent.name), lower(:text)) OR instr(agent.email, lower(:text))
                OR EXISTS (
                    SELECT 1 FROM messages m WHERE m.chat_session_id = s.id
                        AND instr(lower(m.message), lower(:text))
                )
            )
        ORDER BY s.id DESC LIMIT {limit:d}
        """,
        {"text": text, "status": status, "before_id": before_id},
    )


def of_pair(db: Connection, client_id: int, agent_id: int, limit: int) -> list[SessionRow]:
    """The newest that this client and agent had with each other and that have ended."""
    return _many(
        db,
        f"""
        WHERE s.client_id = :client_id AND s.agent_id = :agent_id AND status = 'ended'
        ORDER BY s.id DESC LIMIT {limit:d}
        """,
        {"client_id": client_id, "agent_id": agent_id},
    )


def _many(db: Connection, where: str, values: Mapping[str, object]) -> list[SessionRow]:
    return db.conn.execute(f"SELECT {COLUMNS} FROM {TABLES} {where}", values).fetchall()
