"""What SQL is run on, whichever engine is behind it."""

from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal, Protocol

Values = Sequence[Any] | Mapping[str, Any]
# Read one after the other, and closed when no more are wanted.
Rows = Generator[Sequence[Any], None, None]


class Cursor(Protocol):
    """What a statement has given: rows by name and by position."""

    @property
    def rowcount(self) -> int:
        """How many rows were changed."""

    def fetchone(self) -> Any: ...

    def fetchall(self) -> list[Any]: ...

    def __iter__(self) -> Iterator[Any]: ...


class Statements(Protocol):
    """What runs them; placeholders are `?`, `?1` or `:name`."""

    def execute(self, sql: str, values: Values = (), /) -> Cursor: ...

    def executemany(self, sql: str, values: Iterable[Values], /) -> Cursor: ...


class Clock(Protocol):
    """What the server's time is counted by."""

    def steady(self) -> int:
        """Milliseconds since an instant that all have in common who use the database; it never goes back."""

    def wall(self) -> int:
        """Milliseconds since 1970, UTC, as whoever keeps the time believes."""

    def boot_id(self) -> str:
        """What `steady` counts from."""


class Connection(Protocol):
    """One connection, in autocommit unless somebody has begun a transaction."""

    @property
    def engine(self) -> Literal["sqlite", "postgresql"]: ...

    @property
    def clock(self) -> Clock:
        """Whose time it goes by."""

    @property
    def conn(self) -> Statements: ...

    def close(self) -> None: ...
