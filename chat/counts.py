"""What is counted: plain numbers in memory that a server's processes share, without a lock or a file.

gunicorn's main process makes the memory when it imports this, and forks; each worker adds to a part of it,
and whoever is asked reads them all. When a worker has died, however it died, its part goes on with another:
what only grows goes on growing, and what is so now (`GAUGES`) is gone. Elsewhere a part is nobody's.
"""

import mmap
from bisect import bisect_left
from collections.abc import Sequence
from time import monotonic_ns
from typing import NamedTuple

from chat.errors import catalogue

KINDS = ("poll", "sse", "websocket")
SOURCES = ("own", "doorbell", "poll_loop")
# So many workers at a time: 64, as many that leave at a reload, and more by SIGTTIN.
PARTS = 256
# Of the last so many revisions it is known when they were committed: several seconds of a full server.
COMMITS = 4096
INTEGER_BYTES = 8
# What a histogram has behind its buckets.
ABOVE, SUM = "above", "sum"
NS_PER_US = 1000


class Metric(NamedTuple):
    """A number for each value of its label, or just one."""

    name: str
    help: str
    label: str = ""
    values: tuple[str, ...] = ("",)


class Histogram(NamedTuple):
    """How many were at most as large as each of the buckets' bounds; of `unit` are those, and the sum."""

    name: str
    help: str
    bounds: tuple[int, ...]
    unit: float = 1

    def parts(self) -> tuple[str | int, ...]:
        """What it has a number for, in the order in which they stand in memory."""
        return (*self.bounds, ABOVE, SUM)


# Of microseconds: from 0.5 ms to 10 s.
_TIMES = tuple(
    round(1_000_000 * seconds)
    for seconds in (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
)
COUNTERS = (
    Metric("requests", "Requests, those included whose clients left before the answer."),
    Metric("sends", "Messages that were sent: stored and acknowledged."),
    Metric("deliveries", "Messages told to polls and streams that may be held for them.", "kind", KINDS),
    Metric("wakes", "Waiters that were woken, by what told of the news first.", "source", SOURCES),
    Metric("fallbacks", "Polls and streams that were not held: over a cap.", "kind", KINDS),
    Metric("errors", "Answers that are errors.", "code", tuple({kind.code: None for kind in catalogue()})),
)
GAUGES = (
    Metric("held", "Connections that are held until there is news.", "kind", KINDS),
    Metric("writes_waiting", "Writes that wait for the writer, or are in its transaction."),
    Metric("workers", "Worker processes."),
)
HISTOGRAMS = (
    Histogram("delivery_seconds", "From COMMIT to the answer of who waited for it.", _TIMES, 1e-6),
    Histogram("commit_seconds", "COMMIT of the writer, with its fsync.", _TIMES, 1e-6),
    Histogram("write_group", "Writes in one transaction.", (1, 2, 4, 8, 16, 32)),
)
_keys: list[tuple[str, str | int]] = [
    *((each.name, value) for each in (*COUNTERS, *GAUGES) for value in each.values),
    *((each.name, part) for each in HISTOGRAMS for part in each.parts()),
]
_slots = {key: slot for slot, key in enumerate(_keys)}
_histograms = {each.name: (each.bounds, _slots[each.name, each.bounds[0]]) for each in HISTOGRAMS}
_gauge_slots = [_slots[each.name, value] for each in GAUGES for value in each.values]
# Whole cache lines: no two processors write into the same one.
_SIZE = -(-len(_slots) // 8) * 8
_memory = memoryview(mmap.mmap(-1, PARTS * _SIZE * INTEGER_BYTES)).cast("q")
# (revision, when it was committed), for all processes.
_commits = memoryview(mmap.mmap(-1, COMMITS * 2 * INTEGER_BYTES)).cast("q")
_taken: set[int] = set()
_own = _memory[:_SIZE]


def take() -> int:
    """A part for a worker that is about to be forked; called in the main process, as `give_back`."""
    part = next((part for part in range(1, PARTS) if part not in _taken), 0)
    _taken.add(part)
    return part


def give_back(part: int) -> None:
    """Its worker has died: of what it held nothing is left."""
    _taken.discard(part)
    for slot in _gauge_slots:
        _memory[part * _SIZE + slot] = 0


def use(part: int) -> None:
    """In the worker: count there from now on."""
    global _own
    _own = _memory[part * _SIZE : (part + 1) * _SIZE]
    add("workers")


def add(name: str, value: str = "", number: int = 1) -> None:
    """More of it, or less.

    No other thread comes between reading and writing: CPython gives the interpreter away at calls and jumps
    only, and there is none.
    """
    slot, own = _slots[name, value], _own
    own[slot] += number


def observe(name: str, amount: int) -> None:
    """One more of a histogram."""
    bounds, first = _histograms[name]
    bucket, total, own = first + bisect_left(bounds, amount), first + len(bounds) + 1, _own
    own[bucket] += 1
    own[total] += amount


def committed(revision: int) -> None:
    """It was, just now."""
    at = revision % COMMITS * 2
    _commits[at + 1] = monotonic_ns()
    _commits[at] = revision


def delivered(kind: str, revisions: Sequence[int], is_timed: bool) -> None:
    """Messages of these revisions are told; where it `is_timed`, how long after their COMMIT.

    Of what another program has written nobody knows when that was.
    """
    add("deliveries", kind, len(revisions))
    now = monotonic_ns()
    for revision in revisions if is_timed else ():
        at = revision % COMMITS * 2
        if _commits[at] == revision:
            observe("delivery_seconds", (now - _commits[at + 1]) // NS_PER_US)


def totals() -> dict[tuple[str, str | int], int]:
    """Of all processes, by name and value; of a histogram each bucket, ABOVE all of them, and the SUM."""
    return {key: sum(_memory[slot::_SIZE]) for key, slot in _slots.items()}
