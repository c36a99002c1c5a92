"""All that the file has, as it is carried into another database, or out of one."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from chat.database.connection import Rows
from chat.database.sqlite.connection import Connection

OWN = "_sqlite_migrations"


class FileTables:
    """Between `begin` and `end` triggers are away, and what refers to what is checked at COMMIT."""

    def __init__(self) -> None:
        self._triggers: list[str] = []

    def columns(self, db: Connection) -> dict[str, list[str]]:
        """Of each table, those that are written; not those of the index of words, nor of SQLite."""
        tables = db.conn.execute(
            """
            SELECT name FROM pragma_table_list
            WHERE schema = 'main' AND type = 'table' AND name NOT LIKE 'sqlite_%' AND name <> ? ORDER BY name
            """,
            (OWN,),
        ).fetchall()
        query = "SELECT name FROM pragma_table_xinfo(?) WHERE hidden = 0 ORDER BY name"
        return {name: [row[0] for row in db.conn.execute(query, (name,))] for (name,) in tables}

    def handed_out(self, db: Connection) -> dict[str, int]:
        """Of tables whose ids are never used twice, the highest that was."""
        return dict(map(tuple, db.conn.execute("SELECT name, seq FROM sqlite_sequence")))

    def rows(self, db: Connection, table: str, columns: Sequence[str]) -> Rows:
        """One after the other."""
        yield from db.conn.execute(f"SELECT {_listed(columns)} FROM {table}")

    def begin(self, db: Connection) -> None:
        """Empty all of them."""
        db.conn.execute("PRAGMA defer_foreign_keys = ON")
        triggers = db.conn.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
        self._triggers = [sql for _, sql in triggers]
        for name, _ in triggers:
            db.conn.execute(f"DROP TRIGGER {name}")
        for table in self.columns(db):
            db.conn.execute(f"DELETE FROM {table}")

    def fill(self, db: Connection, table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
        """Write these into it."""
        places = ", ".join("?" * len(columns))
        db.conn.executemany(f"INSERT INTO {table} ({_listed(columns)}) VALUES ({places})", rows)

    def end(self, db: Connection, handed_out: Mapping[str, int]) -> None:
        """Triggers are there again, and ids go on."""
        for sql in self._triggers:
            db.conn.execute(sql)
        for table, upto in handed_out.items():
            (sql,) = db.conn.execute("SELECT sql FROM sqlite_master WHERE name = ?", (table,)).fetchone()
            if "AUTOINCREMENT" in sql:
                known = self.handed_out(db).get(table, 0)
                db.conn.execute("DELETE FROM sqlite_sequence WHERE name = ?", (table,))
                db.conn.execute("INSERT INTO sqlite_sequence VALUES (?, ?)", (table, max(known, upto)))


def _listed(columns: Sequence[str]) -> str:
    return ", ".join(f'"{name}"' for name in columns)
