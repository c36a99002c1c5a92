"""A database that was put back has forgotten its newest ids and revisions, and hands none of them out."""

from chat.database.connection import Connection


def milliseconds_away(db: Connection) -> int:
    """Since the last heartbeat that it knows of: more than anybody has handed out meanwhile."""
    (heartbeat_at,) = db.conn.execute("SELECT heartbeat_at FROM server").fetchone()
    return max(0, db.clock.wall() - heartbeat_at) if heartbeat_at else 0


def lift(db: Connection, upto: int) -> None:
    """Revisions go on above `upto`; what has not ended is news: it may have gone on in what was lost."""
    execute = db.conn.execute
    execute("INSERT INTO lost_revisions SELECT head, ? FROM revision WHERE head < ?", (upto, upto))
    renewed = execute(
        """
        UPDATE chat_sessions SET revision = ? + number
        FROM (SELECT id AS open_id, row_number() OVER (ORDER BY id) AS number
            FROM chat_sessions WHERE status <> 'ended') AS opened
        WHERE id = open_id
        """,
        (upto,),
    ).rowcount
    execute("UPDATE revision SET head = ?", (upto + renewed,))
