"""How a server is set and what is left of it, for whoever examines it."""

import secrets
from collections.abc import Mapping
from contextlib import closing
from typing import NamedTuple

import psycopg

from chat import clock
from chat.database.connection import Connection
from chat.database.postgresql.connection import PostgreSQLConnection, connect, shown
from chat.errors import DatabaseUnavailable

HEAR_SECONDS = 1.0
SETTINGS = (
    "fsync",
    "full_page_writes",
    "synchronous_commit",
    "synchronous_standby_names",
)
# `ours` are of this host; both without the connections that ask.
CONNECTIONS = """
    SELECT CAST(current_setting('max_connections') AS int)
        - CAST(current_setting('superuser_reserved_connections') AS int)
        - (SELECT CAST(sum(numbackends) AS int) FROM pg_stat_database WHERE datid > 0) + 2 AS free,
        (SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
            AND application_name = current_setting('application_name')
            AND client_addr IS NOT DISTINCT FROM inet_client_addr()) - 2 AS ours
"""


class Facts(NamedTuple):
    """As it is now; the version is 150004 for 15.4, and its clock is ahead of this machine's."""

    version: int
    encoding: str
    settings: Mapping[str, str]
    free: int
    ours: int
    is_heard: bool
    ahead_ms: int


def look(url: str) -> Facts:
    """Writes nothing; raises DatabaseUnavailable."""
    try:
        with closing(connect(url)) as ears, closing(connect(url)) as mouth:
            free, ours = ears.conn.execute(CONNECTIONS).fetchone()
            return Facts(
                ears.session.info.server_version,
                ears.session.info.parameter_status("server_encoding") or "",
                {name: _setting(ears, name) for name in SETTINGS},
                free,
                ours,
                _is_heard(ears, mouth),
                _ahead(ears),
            )
    except psycopg.Error as error:
        raise DatabaseUnavailable(f"{shown(url)}: {error}") from error


def _setting(db: Connection, name: str) -> str:
    return str(db.conn.execute("SELECT current_setting(?)", (name,)).fetchone()[0])


def _is_heard(ears: PostgreSQLConnection, mouth: PostgreSQLConnection) -> bool:
    """Whether the one connection is told what the other tells."""
    channel = f"tete_a_tete_{secrets.token_hex(8)}"
    ears.session.execute(f"LISTEN {channel}")
    mouth.conn.execute("SELECT pg_notify(?, '')", (channel,))
    return any(True for _ in ears.session.notifies(timeout=HEAR_SECONDS, stop_after=1))


def _ahead(db: Connection) -> int:
    asked_at = clock.wall()
    (told,) = db.conn.execute(
        "SELECT CAST(extract(epoch FROM clock_timestamp()) * 1000 AS bigint)"
    ).fetchone()
    return int(told) - (asked_at + clock.wall()) // 2
