"""What must happen without anybody asking: one thread per process, once a second.

Each process stores who is connected to it, and what has arrived. One process, the leader, settles what has
fallen due in any session, and keeps the heartbeat that tells an outage. Nothing in memory decides a bill:
whoever reads a session computes the same.
"""

import logging
import secrets
import threading
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import partial
from itertools import islice
from time import monotonic, sleep
from typing import TypeVar

from chat import sessions, topics
from chat.database import Connection
from chat.engine import Engine
from chat.errors import Problem
from chat.sessions import Change
from chat.store import revision, server
from chat.store import sessions as stored

TICK_SECONDS = 1.0
BEAT_MS = 5_000
LEASE_MS = 15_000
# Who stays connected is stored so often; an absence is told to a few seconds.
SEEN_SECONDS = 10.0
# In one transaction: it keeps sends waiting for a few ms.
USERS = 200
# Of all users in one tick; well under SEEN_SECONDS ticks.
SHARES = 8
SESSIONS = 50
MARKS = 100
# Marks told in one go at least, the time that those who wait for them have then, and how often in a tick.
TOLD = 5
TOLD_SECONDS = 0.002
PAUSES = 100
SESSIONS_PER_TICK = 500
LONG_AGO = float("-inf")

log = logging.getLogger(__name__)

T = TypeVar("T")


class Sweeper:
    """Runs from `start` to `stop`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._name = secrets.token_hex(8)
        self._stored_at: dict[int, float] = {}
        self._stopped = threading.Event()

    def start(self) -> None:
        """Begin."""
        threading.Thread(target=self._run, daemon=True).start()

    def stop(self) -> None:
        """End, and leave the lease to another process."""
        self._stopped.set()

    def sweep(self) -> None:
        """Everything once."""
        self._engine.presence.expire()
        self._store_seen()
        self._store_delivered()
        if self._leads():
            self._settle_due()

    def _run(self) -> None:
        while not self._stopped.wait(TICK_SECONDS):
            try:
                self.sweep()
            except Problem as problem:
                log.warning("The sweep goes on later: %s", problem)
            except Exception:
                log.exception("The sweep failed, and goes on")
        with suppress(Problem):
            self._engine.database.write(lambda db: server.release(db, self._name))

    def _store_seen(self) -> None:
        """Newcomers first, and of the others a share, so that they do not come all at once."""
        now, seen = monotonic(), self._engine.presence.take_seen()
        due = [user_id for user_id in seen if now - self._stored(user_id) >= SEEN_SECONDS]
        due.sort(key=self._stored)
        share = max(USERS, len(seen) // SHARES)
        for user_id in due[share:]:
            self._engine.presence.see(user_id)
        due = due[:share]
        for some in _slices(due, USERS):
            arrive = partial(sessions.arrive, rules=self._engine.rules, user_ids=some)
            sessions.publish(self._engine, self._engine.database.write(arrive))
        self._stored_at |= dict.fromkeys(due, now)
        if len(self._stored_at) > 2 * len(due) + USERS:
            self._stored_at = {
                user_id: at for user_id, at in self._stored_at.items() if now - at < 3 * SEEN_SECONDS
            }

    def _stored(self, user_id: int) -> float:
        return self._stored_at.get(user_id, LONG_AGO)

    def _store_delivered(self) -> None:
        delivered = self._engine.presence.take_delivered()
        told_at_once = max(TOLD, len(delivered) // PAUSES)
        for some in _slices(delivered, MARKS):
            changes = self._engine.database.write(partial(_mark_delivered, some))
            for told in _slices(changes, told_at_once):
                sessions.publish(self._engine, told)
                sleep(TOLD_SECONDS)  # Each wakes two readers or more: sends are not to wait for all of them.

    def _settle_due(self) -> None:
        """Most are only looked at because somebody could be away: those do not keep the writer."""
        database = self._engine.database
        for some in _slices(database.read(partial(_due, SESSIONS_PER_TICK)), SESSIONS):
            happened, later = database.read(partial(sessions.look, self._engine.rules, some))
            if later:
                database.write(partial(stored.postpone, later=later))
            sessions.settle(self._engine, happened)

    def _leads(self) -> bool:
        """Whether this process sweeps; if so the heartbeat is fresh, and what an outage did is stored."""
        lease = self._engine.database.read(server.lease)
        if lease.leader != self._name and lease.until > lease.now:
            return False
        if lease.leader == self._name and lease.now - lease.heartbeat_at < BEAT_MS:
            return True

        def beat(db: Connection) -> list[Change | None] | None:
            time = server.time(db)
            if not server.take_lease(db, self._name, time.now, time.now + LEASE_MS):
                return None
            changes = sessions.wake(db, self._engine.rules)
            server.beat(db, time.now)
            return changes

        changes = self._engine.database.write(beat)
        sessions.publish(self._engine, changes or [])
        return changes is not None


def _due(limit: int, db: Connection) -> list[int]:
    return stored.due(db, server.now(db), limit)


def _mark_delivered(delivered: list[tuple[int, int, int]], db: Connection) -> list[Change]:
    head = revision.advance(db, len(delivered))
    rows = stored.mark_delivered(db, delivered, head - len(delivered) + 1)
    return [Change(topics.of_mark(row), head) for row in rows]


def _slices(items: Sequence[T], size: int) -> Iterator[list[T]]:
    rest = iter(items)
    while some := list(islice(rest, size)):
        yield some
