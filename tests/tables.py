"""All tables of a database, whichever engine it is of."""

from chat.database.connection import Connection

NAMES = {
    "sqlite": "SELECT name FROM sqlite_master WHERE type = 'table'",
    "postgresql": "SELECT tablename FROM pg_tables WHERE schemaname = current_schema()",
}


def rows(db: Connection) -> list[tuple]:
    """Each row of each."""
    names = [row[0] for row in db.conn.execute(NAMES[db.engine]).fetchall()]
    return [tuple(row) for name in names for row in db.conn.execute(f'SELECT * FROM "{name}"').fetchall()]
