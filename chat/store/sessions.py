"""Chat sessions."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from chat.database.connection import Connection
from chat.store.blocks import blocked
from chat.store.rows import ChangedRow, HeadRow, LimitRow, SessionRow, Side, TermsRow

# With both people's names and last signs of life, the client's balance, and who would go on.
COLUMNS = """
    s.*, client.name AS client_name, client.seen_at AS client_seen_at, client.balance_cents,
    agent.name AS agent_name, coalesce(agent.seen_at, 0) AS agent_seen_at,
    heir.name AS transfer_agent_name, heir.seen_at AS transfer_seen_at,
    heir.is_available AS transfer_available,
    (SELECT count(*) FROM chat_sessions o WHERE o.agent_id = s.transfer_agent_id
        AND o.status <> 'ended' AND o.status <> 'waiting') AS transfer_open_sessions
"""
TABLES = """
    chat_sessions s
    JOIN users client ON client.id = s.client_id
    LEFT JOIN users agent ON agent.id = s.agent_id
    LEFT JOIN users heir ON heir.id = s.transfer_agent_id
"""
# The columns that belong to other tables.
_JOINED = {
    "client_name",
    "client_seen_at",
    "balance_cents",
    "agent_name",
    "agent_seen_at",
    "transfer_agent_name",
    "transfer_seen_at",
    "transfer_available",
    "transfer_open_sessions",
}


def ids_of_client(client: str) -> str:
    """SQL: the ids of all of a client's, through the indexes of the open and of the ended ones."""
    own = f"SELECT id FROM chat_sessions WHERE client_id = {client} AND status"
    return f"({own} <> 'ended' UNION ALL {own} = 'ended')"


def insert(
    db: Connection,
    client_id: int,
    agent_id: int | None,
    rate_cents: int,
    limit_cents: int | None,
    due_at: int,
    now: int,
    revision: int,
    terms: TermsRow,
) -> int:
    """The id of a new request, to one agent or (None) to any; a minute costs `rate_cents` at most."""
    cursor = db.conn.execute(
        """
        INSERT INTO chat_sessions (client_id, agent_id, is_for_any, status, rate_cents, max_rate_cents,
            limit_cents, currency, created_at, last_activity_at, due_at, owner_revision, revision,
            first_increment_seconds, next_increment_seconds, minimum_cents)
        VALUES (:client_id, :agent_id, iif(CAST(:agent_id AS INTEGER) IS NULL, 1, 0), 'waiting', :rate_cents,
            :rate_cents, :limit_cents,
            (SELECT currency FROM server), :now, :now, :due_at, :revision, :revision,
            :first_increment_seconds, :next_increment_seconds, :minimum_cents)
        RETURNING id
        """,
        {
            "client_id": client_id,
            "agent_id": agent_id,
            "rate_cents": rate_cents,
            "limit_cents": limit_cents,
            "due_at": due_at,
            "now": now,
            "revision": revision,
            **terms,
        },
    )
    return int(cursor.fetchone()[0])


def differences(was: Mapping[str, object], session: Mapping[str, object]) -> dict[str, object]:
    """The columns of its own table that are no longer what they were."""
    return {name: value for name, value in session.items() if value != was[name] and name not in _JOINED}


def own(session: Mapping[str, object]) -> dict[str, object]:
    """The columns of its own table."""
    return {name: value for name, value in session.items() if name not in _JOINED}


def save(db: Connection, was: SessionRow, changed: Mapping[str, object]) -> None:
    """Store the changed columns; raises RuntimeError when the status is no longer the one that it `was`."""
    assignments = ", ".join(f"{name} = :{name}" for name in changed)
    cursor = db.conn.execute(
        f"UPDATE chat_sessions SET {assignments} WHERE id = :id AND status = :was_status",
        {**changed, "id": was["id"], "was_status": was["status"]},
    )
    if cursor.rowcount != 1:
        raise RuntimeError(f"chat session {was['id']} is no longer {was['status']}")


def of_participant(db: Connection, chat_session_id: int, user_id: int) -> SessionRow | None:
    """The row, if the user takes part in it."""
    return _one(
        db,
        "WHERE s.id = ? AND (s.client_id = ? OR s.agent_id = ?)",
        chat_session_id,
        user_id,
        user_id,
    )


def standing(db: Connection, chat_session_id: int, token_hash: bytes) -> HeadRow | None:
    """How the session stands, if the token signs in now who takes part in it."""
    row: HeadRow | None = db.conn.execute(
        """
        SELECT s.id, status, client_id, s.revision, last_message_id, client_delivered_id,
            agent_delivered_id, head
        FROM auth_tokens JOIN users ON users.id = user_id, chat_sessions s, server, revision
        WHERE token_hash = ? AND revoked_at IS NULL AND disabled_at IS NULL AND expires_at > ? + clock_offset
            AND s.id = ? AND users.id IN (client_id, agent_id)
        """,
        (token_hash, db.clock.steady(), chat_session_id),
    ).fetchone()
    return row


def of_agent(db: Connection, chat_session_id: int, agent_id: int) -> SessionRow | None:
    """The row, if it is the agent's, or was before a transfer."""
    return _one(
        db,
        "WHERE s.id = ? AND (s.agent_id = ? OR s.previous_agent_id = ?)",
        chat_session_id,
        agent_id,
        agent_id,
    )


def of_payee(db: Connection, chat_session_id: int, agent_id: int) -> SessionRow | None:
    """The row, if an interval of it is the agent's."""
    return _one(
        db,
        """
        WHERE s.id = ? AND EXISTS (
            SELECT 1 FROM billing_intervals i WHERE i.chat_session_id = s.id AND i.agent_id = ?
        )
        """,
        chat_session_id,
        agent_id,
    )


def open_to_agent(db: Connection, chat_session_id: int, agent_id: int) -> SessionRow | None:
    """The row, if it is the agent's or waits for any."""
    return _one(
        db,
        f"""
        WHERE s.id = ?1
            AND (s.agent_id = ?2
                OR (s.status = 'waiting' AND s.agent_id IS NULL AND NOT {blocked("s.client_id", "?2")}))
        """,
        chat_session_id,
        agent_id,
    )


def by_id(db: Connection, chat_session_id: int) -> SessionRow | None:
    """The row, whoever takes part."""
    return _one(db, "WHERE s.id = ?", chat_session_id)


def open_request(db: Connection, client_id: int, agent_id: int | None) -> SessionRow | None:
    """The client's session with this agent that has not ended; with None, their request to any."""
    return _one(
        db,
        """
        WHERE s.client_id = ? AND s.status <> 'ended'
            AND iif(CAST(?2 AS INTEGER) IS NULL, s.status = 'waiting' AND s.agent_id IS NULL, s.agent_id = ?2)
        ORDER BY s.id LIMIT 1
        """,
        client_id,
        agent_id,
    )


def waiting_of_client(db: Connection, client_id: int, agent_id: int | None) -> list[int]:
    """The ids of the client's requests to this agent; with None, of all."""
    rows = db.conn.execute(
        """
        SELECT id FROM chat_sessions
        WHERE client_id = ?1 AND status = 'waiting' AND (CAST(?2 AS INTEGER) IS NULL OR agent_id = ?2)
        """,
        (client_id, agent_id),
    ).fetchall()
    return [row[0] for row in rows]


def have_met(db: Connection, client_id: int, agent_id: int) -> bool:
    """Whether a session of the client's is the agent's, or was before any transfer."""
    row = db.conn.execute(
        f"""
        SELECT EXISTS (
            SELECT 1 FROM chat_sessions s
            WHERE s.id IN {ids_of_client("?1")} AND (agent_id = ?2 OR previous_agent_id = ?2 OR EXISTS (
                SELECT 1 FROM billing_intervals i WHERE i.chat_session_id = s.id AND i.agent_id = ?2
            ))
        )
        """,
        (client_id, agent_id),
    ).fetchone()
    return bool(row[0])


def count_open(db: Connection, user_id: int) -> int:
    """How many of theirs, on either side, have not ended."""
    row = db.conn.execute(
        """
        SELECT (SELECT count(*) FROM chat_sessions WHERE client_id = ?1 AND status <> 'ended')
            + (SELECT count(*) FROM chat_sessions WHERE agent_id = ?1 AND status <> 'ended')
        """,
        (user_id,),
    ).fetchone()
    return int(row[0])


def ids_of_person(db: Connection, user_id: int) -> list[int]:
    """All of somebody's, on whichever side, and as an agent also those that they handed over."""
    rows = db.conn.execute(
        """
        SELECT id FROM chat_sessions WHERE ?1 IN (client_id, agent_id)
        UNION SELECT chat_session_id FROM billing_intervals WHERE agent_id = ?1 ORDER BY 1
        """,
        (user_id,),
    ).fetchall()
    return [row[0] for row in rows]


def due(db: Connection, now: int, limit: int) -> list[int]:
    """The ids of those in which something has fallen due."""
    rows = db.conn.execute(
        "SELECT id FROM chat_sessions WHERE due_at <= ? ORDER BY due_at, id LIMIT ?", (now, limit)
    ).fetchall()
    return [row[0] for row in rows]


def postpone(db: Connection, later: Iterable[tuple[int | None, int, int]]) -> None:
    """Set (due_at, id, revision), where the revision is still that one."""
    db.conn.executemany("UPDATE chat_sessions SET due_at = ? WHERE id = ? AND revision = ?", later)


def touched_by_outage(db: Connection) -> list[int]:
    """The ids of all that are active, and of the paused ones whose clock has run since somebody was seen."""
    rows = db.conn.execute(
        f"""
        SELECT s.id FROM {TABLES} WHERE due_at IS NOT NULL AND (status = 'active'
            OR (status = 'paused' AND (stopped_at > client.seen_at OR stopped_at > agent.seen_at)))
        """
    ).fetchall()
    return [row[0] for row in rows]


def active_of_users(db: Connection, user_ids: Sequence[int], seen_before: int | None = None) -> list[int]:
    """The ids of the active ones of these users, or of those among them not seen since then; and of the
    paused ones whose clock has run since they were seen."""
    return _of_users(
        db,
        """
        SELECT id FROM chat_sessions s JOIN gone ON s.{side}_id = gone.user_id
        WHERE (status = 'active' OR (status = 'paused' AND stopped_at > gone.seen_at)) AND status <> 'ended'
        """,
        user_ids,
        seen_before,
    )


def prepaid_of_client(db: Connection, client_id: int) -> list[SessionRow]:
    """The client's open sessions that are paid from the balance."""
    return _all(db, "WHERE s.client_id = ? AND s.status <> 'ended' AND s.is_prepaid = 1", client_id)


def held_by_balance(db: Connection, client_id: int) -> list[int]:
    """The ids of those of them that it had paused."""
    rows = db.conn.execute(
        "SELECT id FROM chat_sessions WHERE client_id = ? AND status <> 'ended' AND pause_reason = 'balance'",
        (client_id,),
    ).fetchall()
    return [row[0] for row in rows]


def paused_by_absence(db: Connection, user_ids: Sequence[int]) -> list[int]:
    """The ids of those that are paused because somebody, or the server, was away."""
    return _of_users(
        db,
        """
        SELECT id FROM chat_sessions s JOIN gone ON s.{side}_id = gone.user_id WHERE status = 'paused'
            AND status <> 'ended' AND pause_reason IN ('client_absent', 'agent_absent', 'outage')
        """,
        user_ids,
    )


def mark_read(db: Connection, chat_session_id: int, side: Side, message_id: int, revision: int) -> bool:
    """Whether that is further than before; never beyond the newest message."""
    cursor = db.conn.execute(
        f"""
        UPDATE chat_sessions SET {side}_read_id = min(?1, last_message_id),
            {side}_delivered_id = max({side}_delivered_id, min(?1, last_message_id)), revision = ?2
        WHERE id = ?3 AND {side}_read_id < min(?1, last_message_id)
        """,
        (message_id, revision, chat_session_id),
    )
    return bool(cursor.rowcount)


def mark_delivered(db: Connection, delivered: Sequence[tuple[int, int, int]], first: int) -> list[ChangedRow]:
    """What has arrived, as (id, up to which message at the client, at the agent).

    `first` is the revision of the first one, and so on. Returns those where that is further than before.
    """
    return db.conn.execute(
        """
        WITH delivered AS (
            SELECT key, CAST(value ->> 0 AS INTEGER) AS session_id, CAST(value ->> 1 AS INTEGER) AS client,
                CAST(value ->> 2 AS INTEGER) AS agent
            FROM json_each(?)
        )
        UPDATE chat_sessions AS s SET revision = ? + delivered.key,
            client_delivered_id = max(client_delivered_id, min(delivered.client, last_message_id)),
            agent_delivered_id = max(agent_delivered_id, min(delivered.agent, last_message_id))
        FROM delivered WHERE s.id = delivered.session_id AND status <> 'ended'
            AND (client_delivered_id < min(delivered.client, last_message_id)
                OR agent_delivered_id < min(delivered.agent, last_message_id))
        RETURNING id, client_id, agent_id, previous_agent_id, is_for_any, status, owner_revision, revision
        """,
        (json.dumps(delivered), first),
    ).fetchall()


def had_free_seconds(db: Connection, client_id: int, agent_id: int) -> bool:
    """Whether a session that this agent accepted has used the pair's free seconds, or is about to."""
    row = db.conn.execute(
        """
        SELECT EXISTS (
            SELECT 1 FROM chat_sessions WHERE client_id = ? AND free_agent_id = ? AND free_seconds > 0
                AND (status <> 'ended' OR billed_ms >= 1000)
        )
        """,
        (client_id, agent_id),
    ).fetchone()
    return bool(row[0])


def ahead(db: Connection, chat_session_id: int, agent_id: int | None) -> int:
    """How many requests to the same agent (or to any) wait for longer."""
    row = db.conn.execute(
        """
        SELECT count(*) FROM chat_sessions
        WHERE status = 'waiting' AND agent_id IS NOT DISTINCT FROM ? AND id < ?
        """,
        (agent_id, chat_session_id),
    ).fetchone()
    return int(row[0])


def behind(db: Connection, chat_session_id: int, agent_id: int | None) -> list[ChangedRow]:
    """Those that wait behind it."""
    return db.conn.execute(
        "SELECT * FROM chat_sessions WHERE status = 'waiting' AND agent_id IS NOT DISTINCT FROM ? AND id > ?",
        (agent_id, chat_session_id),
    ).fetchall()


def stamp(db: Connection, chat_session_ids: Sequence[int], first: int) -> None:
    """They have changed: give them the revisions from `first` on."""
    db.conn.executemany(
        "UPDATE chat_sessions SET revision = ? WHERE id = ?",
        [(first + number, each) for number, each in enumerate(chat_session_ids)],
    )


def note_limit(db: Connection, chat_session_id: int, limit_cents: int | None, now: int) -> None:
    """The client sets the spending limit."""
    db.conn.execute(
        "INSERT INTO limit_changes (chat_session_id, limit_cents, created_at) VALUES (?, ?, ?)",
        (chat_session_id, limit_cents, now),
    )


def limits(db: Connection, chat_session_id: int) -> list[LimitRow]:
    """What it was set to after the request, in order."""
    return db.conn.execute(
        "SELECT limit_cents, created_at FROM limit_changes WHERE chat_session_id = ? ORDER BY id",
        (chat_session_id,),
    ).fetchall()


def waits(db: Connection, agent_id: int | None, since: int, limit: int) -> list[int]:
    """How long the last requests waited that were made to this agent, or to any, and accepted since then."""
    which = (
        "is_for_any = 1" if agent_id is None else "agent_id = :agent_id AND is_for_any = 0 AND segment = 0"
    )
    rows = db.conn.execute(
        f"""
        SELECT accepted_at - created_at FROM chat_sessions
        WHERE {which} AND accepted_at >= :since ORDER BY accepted_at DESC LIMIT {limit:d}
        """,
        {"since": since, "agent_id": agent_id},
    ).fetchall()
    return [row[0] for row in rows]


def accepted(db: Connection, agent_id: int, since: int) -> list[int]:
    """When the agent accepted requests since then."""
    rows = db.conn.execute(
        "SELECT accepted_at FROM chat_sessions WHERE agent_id = ? AND accepted_at >= ? AND segment = 0",
        (agent_id, since),
    ).fetchall()
    return [row[0] for row in rows]


def all_ids(db: Connection) -> list[int]:
    """Every session's id."""
    return [row[0] for row in db.conn.execute("SELECT id FROM chat_sessions ORDER BY id").fetchall()]


def count_by_status(db: Connection) -> dict[str, int]:
    """All of them; each part has an index."""
    rows = db.conn.execute(
        """
        SELECT 'ended', count(*) FROM chat_sessions WHERE status = 'ended'
        UNION ALL SELECT status, count(*) FROM chat_sessions WHERE status <> 'ended' GROUP BY status
        """
    ).fetchall()
    return {"waiting": 0, "active": 0, "paused": 0} | dict(rows)


def open_ids(db: Connection) -> list[int]:
    """Of those that go on."""
    query = "SELECT id FROM chat_sessions WHERE status <> 'ended' ORDER BY id"
    return [row[0] for row in db.conn.execute(query).fetchall()]


def _of_users(
    db: Connection, select: str, user_ids: Sequence[int], seen_before: int | None = None
) -> list[int]:
    """The ids that `select` gives for either `side` of the users, who are `gone`."""
    # `<> 'ended'` in it says that the indexes of open sessions will do.
    marks = ", ".join("?" * len(user_ids))
    rows = db.conn.execute(
        f"""
        WITH gone AS MATERIALIZED (
            SELECT id AS user_id, seen_at FROM users WHERE (CAST(?1 AS INTEGER) IS NULL OR seen_at <= ?1)
                AND id IN ({marks})
        )
        {select.format(side="client")} UNION {select.format(side="agent")}
        """,
        (seen_before, *user_ids),
    ).fetchall()
    return [row[0] for row in rows]


def _one(db: Connection, where: str, *values: object) -> SessionRow | None:
    found = _all(db, where, *values)
    return found[0] if found else None


def _all(db: Connection, where: str, *values: object) -> list[SessionRow]:
    rows: Any = db.conn.execute(f"SELECT {COLUMNS} FROM {TABLES} {where}", values).fetchall()
    # Dicts: sqlite3's rows find a column by trying one after the other.
    found: Any = [dict(zip(row.keys(), row, strict=True)) for row in rows]
    sessions: list[SessionRow] = found
    return sessions
