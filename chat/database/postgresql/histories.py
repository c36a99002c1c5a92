"""Whether the database goes on where it was left, or was put back: from a copy, or by a standby.

Another server, another timeline of it, or another table mean that what was written last may be missing here.
Then ids and revisions go on above all that may have been handed out.
"""

from chat.database import histories
from chat.database.connection import Connection

MARK = """
    SELECT system_identifier || '/' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) || '/'
        || 'revision'::regclass::oid
    FROM pg_control_system()
"""


def open(db: Connection) -> None:
    """Before the first write of a connection, in its transaction."""
    (mark,) = db.conn.execute(MARK).fetchone()
    (known,) = db.conn.execute("SELECT reserved_mark FROM server").fetchone()
    if mark == known:
        return
    if known:
        top = _top(db)
        upto = top + histories.milliseconds_away(db)
        if upto > top:
            db.conn.execute("SELECT setval(pg_get_serial_sequence('messages', 'id'), ?)", (upto,))
            histories.lift(db, upto)
    db.conn.execute("UPDATE server SET reserved_mark = ?", (mark,))


def _top(db: Connection) -> int:
    """The highest id of a message or revision that is known to have been handed out."""
    query = "SELECT greatest(head, (SELECT coalesce(max(id), 0) FROM messages)) FROM revision"
    return int(db.conn.execute(query).fetchone()[0])
