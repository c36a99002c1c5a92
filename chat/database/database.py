"""The database of one process: readers, threads for slow reads, and one writer with its own thread.

Nothing is held across a wait: a read takes a connection, reads all, and gives it back.
"""

import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol, TypeVar

from chat.database.connection import Connection, Rows
from chat.database.writer import Writer, Writing
from chat.errors import DatabaseUnavailable
from chat.logs import Trouble

T = TypeVar("T")

# Reports and searches at a time, and waiting: each takes a core for as long as it runs.
SLOW_READS = 2
SLOW_READS_WAITING = 50

log = logging.getLogger(__name__)


class Wire(Protocol):
    """Between the processes that serve a database: what is lost on it loses nothing, for they look, too."""

    def send(self, text: str) -> None:
        """Tell the others, in up to 4096 bytes."""

    def open(self) -> None:
        """Hear the others from now on; raises OSError where that cannot be."""

    def hear(self, seconds: float) -> Iterator[str]:
        """What comes within so long, and all that is there then."""

    def may_have_lost(self, heard: int) -> bool:
        """Whether others may have been lost beside so many at once."""

    def stop(self) -> None:
        """Hear no more; what is sent later still arrives at the others."""

    def close(self) -> None:
        """After `stop`, or without an `open`."""


class Watch(Protocol):
    """A connection of the poll loop's own; both raise DatabaseUnavailable."""

    def version(self) -> object:
        """Another one when others have committed something."""

    def read(self, work: Callable[[Connection], T]) -> T:
        """`work` on one snapshot."""

    def close(self) -> None:
        """Close it."""


class Serving(Protocol):
    """This process's part in serving the database; it ends however the process does."""

    def begin(self) -> AbstractContextManager[bool]:
        """From now on this process serves; whether none did. Others wait for the end of the block."""

    def keep(self) -> None:
        """Go on with it where it could not be had, or was lost."""

    def end(self) -> None:
        """It serves no more."""


class Tables(Protocol):
    """All that a database has, as it is carried into another one; within a transaction that has the lock."""

    def columns(self, db: Any) -> dict[str, list[str]]:
        """Of each table, those that are written; not those of the index of words, nor an engine's own."""

    def handed_out(self, db: Any) -> dict[str, int]:
        """Of tables whose ids are never used twice, the highest that was."""

    def rows(self, db: Any, table: str, columns: Sequence[str]) -> Rows:
        """One after the other: all of them may be more than fits into memory."""

    def begin(self, db: Any) -> None:
        """Empty all of them; from here on nothing is checked and no trigger fires."""

    def fill(self, db: Any, table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
        """Write these into it."""

    def end(self, db: Any, handed_out: Mapping[str, int]) -> None:
        """All is checked, triggers fire, and ids go on above those that are there or were handed out."""


class Database(ABC):
    """`read(work)`, `read_slowly(work)` and `write(work)`, where `work` takes a connection.

    All raise what `work` raises, and DatabaseUnavailable (503) where the engine cannot do it: disk full,
    file read-only or gone, server away, lock not had in time. The latter two raise Overloaded when too many
    wait already.
    """

    # What it raises where it is not to be had, or not as it should be.
    errors: tuple[type[Exception], ...]

    def __init__(self, writing: Writing, write_queue: int, on_open: Callable[[Connection], None]) -> None:
        """`on_open` is the first work on each connection that is written with."""
        self._alone = writing
        self._writer = Writer(writing, write_queue, on_open)
        self._trouble = Trouble(log, "The database cannot be read, who asks is answered 503: %s")

    @abstractmethod
    def name(self) -> str:
        """Where it is, without a password."""

    @abstractmethod
    def address(self) -> str:
        """Where other programs find it, without a password."""

    @abstractmethod
    def is_there(self) -> bool:
        """Whether there is one already."""

    @abstractmethod
    def migrate(self) -> list[str]:
        """Bring the schema up to date; returns the names of the migrations applied now.

        Raises NewerSchema, DatabaseUnavailable where it may come back, and `errors` where it cannot be made.
        """

    @abstractmethod
    def check(self) -> None:
        """Raises DatabaseUnavailable where there is none to be opened, OlderSchema and NewerSchema."""

    @abstractmethod
    def read(self, work: Callable[[Connection], T]) -> T:
        """Run `work` on one snapshot: all that it reads belongs together."""

    @abstractmethod
    def empty_log(self) -> bool:
        """Bring all of the write-ahead log into the file: what was deleted is in neither then.

        False while somebody reads what was before.
        """

    @abstractmethod
    def displaced(self) -> str:
        """Which of its files is at its path another one than is open, or none: what is written is lost."""

    @abstractmethod
    def sizes(self) -> dict[str, int]:
        """What it takes, in bytes, by what it is."""

    @abstractmethod
    def free_bytes(self) -> int | None:
        """How much more it may take, where that is known; raises OSError."""

    @abstractmethod
    def wire(self) -> Wire:
        """What this process and the others tell each other through."""

    @abstractmethod
    def watch(self) -> Watch:
        """What the poll loop asks."""

    @abstractmethod
    def serving(self) -> Serving:
        """Whether any process serves it."""

    @abstractmethod
    def tables(self) -> Tables:
        """What is carried into another database."""

    @abstractmethod
    def leads(self, does: bool) -> None:
        """Whether this process is the one of all that sees to what must happen."""

    @abstractmethod
    def read_slowly(self, work: Callable[[Connection], T]) -> T:
        """`read` for what takes long: few at a time, and nobody else waits for it."""

    def write(self, work: Callable[[Connection], T]) -> T:
        """Run `work` in a transaction on the writer's thread; returns after COMMIT.

        `work` does nothing but use the connection: others wait for it, and what it did is taken back when
        the COMMIT of its group fails.
        """
        result: T = self._writer.write(work)
        return result

    def write_alone(self, work: Callable[[Connection], T]) -> T:
        """Run `work` in one transaction on this thread, however long it takes, before any other write of it.

        Where anything fails nothing is changed. Raises what `work` raises, and DatabaseUnavailable.
        """
        try:
            db, _ = self._alone.begin()
            try:
                result = work(db)
                self._alone.commit(db)
            finally:
                self._alone.drop(DatabaseUnavailable())
            return result
        except self.errors as error:
            raise DatabaseUnavailable(f"{self.name()}: {error}") from error

    def prepare(self) -> None:
        """Open it for writing, if it is not."""
        self._writer.write(lambda db: None)

    def queued_writes(self) -> int:
        """How many writes wait for their turn."""
        return self._writer.queued()

    def failure(self) -> str:
        """Why the last transaction could not be written; empty if it was, or there was none."""
        return self._writer.failure

    def close(self) -> None:
        """End the threads and close all connections; nobody may read or write any more."""
        self._writer.close()
