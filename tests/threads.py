"""Threads of a test, which end together."""

import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_EXCEPTION, Future, wait
from contextlib import contextmanager
from time import monotonic
from typing import Any, Protocol, TypeVar

# What threads may take to end when all that they wait for is gone.
END_SECONDS = 10

T = TypeVar("T")


class Stopped(BaseException):
    """Another thread failed."""


class Abortable(Protocol):
    def abort(self) -> None: ...


class Threads:
    """Those of one block; see `together`."""

    def __init__(self, servers: Iterable[Abortable]) -> None:
        self.error: BaseException | None = None
        self._servers = servers
        self._running: dict[Future[Any], threading.Thread] = {}
        self._failing = threading.Lock()

    def submit(self, work: Callable[..., T], *args: Any) -> "Future[T]":
        """Run it on a thread of its own."""
        future, thread = start(work, *args, on_error=self.fail)
        self._running[future] = thread
        return future

    def map(self, work: Callable[[Any], T], items: Iterable[Any]) -> list[T]:
        """The results for all of them, at the same time."""
        return [future.result() for future in [self.submit(work, item) for item in items]]

    def check(self) -> None:
        """For loops that go on when a request fails: raise when they should not."""
        if self.error is not None:
            raise Stopped

    def finish(self) -> None:
        """Wait until all have ended, or one has failed."""
        wait(self._running, return_when=FIRST_EXCEPTION)
        self.check()

    def fail(self, error: BaseException) -> None:
        """Nobody is to wait for an answer any longer; the first error is the cause of the others."""
        with self._failing:
            if self.error is not None:
                return
            self.error = error
        for server in self._servers:
            server.abort()

    def end(self) -> None:
        """Wait a while for those that are left."""
        join(self._running.values())


@contextmanager
def together(*servers: Abortable) -> Iterator[Threads]:
    """Threads that have all ended after the block.

    When one fails, or the block does, the servers are killed, so that whoever waits for them fails too, and
    the first error is raised.
    """
    threads = Threads(servers)
    try:
        yield threads
        threads.finish()
    except BaseException as error:
        threads.fail(error)
        raise threads.error from None
    finally:
        threads.end()


def start(
    work: Callable[..., T], *args: Any, on_error: Callable[[BaseException], None] = lambda error: None
) -> "tuple[Future[T], threading.Thread]":
    """Run it on a thread that does not hold the exit of the process."""
    future: Future[T] = Future()

    def run() -> None:
        try:
            result = work(*args)
        except BaseException as error:
            on_error(error)
            future.set_exception(error)
        else:
            future.set_result(result)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return future, thread


def join(threads: Iterable[threading.Thread]) -> None:
    """Wait a while for all of them."""
    deadline = monotonic() + END_SECONDS
    for thread in threads:
        thread.join(max(0, deadline - monotonic()))
