"""What a worker remembers of requests that come again: how each is answered, without looking for it anew."""

import threading
from collections.abc import Callable, Iterable
from typing import Any

from chat.worker.connection import Connection, Request

# The ones that did not come for longest go; each is about 1 KB.
REMEMBERED = 10_000

# (connection, request, start_response) → the pieces of the body, or None where it has to be looked at anew.
Again = Callable[[Any, Any, Any], Iterable[bytes] | None]


class Memory:
    """By the heads of requests, of which it keeps no word: they have tokens in them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._by_head: dict[bytes, Again] = {}

    def remember(self, head: bytes, again: Again) -> None:
        """How what has that head is answered from now on."""
        with self._lock:
            self._by_head.pop(head, None)
            if len(self._by_head) >= REMEMBERED:
                del self._by_head[next(iter(self._by_head))]
            self._by_head[head] = again

    def answer(
        self, head: bytes, connection: Connection, request: Request, start_response: Any
    ) -> Iterable[bytes] | None:
        """The answer, where that is known."""
        with self._lock:
            again = self._by_head.pop(head, None)
            if again is None:
                return None
            self._by_head[head] = again
        return again(connection, request, start_response)
