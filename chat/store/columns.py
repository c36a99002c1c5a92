"""Columns of a row by their names, which come from our own code."""

from collections.abc import Mapping

from chat.database.connection import Connection


def update(db: Connection, table: str, row_id: int, changed: Mapping[str, object], key: str = "id") -> None:
    """Change them in the row with this key; nothing else, and nothing at all where none are given."""
    if changed:
        assignments = ", ".join(f"{name} = :{name}" for name in changed)
        db.conn.execute(
            f"UPDATE {table} SET {assignments} WHERE {key} = :row_id", {**changed, "row_id": row_id}
        )
