"""The schema, as migrations that are applied once and never edited.

Instants are integer milliseconds since 1970, UTC. Every state change takes the next `revision.head` and
stamps the rows that it changed with it.

PostgreSQL begins with its own files, which have the migrations up to BASELINE in
chat/database/postgresql/schema.py; later ones run on both engines as they are written. So they are in what
both speak: `ALTER TABLE … ADD COLUMN`, `CREATE INDEX`, `UPDATE`; new tables and triggers ask `db.engine`.
"""

import hashlib
import json
import re
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterator, Sequence
from typing import Any, cast
from unicodedata import normalize

import sqlite_utils
from sqlite_utils import Migrations

from chat.database.connection import Connection
from chat.money import decimals

migrations = Migrations("chat")

BIDI_CONTROLS = re.compile(r"[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def _migration(step: Callable[[Connection], None]) -> Callable[[Connection], None]:
    """The next one; its name is the function's."""
    migrations()(cast(Any, step))
    return step


class OddAmounts(RuntimeError):
    """The database has hundredths of a currency that has none."""


class NewerSchema(RuntimeError):
    """The database was written by a newer version, which knows what this one would spoil."""


class OlderSchema(RuntimeError):
    """The database was written by an older version, and must be migrated first."""


class Unfit(RuntimeError):
    """The server, or this database of it, cannot hold what is to be stored."""


def names() -> list[str]:
    """Of all that there are, in order."""
    return [migration.name for migration in migrations._migrations]


def steps(after: Sequence[str]) -> list[Callable[[Connection], None]]:
    """Those that a database lacks which has these, in order."""
    return [cast(Any, each.fn) for each in migrations._migrations if each.name not in after]


def refuse_newer(applied: Sequence[str]) -> None:
    """Raises NewerSchema where a database has one that is not known here."""
    known = names()
    if newer := [each for each in applied if each not in known]:
        raise NewerSchema(
            f"The database is at schema {newer[-1]}; this version of Tête-à-tête knows it up to {known[-1]}. "
            f"Start the version that wrote it, or a newer one that has {newer[-1]}; or restore a backup from "
            "before the update. Nothing was changed."
        )


def refuse_older(applied: Sequence[str]) -> None:
    """Raises OlderSchema where it lacks one of these, and NewerSchema."""
    refuse_newer(applied)
    if pending := [each for each in names() if each not in applied]:
        raise OlderSchema(
            f"The database lacks {len(pending)} of this version's migrations, from {pending[0]} on: stop the "
            "older server, and run `migrate`, or start this version's. Nothing was changed."
        )


def check(db: sqlite_utils.Database) -> None:
    """Raises NewerSchema; writes nothing."""
    refuse_newer(_applied(db))


def require_newest(db: sqlite_utils.Database) -> None:
    """Raises OlderSchema and NewerSchema; writes nothing."""
    refuse_older(_applied(db))


def _applied(db: sqlite_utils.Database) -> list[str]:
    return [each.name for each in migrations.applied(db)]


def apply(db: sqlite_utils.Database, keep: Callable[[str], object] = lambda first: None) -> list[str]:
    """Apply what is pending and return its names; raises NewerSchema, and what `keep` raises.

    The lock comes first: processes that boot together would otherwise apply the same one twice. `keep` is
    called with the first of them while nobody writes, unless the database is new.
    """
    check(db)
    # It stays so; the other connections come later.
    db.conn.execute("PRAGMA journal_mode = WAL")
    if not migrations.pending(db):
        return []
    db.conn.execute("BEGIN IMMEDIATE")
    try:
        check(db)
        pending = [migration.name for migration in migrations.pending(db)]
        if pending and migrations.applied(db):
            keep(pending[0])
        migrations.apply(db)
        db.conn.execute("COMMIT")
    except BaseException:
        db.conn.rollback()
        raise
    return pending


@_migration
def m001_conversations(db: Connection) -> None:
    for statement in (
        """
        CREATE TABLE revision (
            id INTEGER PRIMARY KEY CHECK (id = 1),
            head INTEGER NOT NULL CHECK (head >= 0)
        ) STRICT
        """,
        "INSERT INTO revision VALUES (1, 0)",
        """
        CREATE TABLE users (
            id INTEGER PRIMARY KEY,
            role TEXT NOT NULL CHECK (role IN ('client', 'agent', 'admin')),
            name TEXT NOT NULL CHECK (length(name) BETWEEN 1 AND 100),
            email TEXT NOT NULL UNIQUE CHECK (email = lower(email) AND length(email) <= 254),
            password_hash TEXT NOT NULL,
            created_at INTEGER NOT NULL
        ) STRICT
        """,
        """
        CREATE TABLE auth_tokens (
            id INTEGER PRIMARY KEY,
            user_id INTEGER NOT NULL REFERENCES users (id),
            token_hash BLOB NOT NULL UNIQUE CHECK (length(token_hash) = 32),
            created_at INTEGER NOT NULL,
            expires_at INTEGER NOT NULL,
            revoked_at INTEGER,
            revision INTEGER NOT NULL DEFAULT 0
        ) STRICT
        """,
        "CREATE INDEX auth_tokens_revision ON auth_tokens (revision)",
        """
        CREATE TABLE chat_sessions (
            id INTEGER PRIMARY KEY,
            client_id INTEGER NOT NULL REFERENCES users (id),
            agent_id INTEGER REFERENCES users (id),
            status TEXT NOT NULL CHECK (status IN ('waiting', 'active', 'paused', 'ended')),
            end_reason TEXT CHECK (end_reason IN ('ended_by_client', 'ended_by_agent', 'declined',
                'cancelled', 'expired', 'inactive', 'spending_limit')),
            created_at INTEGER NOT NULL,
            ended_at INTEGER,
            last_message_id INTEGER NOT NULL DEFAULT 0,
            client_read_id INTEGER NOT NULL DEFAULT 0,
            agent_read_id INTEGER NOT NULL DEFAULT 0,
            revision INTEGER NOT NULL,
            CHECK ((status = 'ended') = (end_reason IS NOT NULL)),
            CHECK ((status = 'ended') = (ended_at IS NOT NULL)),
            CHECK (client_id <> agent_id)
        ) STRICT
        """,
        "CREATE INDEX chat_sessions_revision ON chat_sessions (revision)",
        "CREATE INDEX chat_sessions_client ON chat_sessions (client_id)",
        "CREATE INDEX chat_sessions_agent ON chat_sessions (agent_id)",
        """
        CREATE TABLE messages (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            chat_session_id INTEGER NOT NULL REFERENCES chat_sessions (id),
            sender_id INTEGER NOT NULL REFERENCES users (id),
            sender_type TEXT NOT NULL CHECK (sender_type IN ('client', 'agent')),
            message TEXT NOT NULL CHECK (length(message) BETWEEN 1 AND 4000),
            client_message_id TEXT CHECK (length(client_message_id) BETWEEN 1 AND 64),
            created_at INTEGER NOT NULL,
            revision INTEGER NOT NULL
        ) STRICT
        """,
        "CREATE INDEX messages_by_id ON messages (chat_session_id, id)",
        "CREATE UNIQUE INDEX messages_by_revision ON messages (chat_session_id, revision)",
        """
        CREATE UNIQUE INDEX messages_by_key ON messages (chat_session_id, sender_id, client_message_id)
        WHERE client_message_id IS NOT NULL
        """,
    ):
        db.conn.execute(statement)


@_migration
def m002_sessions_and_billing(db: Connection) -> None:
    for statement in (
        # One row: the clock that all processes share (chat/clock.py), and who sweeps.
        """
        CREATE TABLE server (
            id INTEGER PRIMARY KEY CHECK (id = 1),
            boot_id TEXT NOT NULL,
            clock_offset INTEGER NOT NULL,
            heartbeat_at INTEGER NOT NULL,
            leader TEXT NOT NULL,
            lease_until INTEGER NOT NULL
        ) STRICT
        """,
        "INSERT INTO server VALUES (1, '', 0, 0, '', 0)",
        "ALTER TABLE users ADD COLUMN seen_at INTEGER NOT NULL DEFAULT 0",
        "ALTER TABLE users ADD COLUMN rate_cents INTEGER NOT NULL DEFAULT 0 CHECK (rate_cents >= 0)",
        "ALTER TABLE users ADD COLUMN is_available INTEGER NOT NULL DEFAULT 0 CHECK (is_available IN (0, 1))",
        "ALTER TABLE users ADD COLUMN balance_cents INTEGER NOT NULL DEFAULT 0 CHECK (balance_cents >= 0)",
        *(
            f"ALTER TABLE chat_sessions ADD COLUMN {column}"
            for column in (
                "is_for_any INTEGER NOT NULL DEFAULT 0 CHECK (is_for_any IN (0, 1))",
                "previous_agent_id INTEGER REFERENCES users (id)",
                # When it last came to an agent or a queue, or left one.
                "owner_revision INTEGER NOT NULL DEFAULT 0",
                "accepted_at INTEGER",
                "active_since INTEGER",
                "paused_at INTEGER",
                """pause_reason TEXT CHECK (pause_reason IN ('paused_by_client', 'paused_by_agent',
                    'client_absent', 'agent_absent', 'outage', 'inactive', 'spending_limit', 'balance'))""",
                "last_activity_at INTEGER NOT NULL DEFAULT 0",
                "prompted_at INTEGER",
                # Snapshots, taken when the agent accepted or took over.
                "rate_cents INTEGER NOT NULL DEFAULT 0 CHECK (rate_cents >= 0)",
                "currency TEXT NOT NULL DEFAULT 'EUR' CHECK (length(currency) = 3)",
                "free_seconds INTEGER NOT NULL DEFAULT 0 CHECK (free_seconds >= 0)",
                "is_prepaid INTEGER NOT NULL DEFAULT 0 CHECK (is_prepaid IN (0, 1))",
                "limit_cents INTEGER CHECK (limit_cents >= 0)",
                "warned_seconds INTEGER",
                # The clock: what the closed intervals add up to, and since when the open one runs.
                "is_clock_started INTEGER NOT NULL DEFAULT 0 CHECK (is_clock_started IN (0, 1))",
                "billed_ms INTEGER NOT NULL DEFAULT 0 CHECK (billed_ms >= 0)",
                "running_since INTEGER",
                "earlier_minutes INTEGER NOT NULL DEFAULT 0",
                "earlier_cents INTEGER NOT NULL DEFAULT 0",
                "paid_minutes INTEGER NOT NULL DEFAULT 0",
                # How many transfers there were.
                "segment INTEGER NOT NULL DEFAULT 0",
                "total_cents INTEGER CHECK (total_cents >= 0)",
                "transfer_agent_id INTEGER REFERENCES users (id)",
                "transfer_rate_cents INTEGER",
                "rating INTEGER CHECK (rating BETWEEN 1 AND 5)",
                "rating_comment TEXT CHECK (length(rating_comment) <= 1000)",
                "client_delivered_id INTEGER NOT NULL DEFAULT 0",
                "agent_delivered_id INTEGER NOT NULL DEFAULT 0",
                # Nothing happens by itself before this; NULL when nothing ever will.
                "due_at INTEGER",
            )
        ),
        """
        UPDATE chat_sessions SET accepted_at = created_at, active_since = created_at,
            last_activity_at = created_at, due_at = 0 WHERE status <> 'ended'
        """,
        "UPDATE chat_sessions SET total_cents = 0 WHERE status = 'ended'",
        "DROP INDEX chat_sessions_client",
        "DROP INDEX chat_sessions_agent",
        # In parts, so that a message changes none of them.
        *(
            f"CREATE INDEX chat_sessions_{name}_{side} ON chat_sessions ({side}_id{more}) WHERE {which}"
            for side in ("client", "agent")
            for name, more, which in (
                ("open", "", "status <> 'ended'"),
                ("ended", ", revision", "status = 'ended'"),
                ("history", ", id", "status = 'ended'"),
            )
        ),
        "CREATE INDEX chat_sessions_rated ON chat_sessions (agent_id, rating) WHERE rating IS NOT NULL",
        "CREATE INDEX chat_sessions_waiting ON chat_sessions (agent_id, id) WHERE status = 'waiting'",
        "CREATE INDEX chat_sessions_owner ON chat_sessions (owner_revision) WHERE owner_revision > 0",
        "CREATE INDEX chat_sessions_due ON chat_sessions (due_at) WHERE due_at IS NOT NULL",
        """
        CREATE TABLE billing_intervals (
            id INTEGER PRIMARY KEY,
            chat_session_id INTEGER NOT NULL REFERENCES chat_sessions (id),
            agent_id INTEGER NOT NULL REFERENCES users (id),
            rate_cents INTEGER NOT NULL CHECK (rate_cents >= 0),
            reason TEXT NOT NULL CHECK (reason IN ('active', 'transfer', 'paused_by_client',
                'paused_by_agent', 'client_absent', 'agent_absent', 'outage', 'inactive', 'spending_limit',
                'balance')),
            started_at INTEGER NOT NULL,
            ended_at INTEGER CHECK (ended_at >= started_at),
            first_message_id INTEGER REFERENCES messages (id),
            last_message_id INTEGER REFERENCES messages (id)
        ) STRICT
        """,
        "CREATE INDEX billing_intervals_session ON billing_intervals (chat_session_id, id)",
        """
        CREATE UNIQUE INDEX billing_intervals_open ON billing_intervals (chat_session_id)
        WHERE ended_at IS NULL
        """,
        """
        CREATE TABLE ledger (
            id INTEGER PRIMARY KEY,
            user_id INTEGER NOT NULL REFERENCES users (id),
            kind TEXT NOT NULL CHECK (kind IN ('top_up', 'refund', 'minute', 'minute_refund')),
            amount_cents INTEGER NOT NULL CHECK (amount_cents <> 0),
            chat_session_id INTEGER REFERENCES chat_sessions (id),
            segment INTEGER,
            minute INTEGER,
            actor_id INTEGER REFERENCES users (id),
            reason TEXT NOT NULL CHECK (length(reason) BETWEEN 1 AND 500),
            created_at INTEGER NOT NULL,
            -- A minute that was begun, given back, and begun again with another agent is in two segments.
            UNIQUE (chat_session_id, segment, minute, kind)
        ) STRICT
        """,
        "CREATE INDEX ledger_user ON ledger (user_id, id)",
        *(
            f"""
            CREATE TRIGGER ledger_no_{verb} BEFORE {verb} ON ledger
            BEGIN SELECT raise(ABORT, 'the ledger is append-only'); END
            """
            for verb in ("UPDATE", "DELETE")
        ),
    ):
        db.conn.execute(statement)


@_migration
def m003_dashboards(db: Connection) -> None:
    for statement in (
        # Asked of whoever sets up the first administrator; the server logs it until there is one.
        "ALTER TABLE server ADD COLUMN setup_code TEXT NOT NULL DEFAULT ''",
        "UPDATE server SET setup_code = lower(hex(randomblob(8)))",
        # NULL is whatever the browser asks for.
        "ALTER TABLE users ADD COLUMN language TEXT CHECK (language IN ('en', 'fr'))",
        "ALTER TABLE users ADD COLUMN headline TEXT NOT NULL DEFAULT '' CHECK (length(headline) <= 200)",
        "ALTER TABLE users ADD COLUMN disabled_at INTEGER",
        "CREATE INDEX users_role ON users (role, id)",
        "CREATE INDEX auth_tokens_user ON auth_tokens (user_id)",
        # An invitation to sign up, or (with a user) to choose a new password.
        """
        CREATE TABLE links (
            id INTEGER PRIMARY KEY,
            token_hash BLOB NOT NULL UNIQUE CHECK (length(token_hash) = 32),
            role TEXT CHECK (role IN ('client', 'agent')),
            user_id INTEGER REFERENCES users (id),
            created_by INTEGER NOT NULL REFERENCES users (id),
            created_at INTEGER NOT NULL,
            expires_at INTEGER NOT NULL,
            used_at INTEGER,
            CHECK ((role IS NULL) <> (user_id IS NULL))
        ) STRICT
        """,
        """
        CREATE TABLE replies (
            id INTEGER PRIMARY KEY,
            agent_id INTEGER NOT NULL REFERENCES users (id),
            shortcut TEXT NOT NULL CHECK (length(shortcut) BETWEEN 1 AND 30),
            message TEXT NOT NULL CHECK (length(message) BETWEEN 1 AND 4000),
            UNIQUE (agent_id, shortcut)
        ) STRICT
        """,
        "CREATE INDEX chat_sessions_created ON chat_sessions (created_at)",
        "CREATE INDEX chat_sessions_ended ON chat_sessions (ended_at) WHERE status = 'ended'",
    ):
        db.conn.execute(statement)


@_migration
def m004_texts(db: Connection) -> None:
    # Names and emails as they are compared; one that would be another's stays as it is.
    for row in db.conn.execute("SELECT id, name, email FROM users").fetchall():
        name = normalize("NFC", BIDI_CONTROLS.sub("", row["name"]))
        email = normalize("NFC", row["email"])
        if (name, email) != (row["name"], row["email"]):
            db.conn.execute(
                "UPDATE OR IGNORE users SET name = ?, email = ? WHERE id = ?",
                (name or row["name"], email, row["id"]),
            )


@_migration
def m005_attempts(db: Connection) -> None:
    # `key` is a hash of an address, or of an address and an account.
    db.conn.execute(
        "CREATE TABLE attempts (key BLOB PRIMARY KEY, full_at INTEGER NOT NULL) STRICT, WITHOUT ROWID"
    )
    db.conn.execute("CREATE INDEX attempts_full ON attempts (full_at)")


@_migration
def m006_histories(db: Connection) -> None:
    for statement in (
        # What chat/database/sqlite/heads.py has written beside the database too.
        "ALTER TABLE server ADD COLUMN reserved_upto INTEGER NOT NULL DEFAULT 0",
        "ALTER TABLE server ADD COLUMN reserved_mark TEXT NOT NULL DEFAULT ''",
        # A backup was restored at the revision `above`; those up to `upto` are of the history that was lost.
        """
        CREATE TABLE lost_revisions (
            above INTEGER PRIMARY KEY,
            upto INTEGER NOT NULL CHECK (upto > above)
        ) STRICT
        """,
        # For the sweeper.
        "CREATE INDEX auth_tokens_expires ON auth_tokens (expires_at)",
        "CREATE INDEX auth_tokens_revoked ON auth_tokens (revoked_at) WHERE revoked_at IS NOT NULL",
    ):
        db.conn.execute(statement)


@_migration
def m007_rules(db: Connection) -> None:
    active = "FROM billing_intervals WHERE chat_session_id = chat_sessions.id AND reason = 'active'"
    for statement in (
        *(
            f"ALTER TABLE chat_sessions ADD COLUMN {column}"
            for column in (
                # Fixed when it is asked for.
                "first_increment_seconds INTEGER NOT NULL DEFAULT 60 CHECK (first_increment_seconds > 0)",
                "next_increment_seconds INTEGER NOT NULL DEFAULT 60 CHECK (next_increment_seconds > 0)",
                "minimum_cents INTEGER NOT NULL DEFAULT 0 CHECK (minimum_cents >= 0)",
                # Whose free seconds it has: those of the agent who accepted it.
                "free_agent_id INTEGER REFERENCES users (id)",
                # Of one that has ended: the seconds of all begun increments.
                "billed_seconds INTEGER NOT NULL DEFAULT 0 CHECK (billed_seconds >= 0)",
                # What the ledger has for it.
                "paid_cents INTEGER NOT NULL DEFAULT 0 CHECK (paid_cents >= 0)",
                # When the clock last stopped; when the agent accepted or took over; when the last outage
                # was known to be over.
                "stopped_at INTEGER",
                "agent_since INTEGER",
                "excused_at INTEGER",
            )
        ),
        # Seconds of increments that began with earlier agents, and the sum of those times cents a minute.
        "ALTER TABLE chat_sessions RENAME COLUMN earlier_minutes TO earlier_seconds",
        "ALTER TABLE chat_sessions RENAME COLUMN earlier_cents TO earlier_cent_seconds",
        f"""
        UPDATE chat_sessions SET earlier_seconds = 60 * earlier_seconds,
            earlier_cent_seconds = 60 * earlier_cent_seconds,
            free_agent_id = CASE WHEN free_seconds > 0 THEN coalesce((SELECT agent_id FROM billing_intervals
                WHERE chat_session_id = chat_sessions.id ORDER BY id LIMIT 1), agent_id) END,
            billed_seconds = CASE WHEN status = 'ended'
                THEN (max(0, billed_ms / 1000 - free_seconds) + 59) / 60 * 60 ELSE 0 END,
            paid_cents = (SELECT coalesce(-sum(amount_cents), 0) FROM ledger
                WHERE chat_session_id = chat_sessions.id),
            stopped_at = (SELECT max(ended_at) {active}),
            agent_since = coalesce((SELECT max(started_at) FROM billing_intervals
                WHERE chat_session_id = chat_sessions.id AND reason = 'transfer'), accepted_at)
        """,
        "CREATE INDEX chat_sessions_free ON chat_sessions (client_id, free_agent_id) WHERE free_seconds > 0",
    ):
        db.conn.execute(statement)


@_migration
def m008_consent(db: Connection) -> None:
    for statement in (
        # What the client agreed to pay a minute at most: what was shown at the request, or named for any
        # agent, or agreed to at a transfer.
        """
        ALTER TABLE chat_sessions ADD COLUMN max_rate_cents INTEGER NOT NULL DEFAULT 0
        CHECK (max_rate_cents >= 0)
        """,
        # When the clock first ran with this agent.
        "ALTER TABLE chat_sessions ADD COLUMN clock_started_at INTEGER",
        """
        UPDATE chat_sessions AS s SET
            max_rate_cents = max(rate_cents, (
                SELECT coalesce(max(rate_cents), 0) FROM billing_intervals WHERE chat_session_id = s.id
            )),
            clock_started_at = (
                SELECT min(started_at) FROM billing_intervals i
                WHERE chat_session_id = s.id AND i.agent_id = s.agent_id AND reason = 'active'
            )
        """,
    ):
        db.conn.execute(statement)
    # Nobody was told what a request to any agent may cost: it is asked for again.
    for (waiting_id,) in db.conn.execute(
        "SELECT id FROM chat_sessions WHERE status = 'waiting' AND agent_id IS NULL"
    ).fetchall():
        db.conn.execute("UPDATE revision SET head = head + 1")
        db.conn.execute(
            """
            UPDATE chat_sessions SET status = 'ended', end_reason = 'expired', ended_at = created_at,
                total_cents = 0, due_at = NULL, owner_revision = revision.head, revision = revision.head
            FROM revision WHERE chat_sessions.id = ?
            """,
            (waiting_id,),
        )


@_migration
def m009_books(db: Connection) -> None:
    append_only = [
        f"""
        CREATE TRIGGER {table}_no_{verb} BEFORE {verb} ON {table}
        BEGIN SELECT raise(ABORT, 'the {table} table is append-only'); END
        """
        for table in ("books", "remarks")
        for verb in ("UPDATE", "DELETE")
    ]
    for statement in (
        # Receipts, credits, what was agreed, and the ledger: each carries the hash of the one before.
        """
        CREATE TABLE books (
            sequence INTEGER PRIMARY KEY,
            content TEXT NOT NULL CHECK (json_valid(content)),
            hash TEXT NOT NULL UNIQUE CHECK (length(hash) = 64),
            kind TEXT NOT NULL AS (content ->> 'kind')
                CHECK (kind IN ('terms', 'receipt', 'credit', 'ledger')),
            number INTEGER NOT NULL AS (content ->> 'number') CHECK (number >= 1),
            chat_session_id INTEGER AS (content ->> 'chat_session_id'),
            issued_at INTEGER NOT NULL AS (content ->> 'issued_at'),
            previous_hash TEXT NOT NULL AS (content ->> 'previous_hash'),
            key TEXT AS (content ->> 'key')
        ) STRICT
        """,
        "CREATE UNIQUE INDEX books_number ON books (kind, number)",
        "CREATE UNIQUE INDEX books_key ON books (key) WHERE key IS NOT NULL",
        "CREATE UNIQUE INDEX books_receipt ON books (chat_session_id) WHERE kind = 'receipt'",
        "CREATE INDEX books_session ON books (chat_session_id, kind, sequence)",
        "CREATE INDEX books_issued ON books (issued_at, kind)",
        """
        CREATE TABLE remarks (
            id INTEGER PRIMARY KEY,
            chat_session_id INTEGER NOT NULL REFERENCES chat_sessions (id),
            user_id INTEGER NOT NULL REFERENCES users (id),
            remark TEXT NOT NULL CHECK (length(remark) BETWEEN 1 AND 2000),
            created_at INTEGER NOT NULL
        ) STRICT
        """,
        "CREATE INDEX remarks_session ON remarks (chat_session_id, id)",
        *append_only,
    ):
        db.conn.execute(statement)
    _widen_ledger(db)


def _widen_ledger(db: Connection) -> None:
    """It takes entries of the kind `credit`, too."""
    _rebuild(db, "ledger", "'minute_refund')", "'minute_refund', 'credit')", "*")


def _rebuild(db: Connection, name: str, was: str, now: str, columns: str) -> None:
    """Change a CHECK of a table that there is, which SQLite does not."""
    named = f"SELECT sql FROM sqlite_master WHERE tbl_name = '{name}' AND type {{}} AND sql IS NOT NULL"
    (table,) = db.conn.execute(named.format("= 'table'")).fetchone()
    others = [row[0] for row in db.conn.execute(named.format("<> 'table'")).fetchall()]
    wider = table.replace(was, now, 1)
    db.conn.execute(re.sub(rf'^CREATE TABLE "?{name}"?', f"CREATE TABLE {name}_wide", wider))
    into = "" if columns == "*" else f" ({columns})"
    db.conn.execute(f"INSERT INTO {name}_wide{into} SELECT {columns} FROM {name}")
    db.conn.execute(f"DROP TABLE {name}")
    db.conn.execute(f"ALTER TABLE {name}_wide RENAME TO {name}")
    for statement in others:
        db.conn.execute(statement)


@_migration
def m010_money(db: Connection) -> None:
    # Until now all amounts were hundredths, also of what has none, or more.
    used = db.conn.execute("SELECT DISTINCT currency FROM chat_sessions WHERE accepted_at IS NOT NULL")
    if odd := [row[0] for row in used if decimals(row[0]) != 2]:
        raise OddAmounts(
            f"The database has sessions in {odd[0]} from before its amounts had that currency's decimals: "
            "nobody can say what they were meant to be. Begin a new database. Nothing was changed."
        )
    for statement in (
        # "" until a process says what its setting is; see chat/store/server.py.
        "ALTER TABLE server ADD COLUMN currency TEXT NOT NULL DEFAULT ''",
        "ALTER TABLE ledger ADD COLUMN currency TEXT NOT NULL DEFAULT ''",
        "DROP TRIGGER ledger_no_UPDATE",
        """
        CREATE TRIGGER ledger_no_UPDATE BEFORE UPDATE ON ledger
        WHEN OLD.currency <> '' OR NEW.currency = ''
        BEGIN SELECT raise(ABORT, 'the ledger is append-only'); END
        """,
        *(
            f"""
            CREATE TRIGGER {table}_currency BEFORE INSERT ON {table}
            WHEN NEW.currency <> (SELECT currency FROM server)
            BEGIN SELECT raise(ABORT, 'the database has another currency'); END
            """
            for table in ("chat_sessions", "ledger")
        ),
    ):
        db.conn.execute(statement)


@_migration
def m010_shares(db: Connection) -> None:
    for statement in (
        # NULL is the setting; of each interval it is the one that the agent had when the clock started.
        "ALTER TABLE users ADD COLUMN share_percent INTEGER CHECK (share_percent BETWEEN 0 AND 100)",
        "ALTER TABLE billing_intervals ADD COLUMN "
        "share_percent INTEGER NOT NULL DEFAULT 100 CHECK (share_percent BETWEEN 0 AND 100)",
        # What agents were paid, and (below zero) what of it was taken back.
        """
        CREATE TABLE payouts (
            id INTEGER PRIMARY KEY,
            agent_id INTEGER NOT NULL REFERENCES users (id),
            kind TEXT NOT NULL CHECK (kind IN ('payout', 'taken_back')),
            amount_cents INTEGER NOT NULL
                CHECK (amount_cents <> 0 AND (amount_cents > 0) = (kind = 'payout')),
            currency TEXT NOT NULL,
            key TEXT CHECK (length(key) BETWEEN 1 AND 64),
            actor_id INTEGER REFERENCES users (id),
            reason TEXT NOT NULL CHECK (length(reason) BETWEEN 1 AND 500),
            created_at INTEGER NOT NULL
        ) STRICT
        """,
        "CREATE INDEX payouts_agent ON payouts (agent_id, id)",
        "CREATE UNIQUE INDEX payouts_by_key ON payouts (coalesce(actor_id, 0), key) WHERE key IS NOT NULL",
        *(
            f"""
            CREATE TRIGGER payouts_no_{verb} BEFORE {verb} ON payouts
            BEGIN SELECT raise(ABORT, 'the payouts are append-only'); END
            """
            for verb in ("UPDATE", "DELETE")
        ),
    ):
        db.conn.execute(statement)


@_migration
def m011_keys(db: Connection) -> None:
    # NULL is no key. The row itself is what was asked for with it.
    db.conn.execute("ALTER TABLE ledger ADD COLUMN key TEXT CHECK (length(key) BETWEEN 1 AND 64)")
    db.conn.execute(
        "CREATE UNIQUE INDEX ledger_by_key ON ledger (coalesce(actor_id, 0), key) WHERE key IS NOT NULL"
    )


@_migration
def m012_payments(db: Connection) -> None:
    for statement in (
        # What a client asked to pay through a provider. `checkout_id` and `url` are there when that has made
        # its page, `provider_id` and the rest when it was paid: then the ledger has it, once.
        """
        CREATE TABLE payments (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            reference TEXT NOT NULL UNIQUE,
            user_id INTEGER NOT NULL REFERENCES users (id),
            provider TEXT NOT NULL,
            amount_cents INTEGER NOT NULL CHECK (amount_cents > 0),
            currency TEXT NOT NULL,
            key TEXT CHECK (length(key) BETWEEN 1 AND 64),
            created_at INTEGER NOT NULL,
            checkout_id TEXT,
            url TEXT,
            provider_id TEXT UNIQUE,
            ledger_id INTEGER UNIQUE REFERENCES ledger (id),
            paid_at INTEGER,
            UNIQUE (user_id, key)
        ) STRICT
        """,
        # What goes back of one: written before the provider is asked.
        """
        CREATE TABLE payment_refunds (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            payment_id INTEGER NOT NULL REFERENCES payments (id),
            reference TEXT NOT NULL UNIQUE,
            amount_cents INTEGER NOT NULL CHECK (amount_cents > 0),
            status TEXT NOT NULL CHECK (status IN ('pending', 'done', 'refused')),
            actor_id INTEGER REFERENCES users (id),
            key TEXT NOT NULL CHECK (length(key) BETWEEN 1 AND 64),
            ledger_id INTEGER UNIQUE REFERENCES ledger (id),
            created_at INTEGER NOT NULL,
            UNIQUE (payment_id, key)
        ) STRICT
        """,
        # The most that the provider has said to have gone back of a payment, known to us or not yet.
        "CREATE TABLE provider_refunds (provider_id TEXT PRIMARY KEY, units INTEGER NOT NULL) STRICT",
    ):
        db.conn.execute(statement)


@_migration
def m013_steady(db: Connection) -> None:
    # How much had been billed when the client was last found to be away; NULL is never.
    db.conn.execute("ALTER TABLE chat_sessions ADD COLUMN steady_from_ms INTEGER")


@_migration
def m014_sealed(db: Connection) -> None:
    _rebuild(
        db,
        "books",
        "'credit', 'ledger')",
        "'credit', 'ledger', 'share', 'payout', 'payment', 'refund')",
        "sequence, content, hash",
    )
    for statement in (
        # When the provider closed its page of a payment that nobody made.
        "ALTER TABLE payments ADD COLUMN expired_at INTEGER",
        "CREATE INDEX payments_open ON payments (user_id, created_at) WHERE ledger_id IS NULL",
        # The provider's id of what goes back.
        "ALTER TABLE payment_refunds ADD COLUMN provider_id TEXT",
        "CREATE UNIQUE INDEX payment_refunds_provider ON payment_refunds (provider_id)",
    ):
        db.conn.execute(statement)
    if db.conn.execute("SELECT 1 FROM books").fetchone() is None:
        return  # They begin with all that there is.
    shares = """
        SELECT DISTINCT chat_session_id, i.agent_id, share_percent FROM billing_intervals i
        JOIN chat_sessions s ON s.id = chat_session_id WHERE s.status <> 'ended'
        ORDER BY chat_session_id, i.id
    """
    for content in _dicts(db, shares):
        _seal(db, "share", content)
    for kind, rows in (
        ("payout", "payouts"),
        ("payment", "payments WHERE ledger_id IS NOT NULL"),
        ("refund", "payment_refunds"),
    ):
        for row in _dicts(db, f"SELECT * FROM {rows} ORDER BY id"):
            _seal(db, kind, {"row": row})


def _dicts(db: Connection, query: str) -> list[dict[str, object]]:
    return [dict(zip(row.keys(), row, strict=True)) for row in db.conn.execute(query).fetchall()]


def _seal(db: Connection, kind: str, content: dict[str, object]) -> None:
    """As chat/store/books.py did when this was written."""
    last, issued_at = db.conn.execute(
        "SELECT hash, issued_at FROM books ORDER BY sequence DESC LIMIT 1"
    ).fetchone()
    query = "SELECT coalesce(max(number), 0) + 1 FROM books WHERE kind = ?"
    (number,) = db.conn.execute(query, (kind,)).fetchone()
    whole = {"kind": kind, "number": number, "issued_at": issued_at, "previous_hash": last, **content}
    text = json.dumps(whole, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    sha = hashlib.sha256(text.encode()).hexdigest()
    db.conn.execute("INSERT INTO books (content, hash) VALUES (?, ?)", (text, sha))


@_migration
def m016_blocks(db: Connection) -> None:
    for statement in (
        # Without an agent it is for all: an administrator's. The reason is for whoever blocks.
        """
        CREATE TABLE blocks (
            id INTEGER PRIMARY KEY,
            client_id INTEGER NOT NULL REFERENCES users (id),
            agent_id INTEGER REFERENCES users (id),
            reason TEXT NOT NULL CHECK (length(reason) <= 500),
            created_at INTEGER NOT NULL
        ) STRICT
        """,
        "CREATE UNIQUE INDEX blocks_pair ON blocks (client_id, coalesce(agent_id, 0))",
        "CREATE INDEX blocks_agent ON blocks (agent_id)",
    ):
        db.conn.execute(statement)


@_migration
def m016_reports(db: Connection) -> None:
    for statement in (
        # Of each person one of a session is open at a time. The note is for administrators.
        """
        CREATE TABLE reports (
            id INTEGER PRIMARY KEY,
            chat_session_id INTEGER NOT NULL REFERENCES chat_sessions (id),
            reporter_id INTEGER NOT NULL REFERENCES users (id),
            reason TEXT NOT NULL CHECK (reason IN ('abuse', 'fraud', 'spam', 'danger', 'other')),
            remark TEXT NOT NULL CHECK (length(remark) BETWEEN 1 AND 2000),
            created_at INTEGER NOT NULL,
            done_at INTEGER,
            done_by INTEGER REFERENCES users (id),
            note TEXT NOT NULL DEFAULT '' CHECK (length(note) <= 2000)
        ) STRICT
        """,
        "CREATE UNIQUE INDEX reports_open ON reports (chat_session_id, reporter_id) WHERE done_at IS NULL",
        "CREATE INDEX reports_session ON reports (chat_session_id, reporter_id, id)",
        "CREATE INDEX reports_state ON reports ((done_at IS NULL), id)",
    ):
        db.conn.execute(statement)


@_migration
def m016_audit(db: Connection) -> None:
    for statement in (
        # What administrators did; without one, somebody at the server's console. The detail is an amount, a
        # rate, a role: never a secret, and nothing that people wrote to each other.
        """
        CREATE TABLE audit (
            id INTEGER PRIMARY KEY,
            created_at INTEGER NOT NULL,
            kind TEXT NOT NULL,
            actor_id INTEGER REFERENCES users (id),
            address TEXT NOT NULL,
            user_id INTEGER REFERENCES users (id),
            chat_session_id INTEGER REFERENCES chat_sessions (id),
            detail TEXT NOT NULL CHECK (length(detail) <= 200)
        ) STRICT
        """,
        "CREATE INDEX audit_kind ON audit (kind, id)",
        "CREATE INDEX audit_actor ON audit (actor_id, id)",
        "CREATE INDEX audit_user ON audit (user_id, id)",
        *(
            f"""
            CREATE TRIGGER audit_no_{verb} BEFORE {verb} ON audit
            BEGIN SELECT raise(ABORT, 'the audit log is append-only'); END
            """
            for verb in ("UPDATE", "DELETE")
        ),
    ):
        db.conn.execute(statement)


@_migration
def m017_totp(db: Connection) -> None:
    for statement in (
        # NULL is no second step. Of the codes that were used only the last one's step is kept: no earlier one
        # is taken any more.
        "ALTER TABLE users ADD COLUMN totp_key TEXT",
        "ALTER TABLE users ADD COLUMN totp_step INTEGER NOT NULL DEFAULT 0",
        # Each is good once: then it is gone.
        """
        CREATE TABLE recovery_codes (
            user_id INTEGER NOT NULL REFERENCES users (id),
            code_hash BLOB NOT NULL,
            PRIMARY KEY (user_id, code_hash)
        ) STRICT, WITHOUT ROWID
        """,
        # Whoever knows the password and is asked for a code; with a key, it is being set up.
        """
        CREATE TABLE second_steps (
            token_hash BLOB PRIMARY KEY,
            user_id INTEGER NOT NULL REFERENCES users (id),
            totp_key TEXT,
            expires_at INTEGER NOT NULL
        ) STRICT, WITHOUT ROWID
        """,
    ):
        db.conn.execute(statement)


@_migration
def m017_answers(db: Connection) -> None:
    for statement in (
        # What agents write to whoever asked any of them, and nobody came.
        """
        CREATE TABLE answers (
            id INTEGER PRIMARY KEY,
            chat_session_id INTEGER NOT NULL REFERENCES chat_sessions (id),
            agent_id INTEGER NOT NULL REFERENCES users (id),
            message TEXT NOT NULL CHECK (length(message) BETWEEN 1 AND 1000),
            created_at INTEGER NOT NULL,
            UNIQUE (chat_session_id, agent_id)
        ) STRICT
        """,
        "CREATE INDEX chat_sessions_missed ON chat_sessions (id) "
        "WHERE is_for_any AND agent_id IS NULL AND status = 'ended'",
    ):
        db.conn.execute(statement)


@_migration
def m018_reported(db: Connection) -> None:
    # How much it was the provider is asked now.
    db.conn.execute("ALTER TABLE provider_refunds DROP COLUMN units")


@_migration
def m019_push(db: Connection) -> None:
    for statement in (
        # Who sends, to push services: the key pair of this database. The private one is 32 bytes.
        "ALTER TABLE server ADD COLUMN push_private_key BLOB",
        "ALTER TABLE server ADD COLUMN push_public_key TEXT NOT NULL DEFAULT ''",
        # Which page of a sign-in is looked at, and until when that is believed.
        "ALTER TABLE auth_tokens ADD COLUMN looking_page TEXT NOT NULL DEFAULT ''",
        "ALTER TABLE auth_tokens ADD COLUMN looking_until INTEGER NOT NULL DEFAULT 0",
        # AUTOINCREMENT: what waits in the outbox for one that is gone goes to no other.
        """
        CREATE TABLE push_subscriptions (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            user_id INTEGER NOT NULL REFERENCES users (id),
            auth_token_id INTEGER NOT NULL REFERENCES auth_tokens (id) ON DELETE CASCADE,
            endpoint TEXT NOT NULL UNIQUE CHECK (length(endpoint) <= 1000),
            p256dh BLOB NOT NULL CHECK (length(p256dh) = 65),
            auth BLOB NOT NULL CHECK (length(auth) = 16),
            -- The site and the language of the page on which it was made.
            site TEXT NOT NULL,
            language TEXT NOT NULL,
            created_at INTEGER NOT NULL
        ) STRICT
        """,
        "CREATE INDEX push_subscriptions_user ON push_subscriptions (user_id, id)",
        "CREATE INDEX push_subscriptions_token ON push_subscriptions (auth_token_id)",
        """
        CREATE TRIGGER push_subscriptions_end AFTER UPDATE OF revoked_at ON auth_tokens
        WHEN new.revoked_at IS NOT NULL
        BEGIN DELETE FROM push_subscriptions WHERE auth_token_id = new.id; END
        """,
        # What somebody was told of a session, so that it is told once; of messages, up to which.
        """
        CREATE TABLE notices (
            chat_session_id INTEGER NOT NULL REFERENCES chat_sessions (id),
            user_id INTEGER NOT NULL REFERENCES users (id),
            kind TEXT NOT NULL CHECK (kind IN ('request', 'accepted', 'message')),
            message_id INTEGER NOT NULL,
            PRIMARY KEY (chat_session_id, user_id, kind)
        ) STRICT, WITHOUT ROWID
        """,
        # What is to be sent to others, and tried again until it has arrived or is too old.
        """
        CREATE TABLE outbox (
            id INTEGER PRIMARY KEY,
            kind TEXT NOT NULL,
            target TEXT NOT NULL,
            topic TEXT NOT NULL,
            payload TEXT NOT NULL,
            due_at INTEGER NOT NULL,
            until_at INTEGER NOT NULL,
            attempts INTEGER NOT NULL DEFAULT 0,
            UNIQUE (kind, target, topic)
        ) STRICT
        """,
        "CREATE INDEX outbox_due ON outbox (due_at)",
    ):
        db.conn.execute(statement)
    db.conn.execute("UPDATE server SET push_private_key = ?, push_public_key = ?", push_keys())


def push_keys() -> tuple[bytes, str]:
    """A new pair of a database, the private one and the public one."""
    # Here, and not at each start: it takes 30 ms.
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    key = ec.generate_private_key(ec.SECP256R1())
    public = key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    private = key.private_numbers().private_value.to_bytes(32)
    return private, urlsafe_b64encode(public).decode().rstrip("=")


@_migration
def m020_timeline(db: Connection) -> None:
    for statement in (
        # Of the last change of what is told of it as events: nobody who knows it looks for them again.
        "ALTER TABLE chat_sessions ADD COLUMN events_revision INTEGER NOT NULL DEFAULT 0",
        # What the client set the spending limit to after the request; NULL is none.
        """
        CREATE TABLE limit_changes (
            id INTEGER PRIMARY KEY,
            chat_session_id INTEGER NOT NULL REFERENCES chat_sessions (id),
            limit_cents INTEGER CHECK (limit_cents >= 0),
            created_at INTEGER NOT NULL
        ) STRICT
        """,
        "CREATE INDEX limit_changes_session ON limit_changes (chat_session_id)",
        # How long the last requests waited, and at which hours an agent takes them.
        "CREATE INDEX chat_sessions_accepted ON chat_sessions (accepted_at) "
        "WHERE is_for_any AND accepted_at IS NOT NULL",
        "CREATE INDEX chat_sessions_accepted_by ON chat_sessions (agent_id, accepted_at) "
        "WHERE accepted_at IS NOT NULL",
    ):
        db.conn.execute(statement)


@_migration
def m021_notes(db: Connection) -> None:
    for statement in (
        # What agents and administrators keep about a client, who never sees it. `for_id` is the colleague to
        # whom the session was handed over with it. An id is not given out again: an old page may name it.
        """
        CREATE TABLE notes (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            client_id INTEGER NOT NULL REFERENCES users (id),
            author_id INTEGER NOT NULL REFERENCES users (id),
            chat_session_id INTEGER REFERENCES chat_sessions (id),
            for_id INTEGER REFERENCES users (id),
            text TEXT NOT NULL CHECK (length(text) BETWEEN 1 AND 4000),
            key TEXT CHECK (length(key) BETWEEN 1 AND 64),
            created_at INTEGER NOT NULL,
            edited_at INTEGER,
            UNIQUE (author_id, key)
        ) STRICT
        """,
        "CREATE INDEX notes_client ON notes (client_id, id)",
        "CREATE INDEX notes_session ON notes (chat_session_id, for_id) WHERE for_id IS NOT NULL",
    ):
        db.conn.execute(statement)


@_migration
def m022_console(db: Connection) -> None:
    # Nobody: somebody at the server's console.
    _rebuild(db, "links", "created_by INTEGER NOT NULL", "created_by INTEGER", "*")


@_migration
def m023_mail(db: Connection) -> None:
    for statement in (
        # Whether somebody is told by mail; links that they ask for are sent all the same.
        "ALTER TABLE users ADD COLUMN is_mailed INTEGER NOT NULL DEFAULT 1 CHECK (is_mailed IN (0, 1))",
        # Whom a link was sent to; NULL is handed on by whoever made it.
        "ALTER TABLE links ADD COLUMN mailed_to TEXT",
        # What somebody was told by mail, so that it is told once: of a session, or an answer; or (0) what
        # they had not read then.
        """
        CREATE TABLE mailed (
            user_id INTEGER NOT NULL REFERENCES users (id),
            kind TEXT NOT NULL CHECK (kind IN ('receipt', 'request', 'unread', 'answer')),
            about INTEGER NOT NULL,
            at INTEGER NOT NULL,
            PRIMARY KEY (user_id, kind, about)
        ) STRICT, WITHOUT ROWID
        """,
        "CREATE INDEX answers_created ON answers (created_at)",
        "CREATE INDEX chat_sessions_over ON chat_sessions (agent_id, ended_at) WHERE status = 'ended'",
    ):
        db.conn.execute(statement)


@_migration
def m024_api_tokens(db: Connection) -> None:
    for statement in (
        # With a label it is for a program and no sign-in; when it was used is kept to the minute.
        "ALTER TABLE auth_tokens ADD COLUMN label TEXT CHECK (length(label) BETWEEN 1 AND 100)",
        "ALTER TABLE auth_tokens ADD COLUMN used_at INTEGER",
    ):
        db.conn.execute(statement)


@_migration
def m024_webhooks(db: Connection) -> None:
    for statement in (
        # Up to which message webhooks were told, while there are any.
        "ALTER TABLE server ADD COLUMN hooked_message_id INTEGER NOT NULL DEFAULT 0",
        # `events` are types with blanks between. It is told what is newer than `since_revision`, by one
        # process at a time, until `claimed_until`, and not before `due_at`. `problem` is of the last attempt.
        """
        CREATE TABLE webhooks (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            label TEXT NOT NULL CHECK (length(label) BETWEEN 1 AND 100),
            url TEXT NOT NULL CHECK (length(url) <= 1000),
            events TEXT NOT NULL,
            has_words INTEGER NOT NULL CHECK (has_words IN (0, 1)),
            secret BLOB NOT NULL,
            old_secret BLOB NOT NULL DEFAULT x'',
            old_secret_until INTEGER NOT NULL DEFAULT 0,
            created_at INTEGER NOT NULL,
            since_revision INTEGER NOT NULL,
            due_at INTEGER NOT NULL DEFAULT 0,
            claimed_until INTEGER NOT NULL DEFAULT 0,
            failing_since INTEGER,
            problem TEXT NOT NULL DEFAULT '',
            status INTEGER,
            off_at INTEGER
        ) STRICT
        """,
        # What happened, but for messages, which are found by their ids: until it is queued for each webhook.
        """
        CREATE TABLE happenings (
            id INTEGER PRIMARY KEY,
            type TEXT NOT NULL,
            subject_id INTEGER NOT NULL,
            at INTEGER NOT NULL,
            data TEXT NOT NULL,
            revision INTEGER NOT NULL
        ) STRICT
        """,
        # The queue of each webhook, in the order of ids; what is done stays for a while, without a problem if
        # it has arrived. `key` tells receivers what they have had.
        """
        CREATE TABLE deliveries (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            webhook_id INTEGER NOT NULL REFERENCES webhooks (id) ON DELETE CASCADE,
            key TEXT NOT NULL UNIQUE,
            type TEXT NOT NULL,
            subject_id INTEGER NOT NULL,
            at INTEGER NOT NULL,
            data TEXT NOT NULL,
            until_at INTEGER NOT NULL,
            attempts INTEGER NOT NULL DEFAULT 0,
            tried_at INTEGER,
            status INTEGER,
            problem TEXT NOT NULL DEFAULT '',
            done_at INTEGER
        ) STRICT
        """,
        "CREATE INDEX deliveries_webhook ON deliveries (webhook_id, id)",
        "CREATE INDEX deliveries_waiting ON deliveries (webhook_id, id) WHERE done_at IS NULL",
        "CREATE INDEX deliveries_done ON deliveries (done_at) WHERE done_at IS NOT NULL",
        *_happenings(),
    ):
        db.conn.execute(statement)


def _happenings() -> Iterator[str]:
    """The triggers: in the transaction that changes a status, and in no other."""
    is_told = "EXISTS (SELECT 1 FROM webhooks WHERE off_at IS NULL)"
    session = (
        "json_object('id', new.id, 'status', new.status, 'pause_reason', new.pause_reason, 'end_reason', "
        "new.end_reason, 'client_id', new.client_id, 'agent_id', new.agent_id)"
    )
    insert = "INSERT INTO happenings (type, subject_id, at, data, revision)"
    yield f"""
        CREATE TRIGGER happenings_created AFTER INSERT ON chat_sessions WHEN {is_told} BEGIN
            {insert} VALUES ('session.created', new.id, new.created_at, {session}, new.revision);
        END
        """
    # A change of several tells the first of these.
    for name, condition, at in (
        ("ended", "old.status <> 'ended' AND new.status = 'ended'", "ended_at"),
        ("accepted", "old.status = 'waiting' AND new.status IN ('active', 'paused')", "accepted_at"),
        (
            "handed_over",
            "old.status IN ('active', 'paused') AND new.status <> 'ended' AND old.agent_id <> new.agent_id",
            "agent_since",
        ),
        (
            "paused",
            "old.status = 'active' AND new.status = 'paused' AND old.agent_id = new.agent_id",
            "paused_at",
        ),
        (
            "resumed",
            "old.status = 'paused' AND new.status = 'active' AND old.agent_id = new.agent_id",
            "active_since",
        ),
    ):
        yield f"""
        CREATE TRIGGER happenings_{name} AFTER UPDATE OF status, agent_id ON chat_sessions
        WHEN {condition} AND {is_told} BEGIN
            {insert} VALUES
                ('session.{name}', new.id, coalesce(new.{at}, new.created_at), {session}, new.revision);
        END
        """
    for name, kind in (("issued", "receipt"), ("credited", "credit")):
        yield f"""
        CREATE TRIGGER happenings_{name} AFTER INSERT ON books
        WHEN new.content ->> 'kind' = '{kind}' AND {is_told} BEGIN
            {insert} SELECT 'receipt.{name}', new.sequence, new.content ->> 'issued_at', '{{}}', head
            FROM revision;
        END
        """


@_migration
def m025_privacy(db: Connection) -> None:
    for statement in (
        # Of whom nothing is kept but what the books need; and since when no word of theirs is.
        "ALTER TABLE users ADD COLUMN erased_at INTEGER",
        "ALTER TABLE users ADD COLUMN words_gone_at INTEGER",
        "CREATE INDEX users_erased ON users (id) WHERE erased_at IS NOT NULL AND words_gone_at IS NULL",
        # When the words of a session that has ended were deleted, because their time was over.
        "ALTER TABLE chat_sessions ADD COLUMN words_gone_at INTEGER",
        "CREATE INDEX chat_sessions_words ON chat_sessions (ended_at) "
        "WHERE status = 'ended' AND words_gone_at IS NULL",
        # Both logs are only ever added to, but for what is erased of somebody.
        "DROP TRIGGER remarks_no_UPDATE",
        """
        CREATE TRIGGER remarks_no_UPDATE BEFORE UPDATE ON remarks
        WHEN NEW.remark <> '' OR (NEW.id, NEW.chat_session_id, NEW.user_id, NEW.created_at)
            IS NOT (OLD.id, OLD.chat_session_id, OLD.user_id, OLD.created_at)
        BEGIN SELECT raise(ABORT, 'the remarks table is append-only'); END
        """,
        "DROP TRIGGER audit_no_UPDATE",
        # What was searched for at the console was noted once; what was, is nobody's to keep.
        "UPDATE audit SET detail = '' WHERE kind = 'searched'",
        """
        CREATE TRIGGER audit_no_UPDATE BEFORE UPDATE ON audit
        WHEN NEW.address <> '' OR (
            NEW.id, NEW.created_at, NEW.kind, NEW.actor_id, NEW.user_id, NEW.chat_session_id, NEW.detail
        ) IS NOT (
            OLD.id, OLD.created_at, OLD.kind, OLD.actor_id, OLD.user_id, OLD.chat_session_id, OLD.detail
        )
        BEGIN SELECT raise(ABORT, 'the audit log is append-only'); END
        """,
    ):
        db.conn.execute(statement)
    _allow_nothing(
        db,
        {
            "messages": "length(message) BETWEEN 1 AND 4000",
            "answers": "length(message) BETWEEN 1 AND 1000",
            "reports": "length(remark) BETWEEN 1 AND 2000",
            "remarks": "length(remark) BETWEEN 1 AND 2000",
        },
    )


@_migration
def m026_attachments(db: Connection) -> None:
    for statement in (
        # Of a message; the file itself is in the folder of contents, named for its SHA-256.
        """
        CREATE TABLE attachments (
            id INTEGER PRIMARY KEY REFERENCES messages (id),
            user_id INTEGER NOT NULL REFERENCES users (id),
            name TEXT NOT NULL CHECK (length(name) BETWEEN 1 AND 150),
            type TEXT NOT NULL,
            bytes INTEGER NOT NULL CHECK (bytes > 0),
            width INTEGER,
            height INTEGER,
            content TEXT NOT NULL,
            thumbnail TEXT,
            digest TEXT NOT NULL
        ) STRICT
        """,
        "CREATE INDEX attachments_content ON attachments (content)",
        "CREATE INDEX attachments_thumbnail ON attachments (thumbnail) WHERE thumbnail IS NOT NULL",
        "CREATE INDEX attachments_user ON attachments (user_id, bytes)",
        # What is to be looked at, whether it goes from disk, too.
        "CREATE TABLE dropped_contents (content TEXT PRIMARY KEY) STRICT, WITHOUT ROWID",
        """
        CREATE TRIGGER attachments_dropped AFTER DELETE ON attachments BEGIN
            INSERT OR IGNORE INTO dropped_contents (content)
            SELECT value FROM json_each(json_array(old.content, old.thumbnail)) WHERE value IS NOT NULL;
        END
        """,
        # Whoever takes the words out of a message takes its file, too.
        """
        CREATE TRIGGER messages_emptied AFTER UPDATE OF message ON messages WHEN new.message = '' BEGIN
            DELETE FROM attachments WHERE id = new.id;
        END
        """,
    ):
        db.conn.execute(statement)


@_migration
def m027_edits(db: Connection) -> None:
    for statement in (
        # When its writer last edited or deleted it; what it said before is not kept.
        "ALTER TABLE messages ADD COLUMN edited_at INTEGER",
        "ALTER TABLE messages ADD COLUMN is_deleted INTEGER NOT NULL DEFAULT 0 CHECK (is_deleted IN (0, 1))",
        # Of the last of these in a session: whoever reads on where there was none looks for none.
        "ALTER TABLE chat_sessions ADD COLUMN edited_revision INTEGER NOT NULL DEFAULT 0",
        # Those that a client is told of which says only up to where it has read.
        "CREATE INDEX messages_edited ON messages (chat_session_id, revision) WHERE edited_at IS NOT NULL",
        """
        CREATE TRIGGER happenings_edited AFTER UPDATE OF edited_at ON messages
        WHEN EXISTS (SELECT 1 FROM webhooks WHERE off_at IS NULL) BEGIN
            INSERT INTO happenings (type, subject_id, at, data, revision) VALUES (
                iif(new.is_deleted, 'message.deleted', 'message.edited'), new.id, new.edited_at, '{}',
                new.revision
            );
        END
        """,
    ):
        db.conn.execute(statement)


@_migration
def m028_search(db: Connection) -> None:
    indexed = (
        "FROM messages WHERE chat_session_id = new.id AND id <= (SELECT searched_message_id FROM server)"
    )
    who = "'c' || {row}.client_id || coalesce(' a' || {row}.agent_id, '')"
    for statement in (
        # Up to which message they are in the index, and whether words are in it that are only marked as gone:
        # 2 while it is written anew without them.
        "ALTER TABLE server ADD COLUMN searched_message_id INTEGER NOT NULL DEFAULT 0",
        "ALTER TABLE server ADD COLUMN is_search_stale INTEGER NOT NULL DEFAULT 0",
        f"""
        CREATE VIEW searchable AS SELECT m.id, m.message, {who.format(row="s")} AS who
        FROM messages m JOIN chat_sessions s ON s.id = m.chat_session_id
        """,
        # With all beginnings of two and three letters: those of longer ones are few enough.
        """
        CREATE VIRTUAL TABLE search USING fts5 (
            message, who, content = 'searchable', content_rowid = 'id',
            tokenize = 'unicode61 remove_diacritics 2', prefix = '2 3', columnsize = 0
        )
        """,
        "INSERT INTO search (search) VALUES ('rebuild')",
        "UPDATE server SET searched_message_id = (SELECT coalesce(max(id), 0) FROM messages)",
        """
        CREATE TRIGGER search_message AFTER UPDATE OF message ON messages
        WHEN old.message <> new.message AND new.id <= (SELECT searched_message_id FROM server) BEGIN
            INSERT INTO search (search, rowid, message, who)
                SELECT 'delete', id, old.message, who FROM searchable WHERE id = new.id;
            INSERT INTO search (rowid, message, who)
                SELECT id, new.message, who FROM searchable WHERE id = new.id;
            UPDATE server SET is_search_stale = 1 WHERE is_search_stale <> 1;
        END
        """,
        # Whoever had a session before does not find it any more; who has it now finds all of it.
        f"""
        CREATE TRIGGER search_agent AFTER UPDATE OF agent_id ON chat_sessions
        WHEN old.agent_id IS NOT new.agent_id BEGIN
            INSERT INTO search (search, rowid, message, who)
                SELECT 'delete', id, message, {who.format(row="old")} {indexed};
            INSERT INTO search (rowid, message, who)
                SELECT id, message, {who.format(row="new")} {indexed};
        END
        """,
    ):
        db.conn.execute(statement)


def _allow_nothing(db: Connection, checks: dict[str, str]) -> None:
    """'' may be in the place of words that are gone.

    As https://sqlite.org/lang_altertable.html (7) has it where no row changes: others refer to these tables,
    so they cannot be dropped and made anew.
    """
    execute = db.conn.execute
    (version,) = execute("PRAGMA schema_version").fetchone()
    execute("PRAGMA writable_schema = ON")
    for table, check in checks.items():
        wider = check.replace("BETWEEN 1", "BETWEEN 0")
        query = "UPDATE sqlite_master SET sql = replace(sql, ?, ?) WHERE name = ? AND instr(sql, ?)"
        assert execute(query, (check, wider, table, check)).rowcount == 1, table
    execute(f"PRAGMA schema_version = {version + 1:d}")
    execute("PRAGMA writable_schema = RESET")


@_migration
def m029_agents_page(db: Connection) -> None:
    for statement in (
        # What an agent says on their page beside name and sentence. `languages` are codes with blanks
        # between; `hours` and `special_days` are JSON, of what chat/hours.py has; `holidays` a country, or a
        # part of one.
        """
        CREATE TABLE profiles (
            agent_id INTEGER PRIMARY KEY REFERENCES users (id),
            languages TEXT NOT NULL DEFAULT '' CHECK (length(languages) <= 200),
            time_zone TEXT NOT NULL DEFAULT '' CHECK (length(time_zone) <= 100),
            hours TEXT NOT NULL DEFAULT '[]' CHECK (length(hours) <= 10000),
            special_days TEXT NOT NULL DEFAULT '[]' CHECK (length(special_days) <= 100000),
            holidays TEXT NOT NULL DEFAULT '' CHECK (length(holidays) <= 20)
        ) STRICT
        """,
        # A WebP of theirs, by the hash of what is in it.
        """
        CREATE TABLE portraits (
            user_id INTEGER PRIMARY KEY REFERENCES users (id),
            hash TEXT NOT NULL,
            content BLOB NOT NULL
        ) STRICT
        """,
        "CREATE INDEX portraits_hash ON portraits (hash)",
        # Whether clients want their words shown on the agent's page, and an administrator hides them there:
        # the words themselves are the session's, and go with it.
        """
        CREATE TABLE reviews (
            chat_session_id INTEGER PRIMARY KEY REFERENCES chat_sessions (id),
            agent_id INTEGER NOT NULL REFERENCES users (id),
            is_public INTEGER NOT NULL CHECK (is_public IN (0, 1)),
            hidden_at INTEGER
        ) STRICT
        """,
        "CREATE INDEX reviews_agent ON reviews (agent_id, chat_session_id) WHERE is_public",
        # When a copy of the database was last taken, and the first steps put away.
        "ALTER TABLE server ADD COLUMN backed_up_at INTEGER",
        "ALTER TABLE server ADD COLUMN steps_hidden_at INTEGER",
    ):
        db.conn.execute(statement)


@_migration
def m030_attendance(db: Connection) -> None:
    for statement in (
        # How many agents were there, and of these took requests, at the beginning of each quarter of an hour
        # since 1970; one in which nobody counted has no row.
        """
        CREATE TABLE attendance (
            quarter INTEGER PRIMARY KEY,
            there INTEGER NOT NULL CHECK (there >= 0),
            taking INTEGER NOT NULL CHECK (taking BETWEEN 0 AND there)
        ) STRICT
        """,
        # When whoever is there came; nobody knows it of those who were there before this migration.
        "ALTER TABLE users ADD COLUMN here_since INTEGER NOT NULL DEFAULT 0",
    ):
        db.conn.execute(statement)


@_migration
def m031_widgets(db: Connection) -> None:
    for statement in (
        # What websites show: the key is public, and says which site; `origins` has blanks between.
        """
        CREATE TABLE widgets (
            id INTEGER PRIMARY KEY,
            key TEXT NOT NULL UNIQUE,
            label TEXT NOT NULL CHECK (length(label) BETWEEN 1 AND 100),
            origins TEXT NOT NULL,
            created_at INTEGER NOT NULL,
            revoked_at INTEGER
        ) STRICT
        """,
        # By which a client came who has no account of their own yet: a guest.
        "ALTER TABLE users ADD COLUMN widget_id INTEGER REFERENCES widgets (id)",
        "CREATE INDEX users_guests ON users (widget_id, created_at) WHERE widget_id IS NOT NULL",
    ):
        db.conn.execute(statement)


@_migration
def m032_conditions(db: Connection) -> None:
    # In the words of the queries: no engine takes others for the same.
    for name, columns, condition in (
        ("missed", "chat_sessions (id)", "is_for_any = 1 AND agent_id IS NULL AND status = 'ended'"),
        ("accepted", "chat_sessions (accepted_at)", "is_for_any = 1 AND accepted_at IS NOT NULL"),
    ):
        db.conn.execute(f"DROP INDEX chat_sessions_{name}")
        db.conn.execute(f"CREATE INDEX chat_sessions_{name} ON {columns} WHERE {condition}")
    db.conn.execute("DROP INDEX reviews_agent")
    db.conn.execute("CREATE INDEX reviews_agent ON reviews (agent_id, chat_session_id) WHERE is_public = 1")
    db.conn.execute("DROP INDEX reports_state")
    db.conn.execute("CREATE INDEX reports_state ON reports ((iif(done_at IS NULL, 1, 0)), id)")
