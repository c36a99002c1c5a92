"""Holding a request until there is news."""

from collections.abc import Callable, Sequence
from time import monotonic
from typing import Protocol, TypeVar

from chat.accounts import User
from chat.database import Connection
from chat.engine import Engine
from chat.hub import TooManyWaiters


class Page(Protocol):
    """One consistent read; `head` is the revision that it was read at."""

    @property
    def head(self) -> int: ...


P = TypeVar("P", bound=Page)


def wait(
    engine: Engine,
    user: User,
    topics: Sequence[str],
    read: Callable[[Connection], P],
    is_news: Callable[[P], bool],
    seconds: float,
    connection: int | None,
) -> tuple[P, bool]:
    """The first page that is news, or the last one after `seconds`; and whether it was held.

    It is read again whenever one of the `topics` moves. Beyond the caps the page comes at once.
    """
    deadline = monotonic() + seconds
    try:
        waiter = engine.hub.subscribe(user.id, (*topics, user.topic), connection)
    except TooManyWaiters:
        return engine.database.read(read), False
    with waiter:
        page = engine.database.read(read)
        seen = page.head
        while not is_news(page):
            del page  # Thousands wait: they keep nothing meanwhile.
            generation = waiter.wait(seen, deadline)
            page = engine.database.read(read)
            if generation is None:
                break
            seen = max(page.head, generation)
    return page, True
