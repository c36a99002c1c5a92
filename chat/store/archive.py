"""Chat sessions to look into again."""

from collections.abc import Mapping, Sequence

from chat.database.connection import Connection
from chat.store.rows import SessionRow
from chat.store.search import asked, matching
from chat.store.sessions import COLUMNS, TABLES, ids_of_client

# Messages, the newest, whose sessions a search finds.
MOST_FOUND = 1000


def search(
    db: Connection, names: Sequence[str], words: Sequence[str], status: str | None, before_id: int, limit: int
) -> list[SessionRow]:
    """The newest with lower ids of somebody with all these in their name or email, or with a message, one of
    the newest, that has all these words; where there are none of either, of anybody."""
    found = [
        f"""s.{who} IN (SELECT id FROM users WHERE {
            " AND ".join(
                f"instr(folded(name || ' ' || email), :name_{number}) > 0" for number in range(len(names))
            )
        })"""
        for who in ("client_id", "agent_id")
        if names
    ]
    if words:
        found.append(f"""s.id IN (
            SELECT chat_session_id FROM messages WHERE id IN ({matching(db, MOST_FOUND)})
        )""")
    return _many(
        db,
        f"""
        WHERE s.id < :before_id AND (CAST(:status AS TEXT) IS NULL OR status = :status)
            AND ({" OR ".join(found) or "true"})
        ORDER BY s.id DESC LIMIT {limit:d}
        """,
        {
            "status": status,
            "before_id": before_id,
            "asked": asked(db, words) if words else "",
            **{f"name_{number}": name for number, name in enumerate(names)},
        },
    )


def of_client(db: Connection, client_id: int, before_id: int, limit: int) -> list[SessionRow]:
    """The client's newest ones with lower ids that somebody accepted."""
    return _many(
        db,
        f"""
        WHERE s.id IN {ids_of_client(":client_id")} AND s.id < :before_id AND s.accepted_at IS NOT NULL
        ORDER BY s.id DESC LIMIT {limit:d}
        """,
        {"client_id": client_id, "before_id": before_id},
    )


def count(db: Connection, client_id: int) -> tuple[int, int, list[str]]:
    """How many of the client's were accepted, how many of these have ended, and in which currencies."""
    rows = db.conn.execute(
        f"""
        SELECT currency, count(*) AS total, count(*) FILTER (WHERE status = 'ended') AS ended
        FROM chat_sessions WHERE id IN {ids_of_client("?1")} AND accepted_at IS NOT NULL
        GROUP BY currency ORDER BY currency
        """,
        (client_id,),
    ).fetchall()
    return (
        sum(row["total"] for row in rows),
        sum(row["ended"] for row in rows),
        [row["currency"] for row in rows],
    )


def _many(db: Connection, where: str, values: Mapping[str, object]) -> list[SessionRow]:
    return db.conn.execute(f"SELECT {COLUMNS} FROM {TABLES} {where}", values).fetchall()
