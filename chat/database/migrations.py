"""The schema, as migrations that are applied once and never edited.

Instants are integer milliseconds since 1970, UTC. Every state change takes the next `revision.head` and
stamps the rows that it changed with it.
"""

from sqlite_utils import Migrations

from chat.database.connection import Connection

migrations = Migrations("chat")


def apply(db: Connection) -> list[str]:
    """Apply what is pending and return its names.

    The lock comes first: processes that boot together would otherwise apply the same one twice.
    """
    if not migrations.pending(db):
        return []
    db.conn.execute("BEGIN IMMEDIATE")
    try:
        pending = [migration.name for migration in migrations.pending(db)]
        migrations.apply(db)
        db.conn.execute("COMMIT")
    except BaseException:
        db.conn.rollback()
        raise
    return pending


@migrations()
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
