"""Chat sessions to look into again."""

import json
from collections.abc import Mapping

from chat import texts
from chat.database.connection import Connection
from chat.store.rows import SessionRow
from chat.store.sessions import COLUMNS, TABLES, ids_of_client


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
    total, ended, currencies = db.conn.execute(
        f"""
        SELECT count(*), count(*) FILTER (WHERE status = 'ended'), json_group_array(DISTINCT currency)
        FROM chat_sessions WHERE id IN {ids_of_client("?1")} AND accepted_at IS NOT NULL
        """,
        (client_id,),
    ).fetchone()
    return total, ended, json.loads(currencies)


def _many(db: Connection, where: str, values: Mapping[str, object]) -> list[SessionRow]:
    return db.conn.execute(f"SELECT {COLUMNS} FROM {TABLES} {where}", values).fetchall()
