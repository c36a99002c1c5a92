"""What must happen without anybody asking: one thread per process, once a second.

Each process stores who is connected to it, and what has arrived. One process, the leader, settles what has
fallen due in any session, and keeps the heartbeat that tells an outage. Nothing in memory decides a bill:
whoever reads a session computes the same.
"""

import logging
import secrets
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from itertools import islice
from time import monotonic, sleep
from typing import TypeVar

from chat import changes, signals, store
from chat.changes import Change
from chat.database.connection import Connection
from chat.errors import DatabaseUnavailable, Overloaded, Problem
from chat.lifecycle import is_out
from chat.runtime import Runtime
from chat.store.server import Time

TICK_SECONDS = 1.0
# The leader beats so often; CHAT_OUTAGE_SECONDS without a beat is an outage.
BEAT_MS = 5_000
# Its lease lasts so long without being renewed at a beat: then another process leads.
LEASE_MS = 15_000
# A user who stays connected is stored so often; with the ticks below well under CHAT_ABSENCE_SECONDS.
SEEN_SECONDS = 10.0
# That an API token is in use is stored so often.
USED_MS = 60_000
# All users of a busy process are spread over so many ticks; well under SEEN_SECONDS.
SPREAD_TICKS = 8
# In one transaction, which keeps sends waiting for a few ms.
USERS_PER_WRITE = 200
SESSIONS_PER_WRITE = 50
MARKS_PER_WRITE = 100
# Sessions looked at in one tick, because something may have fallen due.
SESSIONS_PER_TICK = 500
TOKENS_PER_TICK = 100
# Other processes find revoked ones by their revision, and let the polls go that are held with them; one that
# was stopped meanwhile looks when it goes on.
REVOKED_KEPT_MS = 3_600_000
# Marks of arrival are published a few at a time, with a pause in which the sends of others have their turn:
# each wakes two readers or more. With many marks the portions grow, so that the pauses of a tick stay few.
MARKS_PER_PORTION = 5
PORTION_PAUSE_SECONDS = 0.002
PORTIONS_PER_TICK = 100
LONG_AGO = float("-inf")

log = logging.getLogger(__name__)

T = TypeVar("T")


class Sweeper:
    """Runs from `start` to `stop`."""

    def __init__(self, runtime: Runtime, chores: Sequence[Callable[[], None]] = ()) -> None:
        """The leader also does the `chores`, once a second: they find what is to be done, and do not wait."""
        self._runtime = runtime
        self._chores = chores
        self._name = secrets.token_hex(8)
        # user id → when (of time.monotonic) it was last stored that they are there.
        self._stored_at: dict[int, float] = {}
        self._stopped = threading.Event()
        self._serving = runtime.database.serving()

    def start(self) -> None:
        """Sweep from now on, on a thread of its own."""
        self.begin()
        threading.Thread(target=self._run, daemon=True).start()

    def stop(self) -> None:
        """End after this sweep, and leave the lease to another process."""
        self._stopped.set()
        with suppress(Problem):
            self._runtime.database.write(self._beat_last)
        self.end()

    def begin(self) -> None:
        """This process serves; if none did, there was an outage until now."""
        with self._serving.begin() as is_alone:
            if is_alone:
                try:
                    self._come_back()
                except Problem as problem:
                    log.error("An outage before this start is not stored, and may be billed: %s", problem)
                except Exception:
                    log.exception("An outage before this start is not stored, and may be billed")

    def end(self) -> None:
        """It serves no more."""
        self._serving.end()

    def sweep(self) -> None:
        """Store who is there and what has arrived; the leader also settles what has fallen due,
        and deletes tokens that sign nobody in."""
        self._runtime.presence.expire()
        if self._runtime.database.failure():
            # Nobody else may write for long, and it would never be known that this can be done again.
            self._runtime.database.write(store.server.touch)
        self._store_seen()
        self._store_used()
        self._store_delivered()
        leads = self._leads()
        self._runtime.database.leads(leads)
        if leads:
            self._settle_due()
            self._delete_spent_tokens()
            for chore in self._chores:
                chore()

    def _come_back(self) -> None:
        """Store what the time since the last heartbeat did to all sessions, as at one instant."""
        database = self._runtime.database
        time = database.read(store.server.time)._replace(is_back=True)
        if is_out(time, self._runtime.settings):
            for some in _slices(database.read(store.sessions.touched_by_outage), SESSIONS_PER_WRITE):
                self._store_outage(some, time)
            database.write(lambda db: store.server.beat(db, time.now))

    def _store_outage(self, chat_session_ids: list[int], time: Time) -> None:
        """A session that cannot be stored keeps neither the others from it nor the server from its start."""
        try:
            changes.settle(self._runtime, chat_session_ids, time)
        except (DatabaseUnavailable, Overloaded):
            raise
        except Exception:
            if len(chat_session_ids) == 1:
                log.exception("Session %d: the outage before this start is not stored", *chat_session_ids)
            else:
                for each in chat_session_ids:
                    self._store_outage([each], time)

    def _run(self) -> None:
        while not self._stopped.wait(TICK_SECONDS):
            try:
                self._serving.keep()
                self.sweep()
            except (DatabaseUnavailable, Overloaded) as problem:
                log.debug("The sweep goes on later: %s", problem)  # Whoever could not do it has told why.
            except Problem as problem:
                log.warning("The sweep goes on later: %s", problem)
            except Exception:
                log.exception("The sweep failed, and goes on")
        with suppress(Problem):
            self._runtime.database.write(lambda db: store.server.release(db, self._name))

    def _store_seen(self) -> None:
        """Newcomers first, and of the others a part, so that they do not come all at once."""
        now, seen = monotonic(), self._runtime.presence.take_seen()
        due = [user_id for user_id in seen if now - self._last_stored(user_id) >= SEEN_SECONDS]
        due.sort(key=self._last_stored)
        most = max(USERS_PER_WRITE, len(seen) // SPREAD_TICKS)
        for user_id in due[most:]:
            self._runtime.presence.see(user_id)
        due = due[:most]
        for some in _slices(due, USERS_PER_WRITE):
            self._arrive(some)
        self._stored_at |= dict.fromkeys(due, now)
        if len(self._stored_at) > 2 * len(due) + USERS_PER_WRITE:
            self._stored_at = {
                user_id: at for user_id, at in self._stored_at.items() if now - at < 3 * SEEN_SECONDS
            }

    def _store_used(self) -> None:
        database, used = self._runtime.database, self._runtime.presence.take_used()
        if not used:
            return
        now = database.read(store.server.now)
        if unnoted := database.read(lambda db: store.tokens.unnoted(db, used, now - USED_MS)):
            database.write(lambda db: store.tokens.use(db, unnoted, now))

    def _last_stored(self, user_id: int) -> float:
        return self._stored_at.get(user_id, LONG_AGO)

    def _arrive(self, user_ids: list[int]) -> None:
        settings = self._runtime.settings
        told = self._runtime.database.write(lambda db: changes.arrive(db, settings, user_ids))
        changes.publish(self._runtime, told)

    def _store_delivered(self) -> None:
        delivered = self._runtime.presence.take_delivered()
        portion = max(MARKS_PER_PORTION, len(delivered) // PORTIONS_PER_TICK)
        for some in _slices(delivered, MARKS_PER_WRITE):
            for told in _slices(self._mark_delivered(some), portion):
                changes.publish(self._runtime, told)
                sleep(PORTION_PAUSE_SECONDS)

    def _mark_delivered(self, delivered: list[tuple[int, int, int]]) -> list[Change]:
        return self._runtime.database.write(lambda db: signals.mark_delivered(db, delivered))

    def _settle_due(self) -> None:
        """Most are only looked at because somebody could be away: those do not keep the writer."""
        for some in _slices(self._runtime.database.read(_due), SESSIONS_PER_WRITE):
            self._settle(some)

    def _settle(self, chat_session_ids: list[int]) -> None:
        database, settings = self._runtime.database, self._runtime.settings
        found = database.read(lambda db: changes.look(db, settings, chat_session_ids))
        if found.later:
            database.write(lambda db: store.sessions.postpone(db, found.later))
        changes.settle(self._runtime, found.happened)

    def _delete_spent_tokens(self) -> None:
        if token_ids := self._runtime.database.read(_spent_tokens):
            self._runtime.database.write(lambda db: store.tokens.delete(db, token_ids))

    def _leads(self) -> bool:
        """Whether this process sweeps; if so the heartbeat is fresh, and what an outage did is stored."""
        lease = self._runtime.database.read(store.server.lease)
        if lease.leader != self._name and lease.until > lease.now:
            return False
        if lease.leader == self._name and lease.now - lease.heartbeat_at < BEAT_MS:
            return True
        told = self._runtime.database.write(self._beat)
        changes.publish(self._runtime, told or ())
        return told is not None

    def _beat(self, db: Connection) -> list[Change] | None:
        """Take the lease, and beat; None when another process has it."""
        now = store.server.now(db)
        if not store.server.take_lease(db, self._name, now, now + LEASE_MS):
            return None
        told = changes.wake(db, self._runtime.settings)
        store.server.beat(db, now)
        return told

    def _beat_last(self, db: Connection) -> None:
        """Until now there was a server; what an outage before did comes first."""
        changes.wake(db, self._runtime.settings)
        store.server.beat(db, store.server.now(db))


def _due(db: Connection) -> list[int]:
    return store.sessions.due(db, store.server.now(db), SESSIONS_PER_TICK)


def _spent_tokens(db: Connection) -> list[int]:
    now = store.server.now(db)
    return store.tokens.spent(db, now, now - REVOKED_KEPT_MS, TOKENS_PER_TICK)


def _slices(items: Sequence[T], size: int) -> Iterator[list[T]]:
    rest = iter(items)
    while some := list(islice(rest, size)):
        yield some
