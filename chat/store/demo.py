"""The demo's people and sessions, which are told by their email's domain."""

from collections.abc import Mapping
from typing import TypedDict

from chat.database.connection import Connection


class DemoRow(TypedDict):
    """A session of the demo, with both people's emails."""

    id: int
    status: str
    client_id: int
    agent_id: int
    client_email: str
    agent_email: str


def first_session(db: Connection, domain: str, is_open: bool) -> DemoRow | None:
    """The oldest session (that goes on) whose people have an email at `domain`."""
    row: DemoRow | None = db.conn.execute(
        """
        SELECT s.id, s.status, s.client_id, s.agent_id,
            client.email AS client_email, agent.email AS agent_email
        FROM chat_sessions s
        JOIN users client ON client.id = s.client_id
        JOIN users agent ON agent.id = s.agent_id
        WHERE (CAST(:is_open AS INTEGER) = 0 OR s.status IN ('active', 'paused'))
            AND client.email LIKE :pattern AND agent.email LIKE :pattern
        ORDER BY s.id LIMIT 1
        """,
        {"pattern": f"%@{domain}", "is_open": is_open},
    ).fetchone()
    return row


def set_password_hash(db: Connection, domain: str, password_hash: str) -> None:
    """Everybody with an email at `domain` has this password."""
    db.conn.execute("UPDATE users SET password_hash = ? WHERE email LIKE ?", (password_hash, f"%@{domain}"))


def has_others(db: Connection, domain: str) -> bool:
    """Whether there is anybody with another email."""
    found = db.conn.execute("SELECT EXISTS (SELECT 1 FROM users WHERE email NOT LIKE ?)", (f"%@{domain}",))
    return bool(found.fetchone()[0])


def attend(db: Connection, there: Mapping[int, int]) -> None:
    """So many agents were there in these quarters, and all but one of them took requests."""
    rows = [(quarter, count, max(0, count - 1)) for quarter, count in there.items()]
    db.conn.executemany(
        "INSERT INTO attendance (quarter, there, taking) VALUES (?, ?, ?) ON CONFLICT DO NOTHING", rows
    )
