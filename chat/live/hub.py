"""Topics, the waiters on them, and their wake-ups, within one process.

Knows nothing of Flask, SQL or greenlets: `threading` only, whatever stands behind it.

The order that loses no wake-up is subscribe, read, wait, read again:

    with hub.subscribe(user_id, ["session:45"]) as waiter:
        page = read()
        while page.is_empty and waiter.wait(page.head, deadline):
            page = read()

A generation is the database's revision. Whoever reads at revision R has seen all that was published up
to R, so a waiter is woken only by a higher one; publishing the same revision twice (by the sender, the
doorbell and the poll loop) wakes nobody twice. Publish after COMMIT only. It is kept with each waiter, and
only until that has been told of it: revisions may go back (a restored backup), and nothing remembers then.
"""

import sys
import threading
from collections.abc import Callable, Iterable, Sequence
from time import monotonic, sleep
from types import TracebackType
from typing import NamedTuple, Protocol, TypeVar

K = TypeVar("K")

# Each then reads once more, and is answered.
RELEASED_TOGETHER = 16


class TooManyWaiters(Exception):
    """This process, or this user or address in it, holds as many waiters as it may."""


class Line(Protocol):
    """The connection of somebody who waits."""

    def note_waited(self, seconds: float) -> None:
        """So much of its request's time nobody worked."""

    def on_closed(self, tell: Callable[[], None] | None) -> None:
        """Call that once when the client is gone, at once if it is; None takes it back."""


class Caller(NamedTuple):
    """From where somebody asks.

    `connection` tells when the client leaves, where the server does, and `network` is whom its address counts
    as (`limits.network`), empty for this machine. What is told to them has a `kind` (`counts.KINDS`).
    """

    connection: Line | None = None
    network: str = ""
    kind: str = "poll"


HERE = Caller()


class _Topic:
    """Who waits for it, and the Condition that they wait on if it is the first of their topics."""

    __slots__ = ("condition", "waiters")

    def __init__(self) -> None:
        self.condition: threading.Condition | None = None
        # A list: there are two on most topics, and a set would take three times the memory.
        self.waiters: list[Waiter] = []


class Hub:
    """All topics of one process.

    `relay(topics, generation)` is told of every local publication, for the other processes, and
    `count(name, value, number)` of what there is to count.
    """

    def __init__(
        self,
        max_waiters: int,
        max_waiters_per_user: int,
        max_waiters_per_network: int,
        relay: Callable[[Sequence[str], int], None] = lambda topics, generation: None,
        count: Callable[[str, str, int], None] = lambda name, value, number: None,
    ) -> None:
        self.max_waiters = max_waiters
        self._max_waiters_per_user = max_waiters_per_user
        self._max_waiters_per_network = max_waiters_per_network
        self._relay = relay
        self._count = count
        # One lock for all Conditions: held for microseconds, and never across a wait.
        self._lock = threading.Lock()
        self._topics: dict[str, _Topic] = {}
        self._waiters: set[Waiter] = set()
        self._held_by_user: dict[int, int] = {}
        self._held_by_network: dict[str, int] = {}
        self._closed = False

    def subscribe(self, user_id: int, topics: Iterable[str], caller: Caller = HERE) -> "Waiter":
        """A waiter on `topics`, to be used as a context manager; raises TooManyWaiters."""
        network = sys.intern(caller.network)  # One string for all who wait from there.
        with self._lock:
            held = self._held_by_user.get(user_id, 0)
            held_there = self._held_by_network.get(network, 0)
            if (
                len(self._waiters) >= self.max_waiters
                or held >= self._max_waiters_per_user
                or (network and held_there >= self._max_waiters_per_network)
            ):
                self._count("fallbacks", caller.kind, 1)
                raise TooManyWaiters
            self._held_by_user[user_id] = held + 1
            self._held_by_network[network] = held_there + 1
            found = {name: self._topics.get(name) or _Topic() for name in topics}
            self._topics.update(found)
            first = next(iter(found.values()))
            first.condition = first.condition or threading.Condition(self._lock)
            waiter = Waiter(self, user_id, network, found, first.condition, caller, self._closed)
            self._waiters.add(waiter)
            self._count("held", caller.kind, 1)
            for topic in found.values():
                topic.waiters.append(waiter)
            return waiter

    def publish(self, topics: Sequence[str], generation: int) -> None:
        """Wake the waiters on `topics` that have not read up to `generation`, in every process."""
        self.wake(topics, generation, "own")
        self._relay(topics, generation)

    def wake(self, topics: Iterable[str], generation: int, source: str) -> None:
        """Wake this process's waiters only; `source` is who tells (`counts.SOURCES`)."""
        number = 0
        with self._lock:
            for topic in topics:
                if found := self._topics.get(topic):
                    woken = [waiter for waiter in found.waiters if waiter.hear(generation)]
                    for condition in {waiter.condition for waiter in woken}:
                        condition.notify_all()
                    number += len(woken)
        if number:
            self._count("wakes", source, number)

    def nudge(self, topic: str) -> None:
        """Something changed that has no revision (somebody types): let this process's waiters look again."""
        with self._lock:
            if found := self._topics.get(topic):
                for waiter in found.waiters:
                    waiter.is_nudged = True
                    waiter.condition.notify_all()

    def reset(self) -> None:
        """The revisions went back (a restored backup): let every waiter answer and start again."""
        for waiter in self.waiters():
            waiter.release()

    def close(self) -> None:
        """Let every waiter answer, a few at a time so that others have their turn; each later one at once."""
        with self._lock:
            self._closed = True
            held = list(self._waiters)
        for number, waiter in enumerate(held):
            waiter.release()
            if number % RELEASED_TOGETHER == 0:
                sleep(0)

    def waiters(self) -> list["Waiter"]:
        """The waiters held now."""
        with self._lock:
            return list(self._waiters)

    def waiting_users(self) -> set[int]:
        """The ids of those who have a waiter."""
        with self._lock:
            return set(self._held_by_user)

    def waiter_count(self) -> int:
        """How many waiters are held."""
        return len(self._waiters)

    def topic_count(self) -> int:
        """How many topics have a waiter."""
        return len(self._topics)

    def _unsubscribe(self, waiter: "Waiter") -> None:
        with self._lock:
            self._count("held", waiter.kind, -1)
            self._waiters.discard(waiter)
            _release_one(self._held_by_user, waiter.user_id)
            _release_one(self._held_by_network, waiter.network)
            for name, topic in waiter.topics.items():
                topic.waiters.remove(waiter)
                if not topic.waiters:
                    del self._topics[name]


def _release_one(held: dict[K, int], key: K) -> None:
    held[key] -= 1
    if not held[key]:
        del held[key]


class Waiter:
    """One held request; it `is_gone` when its client is, and then released."""

    __slots__ = (
        *("_generation", "_hub", "_seen"),
        *(
            "condition",
            "connection",
            "is_gone",
            "is_interrupted",
            "is_nudged",
            "kind",
            "network",
            "released",
            "topics",
            "user_id",
            "waited",
        ),
    )

    def __init__(
        self,
        hub: Hub,
        user_id: int,
        network: str,
        topics: dict[str, _Topic],
        condition: threading.Condition,
        caller: Caller,
        released: bool,
    ) -> None:
        self._hub = hub
        self.user_id = user_id
        self.network = network
        self.topics = topics
        self.condition = condition
        self.connection = caller.connection
        self.kind = caller.kind
        # For how many seconds, until now.
        self.waited = 0.0
        self.released = released
        self.is_nudged = self.is_interrupted = self.is_gone = False
        # What its last read has seen, and the highest generation published since that it was not told of.
        self._seen = self._generation = 0

    def __enter__(self) -> "Waiter":
        if self.connection is not None:
            self.connection.on_closed(self.leave)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self.connection is not None:
            self.connection.on_closed(None)
            self.connection.note_waited(self.waited)
        self._hub._unsubscribe(self)

    def wait(self, seen: int, deadline: float) -> bool:
        """Block until a generation above `seen` is published, or it is nudged: then look again.

        False when `deadline` (of time.monotonic) has passed, or the waiter was interrupted or released.
        """
        with self.condition:
            self._seen = seen
            while not (self.released or self.is_interrupted):
                if self._generation > seen or self.is_nudged:
                    self._generation, self.is_nudged = 0, False
                    return True
                began = monotonic()
                if began >= deadline:
                    break
                self.condition.wait(deadline - began)
                self.waited += monotonic() - began
            self.is_interrupted = False
        return False

    def interrupt(self) -> None:
        """End this wait, or else the next one, as if its time were over: the client has sent something."""
        with self.condition:
            self.is_interrupted = True
            self.condition.notify_all()

    def hear(self, generation: int) -> bool:
        """Whether that is news to it; called by the hub, with its lock."""
        is_news = generation > max(self._seen, self._generation)
        if is_news:
            self._generation = generation
        return is_news

    def leave(self) -> None:
        """Its client has left: nobody needs an answer."""
        self.is_gone = True
        self.release()

    def release(self) -> None:
        """Let the held request answer now."""
        with self.condition:
            self.released = True
            self.condition.notify_all()
