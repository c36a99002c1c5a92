"""The clock of the house is the database's: each process follows it, from one write to the next.

While it has the lock of all writers a process asks for the time, and goes on from there by its own monotonic
clock: never ahead of the database's, so whoever writes next is never earlier. A clock that was set is not
followed: whoever leads writes down by how much, once, and everybody counts that in.
"""

import logging

from chat import clock
from chat.database.connection import Connection

# Further apart, one of the clocks was set, or stood still.
SET_MS = 2000
# So long the one who leads has to say by how much; then it was ours.
PATIENCE_MS = 10_000
NOW = """
    SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint AS wall, correction, tableoid AS kept_in
    FROM timekeeping
"""

log = logging.getLogger(__name__)


class Timekeeper:
    """This process's part of it: a clock that follows the database's, and no other."""

    def __init__(self) -> None:
        self.leads = False
        # How far the one that is followed is ahead of this boot, corrected and as it shows; None: not yet.
        self._ahead: int | None = None
        self._shown = self._newest = 0
        # Since when (of this boot) the database's clock is another one.
        self._other_since: int | None = None

    def steady(self) -> int:
        """Milliseconds of the database's clock, had it never been set; it never goes back."""
        self._newest = max(self._newest, clock.steady() + (self._ahead or 0))
        return self._newest

    def wall(self) -> int:
        """Milliseconds since 1970, as that clock shows."""
        return clock.steady() + self._shown if self._ahead is not None else clock.wall()

    def boot_id(self) -> str:
        """The same for all hosts."""
        return "the database's"

    def begin(self, db: Connection) -> None:
        """The first time, before anything is read that is compared with the time."""
        if self._ahead is None:
            asked_at = clock.steady()
            row = db.conn.execute(NOW).fetchone()
            self.follow(db, row["wall"], row["correction"], asked_at)

    def follow(self, db: Connection, wall: int, correction: int, asked_at: int) -> None:
        """The database's clock, which showed `wall` after `asked_at` (of this boot) and before now."""
        now, known = clock.steady(), self._ahead
        ahead = wall + correction - now
        is_same = known is None or ahead - SET_MS <= known <= wall + correction - asked_at + SET_MS
        if known is not None and not is_same and self.leads:
            log.warning("The database's clock was set by %.1f s; bills go on", (ahead - known) / 1000)
            db.conn.execute("UPDATE timekeeping SET correction = correction + ?", (known - ahead,))
            ahead, is_same = known, True
        if not is_same and self._other_since is None:
            self._other_since = now
        if is_same or (self._other_since is not None and now - self._other_since > PATIENCE_MS):
            self._other_since = None
            self._ahead, self._shown = ahead, wall - now
