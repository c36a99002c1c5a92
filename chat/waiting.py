"""Holding a request until there is news: once, for a long poll, or again and again, for a stream."""

from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from time import monotonic
from typing import NamedTuple, Protocol, TypeVar

from chat import counts, store
from chat.accounts import User
from chat.database.connection import Connection
from chat.live import topics
from chat.live.hub import Caller, TooManyWaiters, Waiter
from chat.runtime import Runtime


class Start(NamedTuple):
    """Where a stream begins: after `cursor`, and maybe without what there was at the revision `since`."""

    cursor: int
    since: int = 0


class Page(Protocol):
    """One consistent read; `head` is the revision that it was read at, `revisions` its messages have."""

    @property
    def head(self) -> int: ...

    @property
    def revisions(self) -> list[int]: ...


P = TypeVar("P", bound=Page)


class Reader(Protocol[P]):
    """Who stands at a position, and goes on from there."""

    def begin(self, db: Connection) -> P | int:
        """The page at the position, or its head if it is plain that there is no news."""

    def read(self, db: Connection) -> P:
        """The page at the position."""

    def is_news(self, page: P) -> bool:
        """Whether the reader lacks any of it."""

    def move(self, page: P) -> None:
        """Go on from the end of the page."""


def from_now(runtime: Runtime) -> Start:
    """Of what comes only."""
    head = runtime.database.read(store.revision.head)
    return Start(head, head)


def follow(
    runtime: Runtime,
    user: User,
    awaited: Sequence[str],
    reader: Reader[P],
    seconds: float,
    caller: Caller,
    tell_waiter: Callable[[Waiter], None] = lambda waiter: None,
) -> Generator[P, None, None]:
    """Each page that is news, as soon as it is; one that is none after every `seconds` without.

    It is read again whenever one of the `awaited` topics moves. Ends when the hub lets it go (the server
    stops) or whoever was told of the waiter releases it. Raises TooManyWaiters beyond the caps,
    ConnectionAbortedError when the client has left, and what `read` raises.
    """
    is_over = topics.of_sign_in(user.token_hash)
    with runtime.hub.subscribe(user.id, (*awaited, is_over), caller) as waiter:
        tell_waiter(waiter)
        has_read = False
        while True:
            deadline = monotonic() + seconds
            if user.is_program:
                runtime.presence.use(user.token_hash)
            page = runtime.database.read(reader.begin)
            is_woken = True
            while isinstance(page, int) or (is_woken and not reader.is_news(page)):
                seen = page if isinstance(page, int) else page.head
                del page  # Thousands wait: they keep nothing meanwhile.
                is_woken = waiter.wait(seen, deadline)
                if waiter.is_gone:
                    raise ConnectionAbortedError
                page = runtime.database.read(reader.read)
                has_read = True
            if revisions := page.revisions:
                counts.delivered(caller.kind, revisions, is_timed=has_read)
            has_read = True
            yield page
            if waiter.released:
                return
            reader.move(page)


def wait(
    runtime: Runtime,
    user: User,
    awaited: Sequence[str],
    reader: Reader[P],
    seconds: float,
    caller: Caller,
) -> tuple[P, bool]:
    """The first page that is news, or the last one after `seconds`; and whether it was held.

    Beyond the caps the page comes at once.
    """
    with closing(follow(runtime, user, awaited, reader, seconds, caller)) as pages:
        try:
            return next(pages), True
        except TooManyWaiters:
            return runtime.database.read(reader.read), False
