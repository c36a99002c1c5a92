"""The index of messages: what is new comes into it, and what is gone out of it.

No send waits for it: a transaction for each message would cost as much as the message, one for hundreds costs
next to nothing. So a message is found a second or two after it was sent.
"""

from collections.abc import Callable
from time import sleep

from chat import store
from chat.background import Background
from chat.runtime import Runtime

# In one transaction, which keeps sends waiting for some ms.
MESSAGES = 300
PAGES = 200
PAUSE_SECONDS = 0.02


class Index(Background):
    """Takes in what is new."""

    later, failed = "What is new is found later", "Taking in what is new failed, and goes on"

    def _work(self) -> None:
        catch_up(self._runtime, lambda: self._stopped)


def catch_up(runtime: Runtime, is_stopped: Callable[[], bool] = lambda: False) -> None:
    """The index has all messages, if it is not stopped before."""
    while not is_stopped() and runtime.database.read(store.search.is_behind):
        runtime.database.write(lambda db: store.search.advance(db, MESSAGES))
        sleep(PAUSE_SECONDS)


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
