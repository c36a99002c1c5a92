"""The index of messages: what is new comes into it, and what is gone out of it.

No send waits for it: a transaction for each message would cost as much as the message, one for hundreds costs
next to nothing. So a message is found a second or two after it was sent.
"""

from collections.abc import Callable
from time import sleep

from chat import store
from chat.runtime import Runtime

# In one transaction, which keeps sends waiting for some ms; and so often a second at most.
MESSAGES = 300
TIMES = 20
PAGES = 200
PAUSE_SECONDS = 0.02


class Index:
    """`look` is called once a second by the process that leads."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    def look(self) -> None:
        """Take in what is new."""
        catch_up(self._runtime, TIMES)


def catch_up(runtime: Runtime, times: int = -1) -> None:
    """The index has all messages, or so many portions more."""
    while times and runtime.database.read(store.search.is_behind):
        runtime.database.write(lambda db: store.search.advance(db, MESSAGES))
        times -= 1


def purge(runtime: Runtime, is_stopped: Callable[[], bool] = lambda: False) -> None:
    """Write the index anew, if words are marked as gone in it: after that they are not there any more."""
    database = runtime.database
    if not database.read(store.search.is_stale):
        return
    database.write(lambda db: store.search.begin_purge(db, PAGES))
    while database.write(lambda db: store.search.purge(db, PAGES)):
        if is_stopped():
            return
        sleep(PAUSE_SECONDS)
    database.write(store.search.end_purge)
