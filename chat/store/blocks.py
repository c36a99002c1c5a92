"""Who does not want to hear from whom."""

from chat.database.connection import Connection
from chat.store.rows import BlockRow

_SELECT = """
    SELECT blocks.*, client.name AS client_name, agent.name AS agent_name FROM blocks
    JOIN users client ON client.id = client_id LEFT JOIN users agent ON agent.id = agent_id
"""


def blocked(client: str, agent: str) -> str:
    """SQL: whether the agent, or an administrator for all agents, blocks the client."""
    return f"""EXISTS (
        SELECT 1 FROM blocks b WHERE b.client_id = {client} AND (b.agent_id = {agent} OR b.agent_id IS NULL)
    )"""


def insert(db: Connection, client_id: int, agent_id: int | None, reason: str, now: int) -> None:
    """For this agent or (None) for all; one that there is gets the new reason."""
    db.conn.execute(
        """
        INSERT INTO blocks (client_id, agent_id, reason, created_at) VALUES (?, ?, ?, ?)
        ON CONFLICT (client_id, coalesce(agent_id, 0)) DO UPDATE SET reason = excluded.reason
        """,
        (client_id, agent_id, reason, now),
    )


def delete(db: Connection, client_id: int, agent_id: int | None) -> bool:
    """Whether there was one."""
    cursor = db.conn.execute(
        "DELETE FROM blocks WHERE client_id = ? AND agent_id IS NOT DISTINCT FROM ?", (client_id, agent_id)
    )
    return bool(cursor.rowcount)


def exists(db: Connection, client_id: int, agent_id: int | None) -> bool:
    """Whether the agent or an administrator blocks the client; with None, whether an administrator does."""
    return bool(db.conn.execute(f"SELECT {blocked('?1', '?2')}", (client_id, agent_id)).fetchone()[0])


def of_pair(db: Connection, client_id: int, agent_id: int | None) -> BlockRow | None:
    """The agent's of the client; with None, an administrator's for all."""
    row: BlockRow | None = db.conn.execute(
        f"{_SELECT} WHERE client_id = ? AND agent_id IS NOT DISTINCT FROM ?", (client_id, agent_id)
    ).fetchone()
    return row


def of_user(db: Connection, user_id: int, before_id: int, limit: int) -> list[BlockRow]:
    """An agent's own, or those of a client; the newest with lower ids."""
    return db.conn.execute(
        f"""
        {_SELECT} WHERE (client_id = ?1 OR agent_id = ?1) AND blocks.id < ?2
        ORDER BY blocks.id DESC LIMIT {limit:d}
        """,
        (user_id, before_id),
    ).fetchall()
