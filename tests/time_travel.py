"""Moving the server's clock, which is a row in its database."""

from chat.database.connection import Connection
from chat.database.database import Database


def pass_time(
    database: Database, seconds: float, *, away: tuple[int, ...] = (), outage: bool = False
) -> None:
    """It is so many seconds later; everyone but the users `away` was there all the time, and so was the
    server, but for an `outage`."""
    ms = round(seconds * 1000)

    def move(db: Connection) -> None:
        db.conn.execute(
            "UPDATE server SET clock_offset = clock_offset + ?, lease_until = lease_until + ?", (ms, ms)
        )
        if outage:
            return
        db.conn.execute("UPDATE server SET heartbeat_at = heartbeat_at + ?", (ms,))
        marks = ", ".join("?" * len(away)) or "0"
        db.conn.execute(
            f"UPDATE users SET seen_at = seen_at + ? WHERE seen_at > 0 AND id NOT IN ({marks})", (ms, *away)
        )

    database.write(move)
