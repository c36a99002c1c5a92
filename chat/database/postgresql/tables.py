"""All that the schema has, as it is carried into another database, or out of one."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from chat.database.connection import Rows
from chat.database.postgresql.connection import PostgreSQLConnection

# Which migrations there are, by how much the clock was set, the index of words, and what is in files.
OWN = ("schema_migrations", "timekeeping", "search", "contents", "removed_contents")
# Rows that are on their way at a time.
BATCH = 1000
# Whoever reads or fills waits for the other, for longer than a writer may.
PATIENCE = "SET LOCAL idle_in_transaction_session_timeout = 0"
REFERENCES = """
    SELECT conrelid::regclass::text, quote_ident(conname), pg_get_constraintdef(oid) FROM pg_constraint
    WHERE contype = 'f' AND connamespace = current_schema()::regnamespace
"""
COUNTERS = """
    SELECT c.relname::text, a.attname::text, pg_get_serial_sequence(quote_ident(c.relname), a.attname)
    FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
    WHERE a.attidentity <> '' AND c.relnamespace = current_schema()::regnamespace
"""


class ServerTables:
    """Between `begin` and `end` nothing refers to anything, and triggers are off."""

    def __init__(self) -> None:
        self._references: list[tuple[str, str, str]] = []

    def columns(self, db: PostgreSQLConnection) -> dict[str, list[str]]:
        """Of each table, those that are written; not those of OWN."""
        found: dict[str, list[str]] = {}
        for table, column in db.conn.execute(
            """
            SELECT table_name::text, column_name::text
            FROM information_schema.columns JOIN information_schema.tables USING (table_schema, table_name)
            WHERE table_schema = current_schema() AND table_type = 'BASE TABLE' AND is_generated = 'NEVER'
            ORDER BY table_name, column_name COLLATE "C"
            """
        ):
            if table not in OWN:
                found.setdefault(table, []).append(column)
        return found

    def handed_out(self, db: PostgreSQLConnection) -> dict[str, int]:
        """The highest id that each table has given."""
        found = {}
        for table, _, counter in db.conn.execute(COUNTERS).fetchall():
            query = "SELECT pg_sequence_last_value(CAST(CAST(? AS text) AS regclass))"
            found[table] = db.conn.execute(query, (counter,)).fetchone()[0] or 0
        return {table: upto for table, upto in found.items() if table not in OWN}

    def rows(self, db: PostgreSQLConnection, table: str, columns: Sequence[str]) -> Rows:
        """One after the other."""
        run = db.session.execute
        run(PATIENCE)
        run(f"DECLARE moving CURSOR FOR SELECT {_listed(columns)} FROM {table}")
        while rows := run(f"FETCH {BATCH:d} FROM moving", prepare=False).fetchall():
            yield from rows
        run("CLOSE moving")

    def begin(self, db: PostgreSQLConnection) -> None:
        """Empty all of them."""
        run = db.session.execute
        run(PATIENCE)
        self._references = [(table, name, text) for table, name, text in run(REFERENCES)]
        for table, name, _ in self._references:
            run(f"ALTER TABLE {table} DROP CONSTRAINT {name}")
        for table in self.columns(db):
            run(f"ALTER TABLE {table} DISABLE TRIGGER USER; DELETE FROM {table}")

    def fill(
        self, db: PostgreSQLConnection, table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]
    ) -> None:
        """Write these into it."""
        command = f"COPY {table} ({_listed(columns)}) FROM STDIN"
        with db.session.cursor() as cursor, cursor.copy(command) as copy:
            for row in rows:
                copy.write_row(tuple(row))

    def end(self, db: PostgreSQLConnection, handed_out: Mapping[str, int]) -> None:
        """What refers to what is checked, triggers are on again, ids go on, and queries are planned anew."""
        run = db.session.execute
        for table, name, text in self._references:
            run(f"ALTER TABLE {table} ADD CONSTRAINT {name} {text}")
        for table in self.columns(db):
            run(f"ALTER TABLE {table} ENABLE TRIGGER USER")
        for table, column, counter in db.conn.execute(COUNTERS).fetchall():
            (top,) = db.conn.execute(f'SELECT coalesce(max("{column}"), 0) FROM {table}').fetchone()
            if upto := max(top, handed_out.get(table, 0)):
                db.conn.execute("SELECT setval(CAST(CAST(? AS text) AS regclass), ?)", (counter, upto))
        run("ANALYZE")


def _listed(columns: Sequence[str]) -> str:
    return ", ".join(f'"{name}"' for name in columns)
