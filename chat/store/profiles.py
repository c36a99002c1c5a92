"""What agents say on their pages: languages, time zone, hours."""

from collections.abc import Mapping

from chat.database.connection import Connection
from chat.store import columns
from chat.store.rows import ProfileRow


def of_agent(db: Connection, agent_id: int) -> ProfileRow | None:
    """None for one who has said nothing yet."""
    row: ProfileRow | None = db.conn.execute(
        "SELECT * FROM profiles WHERE agent_id = ?", (agent_id,)
    ).fetchone()
    return row


def update(db: Connection, agent_id: int, changed: Mapping[str, str]) -> None:
    """Change columns of it."""
    db.conn.execute("INSERT INTO profiles (agent_id) VALUES (?) ON CONFLICT DO NOTHING", (agent_id,))
    columns.update(db, "profiles", agent_id, changed, key="agent_id")


def erase(db: Connection, agent_id: int) -> None:
    """They say nothing any more."""
    db.conn.execute("DELETE FROM profiles WHERE agent_id = ?", (agent_id,))


def languages(db: Connection) -> set[str]:
    """All that somebody speaks who can be asked."""
    rows = db.conn.execute(
        """
        SELECT DISTINCT languages FROM profiles JOIN users ON users.id = agent_id
        WHERE role = 'agent' AND disabled_at IS NULL
        """
    ).fetchall()
    return {language for row in rows for language in row[0].split()}
