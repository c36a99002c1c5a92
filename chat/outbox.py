"""What goes to others outside of any request: to push services, to a mail server, and whoever is to come.

Written in the transaction that makes it, carried after COMMIT by the process that leads, tried again until it
has arrived, and given up when it is too old. Who carries may carry the same a second time: after a crash.
"""

import logging
import random
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress

from chat import store
from chat.background import Background
from chat.errors import Problem
from chat.runtime import Runtime
from chat.store.rows import OutboxRow

# So many of a kind are carried at a time: no other kind waits for a server that is slow.
CARRIED_TOGETHER = 8
# Of one that is being carried nothing is heard for so long: its process has died.
CLAIM_MS = 120_000
# Tried again after 5 s, 10 s, 20 s, …, at most every quarter of an hour.
FIRST_PAUSE_SECONDS = 5
LONGEST_PAUSE_SECONDS = 900
# What is not told how long it is good for, is so for a day.
DAY_MS = 86_400_000

log = logging.getLogger(__name__)


class Later(Exception):
    """It could not be carried now; whoever takes it may say in how many seconds."""

    def __init__(self, why: str, seconds: int | None = None) -> None:
        super().__init__(why)
        self.seconds = seconds


Carry = Callable[[OutboxRow], None]


class Outbox(Background):
    """`carriers` by kind: each returns when it has gone or nobody wants it any more, and raises Later."""

    later, failed = "The outbox goes on later", "The outbox failed, and goes on"
    later_level = logging.DEBUG

    def __init__(self, runtime: Runtime, carriers: Mapping[str, Carry]) -> None:
        super().__init__(runtime)
        self._carriers = carriers
        self._free = {kind: threading.Semaphore(CARRIED_TOGETHER) for kind in carriers}

    def _work(self) -> None:
        for kind in self._carriers:
            for row in self._claimed(kind):
                threading.Thread(target=self._carry, args=(row,), daemon=True).start()

    def _claimed(self, kind: str) -> list[OutboxRow]:
        database, free = self._runtime.database, 0
        now = database.read(store.server.now)
        if not database.read(lambda db: store.outbox.is_due(db, kind, now)):
            return []
        while free < CARRIED_TOGETHER and self._free[kind].acquire(blocking=False):
            free += 1
        rows: list[OutboxRow] = []
        try:
            if free:
                rows = database.write(lambda db: store.outbox.claim(db, kind, now, now + CLAIM_MS, free))
        finally:
            for _ in range(free - len(rows)):
                self._free[kind].release()
        return rows

    def _carry(self, row: OutboxRow) -> None:
        try:
            self._carriers[row["kind"]](row)
            self._finish(row)
        except Later as problem:
            self._postpone(row, problem)
        except Exception:
            log.exception("The outbox cannot carry a %s", row["kind"])
            self._postpone(row, Later("it failed here"))
        finally:
            self._free[row["kind"]].release()
            self._bell.set()

    def _finish(self, row: OutboxRow) -> None:
        database = self._runtime.database
        with suppress(Problem):
            database.write(lambda db: store.outbox.finish(db, row, store.server.now(db)))

    def _postpone(self, row: OutboxRow, problem: Later) -> None:
        seconds = pause_seconds(row["attempts"], problem.seconds)
        database = self._runtime.database
        with suppress(Problem):
            due_at = database.read(store.server.now) + round(seconds * 1000)
            if due_at > row["until_at"]:
                log.warning("Given up a %s after %d attempts: %s", row["kind"], row["attempts"], problem)
                self._finish(row)
            else:
                database.write(lambda db: store.outbox.postpone(db, row["id"], due_at))


def pause_seconds(attempts: int, wanted: int | None) -> float:
    """How long to wait after so many attempts: no less than whoever answered wants."""
    pause: float = min(FIRST_PAUSE_SECONDS * 2 ** min(attempts - 1, 20), LONGEST_PAUSE_SECONDS)
    return max(wanted or 0, pause * random.uniform(0.9, 1.1))
