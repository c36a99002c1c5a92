"""Chat sessions to look into again."""

from collections.abc import Mapping

from chat import texts
from chat.database.connection import Connection
from chat.store.rows import SessionRow
from chat.store.sessions import COLUMNS, TABLES


def search(db: Connection, text: str, status: str | None, before_id: int, limit: int) -> list[SessionRow]:
    """The newest with lower ids in which each word of the text is in a name, an email or a message."""
    words = dict.fromkeys(texts.folded(text).split())
    has_words = " ".join(
        f"""
            AND (
                instr(folded(client.name || ' ' || client.email), :word_{number})
                OR instr(folded(ifnull(agent.name || ' ' || agent.email, '')), :word_{number})
                OR EXISTS (
                    SELECT 1 FROM messages m WHERE m.chat_session_id = s.id
                        AND instr(folded(m.message), :word_{number})
                )
            )
        """
        for number in range(len(words))
    )
    return _many(
        db,
        f"""
        WHERE s.id < :before_id AND (:status IS NULL OR status = :status) {has_words}
        ORDER BY s.id DESC LIMIT {limit:d}
        """,
        {"status": status, "before_id": before_id, **{f"word_{n}": word for n, word in enumerate(words)}},
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
