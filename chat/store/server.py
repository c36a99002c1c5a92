"""The one row about the server: its clock, its heartbeat, and which process sweeps."""

from typing import NamedTuple

from chat.database.connection import Connection

# The wall clock and ours may differ by so much; beyond it one of them was set.
DRIFT_MS = 1000


class Time(NamedTuple):
    """The server's time, when it was last known to be up (ms since 1970), and the revision then.

    `is_back` when it is known that none has been up since: then any gap is an outage.
    """

    now: int
    heartbeat_at: int
    head: int
    is_back: bool = False


def time(db: Connection) -> Time:
    """The time, the heartbeat and the revision, in one read."""
    row = db.conn.execute("SELECT clock_offset, heartbeat_at, head FROM server, revision").fetchone()
    return Time(db.clock.steady() + row[0], row[1], row[2])


def now(db: Connection) -> int:
    """The server's time, in ms since 1970."""
    return time(db).now


def is_anchored(db: Connection) -> bool:
    """Whether the clock is right, or must not be touched: it goes on through a boot's every start, and is
    set by the wall clock again only while no process sweeps and no session's clock runs.
    """
    row = db.conn.execute("SELECT * FROM server").fetchone()
    if row["boot_id"] != db.clock.boot_id():
        return False
    now = db.clock.steady() + row["clock_offset"]
    is_running = db.conn.execute(
        "SELECT EXISTS (SELECT 1 FROM chat_sessions WHERE status = 'active' AND running_since IS NOT NULL)"
    ).fetchone()[0]
    return bool(is_running or now < row["lease_until"] or abs(db.clock.wall() - now) <= DRIFT_MS)


def anchor(db: Connection) -> None:
    """Set the clock by the wall clock.

    While there are sessions that have not ended it does not go back, and the heartbeat stays, so that a
    jump is an outage.
    """
    if is_anchored(db):
        return
    heartbeat_at, start = time(db).heartbeat_at, db.clock.wall()
    newest = _newest_of_open(db)
    if newest is None:
        heartbeat_at = start
    else:
        start = max(start, heartbeat_at, newest)
    db.conn.execute(
        "UPDATE server SET boot_id = ?, clock_offset = ?, heartbeat_at = ?, lease_until = 0",
        (db.clock.boot_id(), start - db.clock.steady(), heartbeat_at),
    )
    db.conn.execute("UPDATE users SET seen_at = ?1 WHERE seen_at > ?1", (start,))


def _newest_of_open(db: Connection) -> int | None:
    """The latest instant that a session which has not ended knows of; None when all have."""
    row = db.conn.execute(
        """
        SELECT max(at) FROM (
            SELECT max(
                max(created_at, last_activity_at), max(coalesce(active_since, 0), coalesce(paused_at, 0))
            ) AS at FROM chat_sessions WHERE status <> 'ended'
            UNION ALL SELECT max(started_at) FROM billing_intervals i
            JOIN chat_sessions s ON s.id = chat_session_id WHERE s.status <> 'ended'
        ) AS known
        """
    ).fetchone()
    newest: int | None = row[0]
    return newest


def currency(db: Connection) -> str:
    """What all amounts are in that do not say it, and all that are yet to come."""
    return str(db.conn.execute("SELECT currency FROM server").fetchone()[0])


def adopt_currency(db: Connection, configured: str) -> None:
    """Once: the currency of the sessions that there are, or of the first start."""
    if currency(db):
        return
    db.conn.execute(
        """
        UPDATE server SET currency = coalesce(
            (SELECT currency FROM chat_sessions WHERE accepted_at IS NOT NULL ORDER BY id DESC LIMIT 1), ?)
        """,
        (configured,),
    )
    db.conn.execute("UPDATE ledger SET currency = (SELECT currency FROM server)")
    # A request had the schema's until it was accepted.
    db.conn.execute(
        "UPDATE chat_sessions SET currency = (SELECT currency FROM server) WHERE accepted_at IS NULL"
    )


def money_in_use(db: Connection) -> tuple[int, int]:
    """How many sessions have not ended, and how many people have a balance."""
    row = db.conn.execute(
        """
        SELECT (SELECT count(*) FROM chat_sessions WHERE status <> 'ended'),
            (SELECT count(*) FROM users WHERE balance_cents <> 0)
        """
    ).fetchone()
    return row[0], row[1]


def set_currency(db: Connection, code: str, times: int, over: int) -> None:
    """Another one from now on. Rates keep their units, rounded up: minor units are `times / over` as many.

    No agent takes requests until somebody has looked at the rate.
    """
    db.conn.execute("UPDATE server SET currency = ?", (code,))
    db.conn.execute(
        """
        UPDATE users SET is_available = 0, rate_cents = (rate_cents * :times + :over - 1) / :over
        WHERE role = 'agent'
        """,
        {"times": times, "over": over},
    )


def setup_code(db: Connection) -> str | None:
    """What whoever sets up the first administrator is asked for; None when there is one already."""
    row = db.conn.execute(
        "SELECT setup_code FROM server WHERE NOT EXISTS (SELECT 1 FROM users WHERE role = 'admin')"
    ).fetchone()
    return row[0] if row else None


class Lease(NamedTuple):
    """Which process sweeps, until when; and the time."""

    leader: str
    until: int
    heartbeat_at: int
    now: int


def lease(db: Connection) -> Lease:
    """Who has the lease now."""
    row = db.conn.execute("SELECT leader, lease_until, heartbeat_at, clock_offset FROM server").fetchone()
    return Lease(row[0], row[1], row[2], db.clock.steady() + row[3])


def take_lease(db: Connection, leader: str, now: int, until: int) -> bool:
    """Take or renew the lease; False while another process has it."""
    cursor = db.conn.execute(
        "UPDATE server SET leader = ?1, lease_until = ?2 WHERE leader = ?1 OR lease_until <= ?3",
        (leader, until, now),
    )
    return bool(cursor.rowcount)


def release(db: Connection, leader: str) -> None:
    """Give the lease back."""
    db.conn.execute("UPDATE server SET lease_until = 0 WHERE leader = ?", (leader,))


def touch(db: Connection) -> None:
    """Write what is there already: whether anything can be written."""
    db.conn.execute("UPDATE server SET heartbeat_at = heartbeat_at")


def beat(db: Connection, at: int) -> None:
    """The server was up at this time."""
    db.conn.execute("UPDATE server SET heartbeat_at = ?", (at,))


class Place(NamedTuple):
    """What a database knows of where it is: how far ids were handed out, as is noted outside of it, too."""

    reserved_upto: int
    reserved_mark: str


def place(db: Connection) -> Place:
    """Of this one."""
    return Place(*db.conn.execute("SELECT reserved_upto, reserved_mark FROM server").fetchone())


def settle(db: Connection, here: Place) -> None:
    """The row came from another place: nobody leads here, no clock of this one is known, no word is indexed.

    The heartbeat stays: what it was away on its way is an outage.
    """
    db.conn.execute(
        """
        UPDATE server SET boot_id = '', clock_offset = 0, leader = '', lease_until = 0, reserved_upto = ?,
            reserved_mark = ?, searched_message_id = 0, is_search_stale = 0
        """,
        here,
    )


class Beginnings(NamedTuple):
    """What there is of a house that begins."""

    has_agent: bool
    has_price: bool
    has_conversation: bool
    has_backup: bool
    is_hidden: bool


def beginnings(db: Connection) -> Beginnings:
    """An agent, one with a price, a conversation, a backup; and whether nobody wants to see it any more."""
    agents = "SELECT 1 FROM users WHERE role = 'agent' AND disabled_at IS NULL"
    row = db.conn.execute(
        f"""
        SELECT EXISTS ({agents}), EXISTS ({agents} AND rate_cents > 0),
            EXISTS (SELECT 1 FROM chat_sessions WHERE accepted_at IS NOT NULL),
            backed_up_at IS NOT NULL, steps_hidden_at IS NOT NULL
        FROM server
        """
    ).fetchone()
    return Beginnings(*map(bool, row))


def note_backup(db: Connection, now: int) -> None:
    """A copy was taken."""
    db.conn.execute("UPDATE server SET backed_up_at = ?", (now,))


def hide_steps(db: Connection, now: int) -> None:
    """Nobody is shown the first steps any more."""
    db.conn.execute("UPDATE server SET steps_hidden_at = ?", (now,))
