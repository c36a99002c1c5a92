"""Databases that have grown: rows are written by SQL, as the server would have left them."""

from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

from chat.database.sqlite.connection import sqlite3

NUMBERS = """
    WITH RECURSIVE numbers (number) AS (
        SELECT 1 UNION ALL SELECT number + 1 FROM numbers WHERE number < :count
    )
"""
PEOPLE = """
    INSERT INTO users (role, name, email, password_hash, created_at)
    SELECT 'client', 'Person ' || number, 'person' || number || '@bench.example', '', 0 FROM numbers
"""
MESSAGES = """
    INSERT INTO messages (chat_session_id, sender_id, sender_type, message, created_at, revision)
    SELECT chat_sessions.id, client_id, 'client', 'Bonjour, avez-vous bien reçu mon dernier document ?',
        last_activity_at, head + number
    FROM numbers, revision JOIN chat_sessions ON chat_sessions.id = :id
"""
AFTER_MESSAGES = (
    "UPDATE revision SET head = (SELECT max(revision) FROM messages)",
    """
    UPDATE chat_sessions SET revision = head, last_message_id = newest, client_read_id = newest,
        agent_read_id = newest, client_delivered_id = newest, agent_delivered_id = newest
    FROM revision, (SELECT max(id) AS newest FROM messages) WHERE chat_sessions.id = :id
    """,
)
# What differs between an ended session and the active one that it is made of.
ENDED = {
    "status": "'ended'",
    "end_reason": "'ended_by_client'",
    "ended_at": "created_at",
    "total_cents": "0",
    "due_at": "NULL",
}


# Every seventh request is accepted by nobody.
ASKED_AT = "newest.now - 31536000000 + number * (31536000000 / :count)"
OF_A_YEAR = ENDED | {
    "created_at": ASKED_AT,
    "accepted_at": f"iif(number % 7, {ASKED_AT} + number * 7919 % 120000, NULL)",
    "end_reason": "CASE number % 21 WHEN 0 THEN 'expired' WHEN 7 THEN 'cancelled' WHEN 14 THEN 'declined' "
    "ELSE 'ended_by_client' END",
    "ended_at": f"{ASKED_AT} + 600000",
    "last_activity_at": f"{ASKED_AT} + 600000",
}
SAID_IN_A_YEAR = """
    INSERT INTO messages (chat_session_id, sender_id, sender_type, message, created_at, revision)
    SELECT s.id, iif(side = 0, client_id, agent_id), iif(side = 0, 'client', 'agent'),
        'Bonjour, avez-vous bien reçu mon dernier document ?',
        iif(side = 0, s.created_at, accepted_at + s.id * 6007 % 90000), head + 2 * s.id + side
    FROM revision, chat_sessions s, (SELECT 0 AS side UNION ALL SELECT 1)
    WHERE s.status = 'ended' AND (side = 0 OR accepted_at IS NOT NULL) ORDER BY s.id, side
"""


def add_people(path: Path, count: int) -> None:
    """They do nothing."""
    _write(path, {NUMBERS + PEOPLE: {"count": count}})


def add_ended(path: Path, count: int) -> None:
    """Ended sessions of those who talk."""
    _write(path, {_ended(path, ENDED): {"count": count}})


def add_year(path: Path, count: int) -> None:
    """Sessions of those who talk, asked for within the last 365 days, with a message of each side."""
    _write(path, {_ended(path, OF_A_YEAR): {"count": count}, SAID_IN_A_YEAR: {}, AFTER_MESSAGES[0]: {}})


def _ended(path: Path, changed: Mapping[str, str]) -> str:
    """SQL: so many sessions made of those that there are."""
    with closing(sqlite3.connect(path)) as db:
        columns = [row[1] for row in db.execute("PRAGMA table_info (chat_sessions)")]
    columns.remove("id")
    values = ", ".join(changed.get(column, f"chat_sessions.{column}") for column in columns)
    return f"""{NUMBERS}
        INSERT INTO chat_sessions ({", ".join(columns)})
        SELECT {values} FROM numbers JOIN chat_sessions
            ON chat_sessions.id = 1 + number % (SELECT count(*) FROM chat_sessions),
            (SELECT max(created_at) AS now FROM chat_sessions) AS newest
    """


def add_messages(path: Path, chat_session_id: int, count: int) -> int:
    """In one session, from its client; the id of the last one."""
    parameters = {"count": count, "id": chat_session_id}
    _write(path, dict.fromkeys((NUMBERS + MESSAGES, *AFTER_MESSAGES), parameters))
    with closing(sqlite3.connect(path)) as db:
        newest: int = db.execute("SELECT max(id) FROM messages").fetchone()[0]
        return newest


def _write(path: Path, statements: Mapping[str, Mapping[str, int]]) -> None:
    """In one transaction."""
    with closing(sqlite3.connect(path)) as db, db:
        for statement, parameters in statements.items():
            db.execute(statement, parameters)
