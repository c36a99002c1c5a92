"""How many agents were there, each quarter of an hour: numbers, of nobody by name; and who is there now."""

from chat.database.connection import Connection
from chat.store.rows import HereRow


def note(db: Connection, quarter: int, seen_after: int) -> None:
    """How many there are, and how many of them take requests; what is noted already stays."""
    db.conn.execute(
        """
        INSERT INTO attendance (quarter, there, taking)
        SELECT ?1, count(*), coalesce(sum(is_available), 0) FROM users
        WHERE role = 'agent' AND disabled_at IS NULL AND seen_at > ?2
        ON CONFLICT DO NOTHING
        """,
        (quarter, seen_after),
    )


def noted(db: Connection, first: int, last: int) -> list[tuple[int, int, int]]:
    """(quarter, agents there, of these taking requests); the quarters in which nobody counted are missing."""
    query = "SELECT quarter, there, taking FROM attendance WHERE quarter BETWEEN ? AND ?"
    return list(map(tuple, db.conn.execute(query, (first, last)).fetchall()))


def drop_old(db: Connection, before: int, limit: int) -> int:
    """Those before this quarter; how many they were."""
    old = "SELECT quarter FROM attendance WHERE quarter < ? LIMIT ?"
    return int(db.conn.execute(f"DELETE FROM attendance WHERE quarter IN ({old})", (before, limit)).rowcount)


def waiting(db: Connection) -> int:
    """How many requests to any agent wait."""
    query = "SELECT count(*) FROM chat_sessions WHERE status = 'waiting' AND agent_id IS NULL"
    return int(db.conn.execute(query).fetchone()[0])


def here(db: Connection, seen_after: int) -> list[HereRow]:
    """The agents who are there, who came first first."""
    return db.conn.execute(
        """
        SELECT id, name, is_available, seen_at, min(here_since, seen_at) AS here_since,
            (SELECT count(*) FROM chat_sessions s
                WHERE s.agent_id = users.id AND status <> 'ended' AND status <> 'waiting') AS open_sessions,
            (SELECT count(*) FROM chat_sessions s
                WHERE s.agent_id = users.id AND status = 'waiting') AS requests
        FROM users WHERE role = 'agent' AND disabled_at IS NULL AND seen_at > ?
        ORDER BY here_since, id
        """,
        (seen_after,),
    ).fetchall()
