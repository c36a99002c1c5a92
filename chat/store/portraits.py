"""Pictures of people: a WebP each."""

from chat.database.connection import Connection


def put(db: Connection, user_id: int, name: str, content: bytes) -> None:
    """In the place of the one before."""
    db.conn.execute(
        """
        INSERT INTO portraits (user_id, hash, content) VALUES (?, ?, ?)
        ON CONFLICT (user_id) DO UPDATE SET hash = excluded.hash, content = excluded.content
        """,
        (user_id, name, content),
    )


def erase(db: Connection, user_id: int) -> None:
    """There is none any more."""
    db.conn.execute("DELETE FROM portraits WHERE user_id = ?", (user_id,))


def by_hash(db: Connection, name: str) -> bytes | None:
    """What is in it."""
    row = db.conn.execute("SELECT content FROM portraits WHERE hash = ?", (name,)).fetchone()
    return None if row is None else bytes(row[0])


def of_user(db: Connection, user_id: int) -> bytes | None:
    """The same, by whose it is."""
    row = db.conn.execute("SELECT content FROM portraits WHERE user_id = ?", (user_id,)).fetchone()
    return None if row is None else bytes(row[0])


def hashes(db: Connection) -> dict[int, str]:
    """Everybody's who has one."""
    return dict(tuple(row) for row in db.conn.execute("SELECT user_id, hash FROM portraits").fetchall())
