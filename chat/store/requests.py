"""Requests of a period: how they went, whose they were, how long accepting and answering them took.

A request counts when it was made, whatever came of it later.
"""

from typing import Any

from chat.database.connection import Connection
from chat.store.statistics import QUARTER_MS

# Whose a session `s` is: of whom it was asked, or who accepted one to any agent. Who has had it since does
# not count; of one that was handed over, the books know who accepted it.
_OWNER = """
    iif(s.previous_agent_id IS NULL, s.agent_id, coalesce((
        SELECT CAST(content ->> 'agent_id' AS INTEGER) FROM books
        WHERE chat_session_id = s.id AND kind = 'terms' ORDER BY sequence LIMIT 1
    ), s.agent_id))
"""
_OUTCOME = """
    CASE WHEN s.accepted_at IS NOT NULL THEN 'accepted' WHEN s.status = 'waiting' THEN 'waiting'
        WHEN s.end_reason = 'expired' THEN 'missed' WHEN s.end_reason = 'declined' THEN 'declined'
        ELSE 'cancelled' END
"""


def by_quarter(db: Connection, since: int, until: int, agent_id: int | None = None) -> list[tuple[int, ...]]:
    """All, or an agent's: (quarter of an hour, count, accepted, missed, cancelled, declined, waiting_ms).

    `waiting_ms` is that of the accepted ones together.
    """
    counted = ", ".join(
        f"count(*) FILTER (WHERE {_OUTCOME} = '{name}')" for name in ("missed", "cancelled", "declined")
    )
    what = f"""
        s.created_at / {QUARTER_MS}, count(*), count(s.accepted_at), {counted},
        coalesce(sum(s.accepted_at - s.created_at), 0)
    """
    return _select(db, what, _period(agent_id), "1", since, until, agent_id)


def by_outcome(
    db: Connection, since: int, until: int, agent_id: int | None = None
) -> list[tuple[int | None, str, int | None, int]]:
    """(whose, how it went, seconds until it was accepted, count); nobody's are those to any agent that nobody
    accepted."""
    what = f"{_OWNER}, {_OUTCOME}, (s.accepted_at - s.created_at + 999) / 1000, count(*)"
    return _select(db, what, _period(agent_id), "1, 2, 3", since, until, agent_id)


def by_answer(
    db: Connection, since: int, until: int, agent_id: int | None = None
) -> list[tuple[int, int, int]]:
    """Of the accepted ones in which an agent has written: (whose, seconds until the first time, count)."""
    first = """
        JOIN messages m ON m.id = (
            SELECT id FROM messages WHERE chat_session_id = s.id AND sender_type = 'agent' ORDER BY id LIMIT 1
        )
    """
    what = f"{_OWNER}, (m.created_at - s.accepted_at + 999) / 1000, count(*)"
    where = f"{first} {_period(agent_id)} AND s.accepted_at IS NOT NULL"
    return _select(db, what, where, "1, 2", since, until, agent_id)


def _period(agent_id: int | None) -> str:
    own = "" if agent_id is None else f"AND {_OWNER} = :agent_id"
    return f"WHERE s.created_at >= :since AND s.created_at < :until {own}"


def _select(
    db: Connection, what: str, where: str, groups: str, since: int, until: int, agent_id: int | None
) -> list[tuple[Any, ...]]:
    values = {"since": since, "until": until, "agent_id": agent_id}
    order = groups.replace("1", "1 NULLS FIRST")
    query = f"SELECT {what} FROM chat_sessions s {where} GROUP BY {groups} ORDER BY {order}"
    return list(map(tuple, db.conn.execute(query, values).fetchall()))
