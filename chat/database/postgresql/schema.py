"""The schema, and which migrations it has.

A new database begins with the files beside this one, which have all migrations up to BASELINE; they are not
edited afterwards. Those that come later are run as they are written in chat/database/migrations.py, through
the same connection as the store's statements: so they are in what both engines speak (`ALTER TABLE … ADD
COLUMN`, `CREATE INDEX`, `UPDATE`), and ask `db.engine` where they cannot be, as for new tables and triggers.
"""

from pathlib import Path

from chat.database import migrations
from chat.database.connection import Connection
from chat.database.postgresql import lexemes
from chat.database.postgresql.connection import PostgreSQLConnection

BASELINE = "m031_widgets"
# Of all who write to a database, or make one; any number that nobody else takes.
LOCK = 0x7E7E
FILES = ("functions.sql", "schema.sql", "triggers.sql", "search.sql")
# The oldest that it is tested with.
LEAST_VERSION = 15
# By which letters are made small, the first that there is: they agree, but not every server has each.
COLLATIONS = ("pg_c_utf8", "C.UTF-8", "C.utf8", "und-x-icu", "default")


def check(db: PostgreSQLConnection) -> None:
    """Raises NewerSchema; writes nothing."""
    migrations.refuse_newer(applied(db))


def require_newest(db: PostgreSQLConnection) -> None:
    """Raises OlderSchema and NewerSchema; writes nothing."""
    migrations.refuse_older(applied(db))


def is_there(db: PostgreSQLConnection) -> bool:
    """Whether the database has one, of whatever version."""
    return bool(applied(db))


def apply(db: PostgreSQLConnection) -> list[str]:
    """Apply what is pending and return its names; raises NewerSchema, and Unfit.

    The lock comes first: processes that boot together would otherwise apply the same one twice. Where
    anything fails, nothing is changed.
    """
    if applied(db) == migrations.names():
        return []
    db.session.execute("BEGIN")
    try:
        db.session.execute(f"SELECT pg_advisory_xact_lock({LOCK:d})")
        before = applied(db)
        migrations.refuse_newer(before)
        if not before:
            _begin(db)
        for step in migrations.steps(after=applied(db)):
            step(db)
            _note(db, [step.__name__])
        _compare_bytes(db)
        done = applied(db)[len(before) :]
        db.session.execute("COMMIT")
    except BaseException:
        db.session.rollback()
        raise
    return done


def applied(db: Connection) -> list[str]:
    """The names of the migrations that the database has, in the order in which they were applied."""
    is_there = db.conn.execute(
        "SELECT 1 FROM pg_tables WHERE schemaname = current_schema() AND tablename = 'schema_migrations'"
    ).fetchone()
    rows = db.conn.execute("SELECT name FROM schema_migrations ORDER BY id").fetchall() if is_there else []
    return [row["name"] for row in rows]


def _begin(db: PostgreSQLConnection) -> None:
    """All of it, in a database that has nothing of ours."""
    _require_fit(db)
    filled = {
        "{letters}": lexemes.letters(),
        "{marks}": lexemes.marks(),
        "{collation}": _collation(db),
    }
    for name in FILES:
        script = Path(__file__).with_name(name).read_text()
        for place, text in filled.items():
            script = script.replace(place, text)
        db.session.execute(script)
    private, public = migrations.push_keys()
    db.conn.execute("UPDATE server SET push_private_key = ?, push_public_key = ?", (private, public))
    names = migrations.names()
    _note(db, names[: names.index(BASELINE) + 1])


def _collation(db: Connection) -> str:
    names = " ".join(COLLATIONS)
    (found,) = db.conn.execute(
        """
        SELECT quote_ident(collname) FROM pg_collation WHERE collnamespace = 'pg_catalog'::regnamespace
            AND collname = ANY(string_to_array(?1, ' ')) AND collencoding IN (-1, pg_char_to_encoding('UTF8'))
        ORDER BY array_position(string_to_array(?1, ' '), CAST(collname AS text)) LIMIT 1
        """,
        (names,),
    ).fetchone()
    return str(found)


def _compare_bytes(db: Connection) -> None:
    """Of texts, as SQLite does: a column that both were given in the same words has the server's way."""
    for table, column in db.conn.execute(
        """
        SELECT CAST(attrelid AS regclass), quote_ident(attname) FROM pg_attribute
        JOIN pg_class ON pg_class.oid = attrelid AND relkind = 'r'
        WHERE relnamespace = to_regnamespace(current_schema()) AND atttypid = 'text'::regtype
            AND attcollation <> '"C"'::regcollation AND NOT attisdropped
        """
    ).fetchall():
        db.conn.execute(f'ALTER TABLE {table} ALTER COLUMN {column} TYPE TEXT COLLATE "C"')


def _require_fit(db: PostgreSQLConnection) -> None:
    version = db.session.info.server_version // 10000
    if version < LEAST_VERSION:
        raise migrations.Unfit(f"The server is PostgreSQL {version}; {LEAST_VERSION} or newer is needed.")
    encoding = db.session.info.parameter_status("server_encoding")
    if encoding != "UTF8":
        raise migrations.Unfit(
            f"The database is in {encoding}, which lacks characters that people write. Make one with "
            "CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0."
        )


def _note(db: Connection, names: list[str]) -> None:
    db.conn.executemany("INSERT INTO schema_migrations (name) VALUES (?)", [(name,) for name in names])
