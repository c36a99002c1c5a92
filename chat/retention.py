"""What is not kept for ever: words after their time, who is erased, and what signs nobody in any more.

Done by the process that leads, on a thread of its own, some rows in a transaction: whoever sends waits for
milliseconds. No revision is taken for it, so nobody who waits is woken.
"""

from collections.abc import Callable
from time import sleep

from chat import attachments, erasure, indexing, store
from chat.accounts import DAY_MS
from chat.background import Background
from chat.database.connection import Connection
from chat.erasure import PAUSE_SECONDS, ROWS
from chat.errors import Problem
from chat.runtime import Runtime
from chat.store.statistics import QUARTER_MS
from chat.store.words import Kind

# Of the server's time: nothing here is urgent, but for an erased person.
EVERY_MS = 60_000
# The index of messages is written anew without what was edited and deleted: seconds of work for a million.
PURGE_EVERY_MS = 3_600_000
# All names in the folder of contents are looked at.
SWEEP_EVERY_MS = 3_600_000
# In one transaction; most have fewer words than `ROWS`.
SESSIONS = 20
# What is over for so long, nobody is about to look for.
OVER_MS = 3_600_000
# How many agents were there: more than the longest period of the statistics.
COUNTED_MS = 400 * DAY_MS


class Retention(Background):
    """Deletes what is over, some rows in a transaction."""

    later, failed = "What is over is deleted later", "Deleting what is over failed, and goes on"
    expected = (Problem, OSError)  # The folder of contents may be full, or away.

    def __init__(self, runtime: Runtime) -> None:
        super().__init__(runtime)
        self._done_at = self._purged_at = self._swept_at = 0
        self._is_log_old = False

    def _work(self) -> None:
        database = self._runtime.database
        for user_id in database.read(store.users.being_erased):
            self._is_log_old = True
            erasure.finish(self._runtime, user_id, lambda: self._stopped)
        attachments.clear(self._runtime)
        now = database.read(store.server.now)
        if not 0 <= now - self._done_at < EVERY_MS:
            self._delete_old(now)
            self._delete_words(now)
            self._done_at = now
        if not 0 <= now - self._purged_at < PURGE_EVERY_MS and database.read(store.search.is_stale):
            indexing.purge(self._runtime, lambda: self._stopped)
            self._is_log_old, self._purged_at = True, now
        if not 0 <= now - self._swept_at < SWEEP_EVERY_MS:
            attachments.sweep(self._runtime, lambda: self._stopped)
            self._swept_at = now
        # Only then are the words out of the file. Where somebody reads what was before, next time.
        if self._is_log_old and database.empty_log():
            self._is_log_old = False

    def _delete_old(self, now: int) -> None:
        self._repeat(lambda db: _drop_old(db, now))

    def _delete_words(self, now: int) -> None:
        """Those whose days are over, if the setting says how many."""
        if days := self._runtime.settings.keep_messages_days:
            until = now - days * DAY_MS
            if self._repeat(lambda db: _empty_sessions(db, until, now)):
                self._is_log_old = True
            for kind in store.words.OF_TIME:
                self._delete_kind(kind, until)

    def _delete_kind(self, kind: Kind, until: int) -> None:
        """Found on a thread for slow reads: they have no index."""
        database = self._runtime.database
        while not self._stopped and (
            ids := database.read_slowly(lambda db: store.words.of_time(db, kind, until, ROWS))
        ):
            self._is_log_old = True
            _empty(self._runtime, kind, ids)
            sleep(PAUSE_SECONDS)

    def _repeat(self, work: Callable[[Connection], int]) -> int:
        """Until nothing is left to do, with pauses in which others write; how much it was."""
        total = 0
        while not self._stopped and (done := self._runtime.database.write(work)):
            total += done
            sleep(PAUSE_SECONDS)
        return total


def _empty(runtime: Runtime, kind: Kind, ids: list[int]) -> None:
    runtime.database.write(lambda db: store.words.empty(db, kind, ids))


def _empty_sessions(db: Connection, until: int, now: int) -> int:
    """As many as have `ROWS` messages together, or a part of one that has more: how many were begun."""
    found, left = store.words.sessions_over(db, until, SESSIONS), ROWS
    for chat_session_id in found:
        if left > 0:
            left -= store.words.empty_session(db, chat_session_id, now, left)
    return len(found)


def _drop_old(db: Connection, now: int) -> int:
    """Idle guests, links, attempts, steps, and what was to be sent or told, when their time is over."""
    store.attempts.forget(db, now)
    return (
        store.widgets.drop_idle(db, now - DAY_MS, ROWS)
        + store.links.drop_old(db, now, ROWS)
        + store.second_steps.drop_old(db, now, ROWS)
        + store.outbox.drop_old(db, now - OVER_MS, ROWS)
        + store.notices.drop_old(db, now - OVER_MS, ROWS)
        + store.attendance.drop_old(db, (now - COUNTED_MS) // QUARTER_MS, ROWS)
    )
