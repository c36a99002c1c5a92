"""Waking the other processes, and the database poll loop behind it.

What is told is a kind and some words: which topics moved to which generation, or who types; never what was
written. Losing it loses nothing: the poll loop finds the change.
"""

import logging
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from time import monotonic

from chat.database.database import Database
from chat.errors import DatabaseUnavailable
from chat.live import topics
from chat.live.hub import Hub
from chat.logs import Trouble
from chat.store import revision

# What the poll loop's wake-ups are counted as.
SOURCE = "poll_loop"

log = logging.getLogger(__name__)

Listeners = Mapping[str, Callable[[list[str]], None]]


class Doorbell:
    """One thread per process that hears the other processes, and looks every `interval_seconds`."""

    def __init__(self, database: Database, interval_seconds: float, enabled: bool) -> None:
        self._interval_seconds = interval_seconds
        self._enabled = enabled
        self._wire = database.wire()
        self._stopped = threading.Event()
        self._poll_loop = PollLoop(database)

    def ring(self, kind: str, *words: object) -> None:
        """Tell the other processes; together the words have room in 4096 bytes."""
        if self._enabled:
            self._wire.send(" ".join(map(str, (kind, *words))))

    def start(self, hub: Hub, listeners: Listeners) -> None:
        """Hear and look from now on; `listeners[kind]` is given the words of what others ring."""
        if self._enabled:
            try:
                self._wire.open()
            except OSError as error:
                self._enabled = False
                log.warning("No doorbell, a look every %g s instead: %s", self._interval_seconds, error)
        self._poll_loop.skip()
        threading.Thread(target=self._run, args=(hub, listeners), daemon=True).start()

    def stop(self) -> None:
        """Hear no more; what is sent later still rings at the others."""
        self._stopped.set()
        self._wire.stop()

    def close(self) -> None:
        """After `stop` or without a `start`."""
        self._wire.close()

    def _run(self, hub: Hub, listeners: Listeners) -> None:
        next_look = monotonic() + self._interval_seconds
        while not self._stopped.is_set():
            try:
                is_full = self._hear(listeners, max(0.0, next_look - monotonic()))
                if is_full or monotonic() >= next_look:
                    next_look = monotonic() + self._interval_seconds
                    self._poll_loop.look(hub)
            except Exception:
                # Without this thread nothing of other processes would arrive any more.
                log.exception("The doorbell failed, and goes on")
        self._poll_loop.close()

    def _hear(self, listeners: Listeners, seconds: float) -> bool:
        """Pass on what comes within `seconds`; whether some may have been dropped."""
        if not self._enabled:
            self._stopped.wait(seconds)
            return False
        heard = 0
        for text in self._wire.hear(seconds):
            kind, *words = text.split(" ")
            listeners[kind](words)
            heard += 1
        return self._wire.may_have_lost(heard)


class PollLoop:
    """What the database says has changed since it was last asked: one query, however many wait."""

    def __init__(self, database: Database) -> None:
        self._watch = database.watch()
        self._version: object = None
        self._head = 0
        self._trouble = Trouble(log, "What others change is not seen: %s", "What others change is seen again")

    def skip(self) -> None:
        """What is there now is not news; where nothing can be read, all of it will be."""
        with suppress(DatabaseUnavailable):
            self._head = self._watch.read(revision.head)

    def close(self) -> None:
        """Close its connection."""
        self._watch.close()

    def look(self, hub: Hub) -> None:
        """Wake whoever waits for something that changed."""
        try:
            version = self._watch.version()
            self._trouble.over()
            if version == self._version:
                return
            found = self._watch.read(lambda db: revision.changes(db, self._head))
        except DatabaseUnavailable as error:
            self._trouble.tell(error.__cause__ or error)
            return
        if found.head < self._head:
            log.warning("The database went back from revision %d to %d", self._head, found.head)
            hub.reset()
        for row, message_revision in found.sessions:
            moved = topics.of_change(row, self._head, message_revision > self._head)
            hub.wake(moved, row["revision"], SOURCE)
        for token_hash, moved_to in found.sign_ins:
            hub.wake([topics.of_sign_in(token_hash)], moved_to, SOURCE)
        self._version, self._head = version, found.head
