"""Whether any process serves this database: each that does holds a lock on a small file beside it."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


class Serving:
    """This process's part of it. The kernel lets the lock go however the process ends."""

    def __init__(self, path: Path) -> None:
        """`path` is the database's."""
        self._path = path.with_name(f"{path.name}-serving")
        self._lock: int | None = None

    @contextmanager
    def begin(self) -> Iterator[bool]:
        """From now on this process serves; whether none did. Others that begin wait for the end of the block.

        Where files cannot be locked nobody can tell, and it says no.
        """
        is_alone = False
        with suppress(OSError):
            self._lock = os.open(self._path, os.O_RDONLY | os.O_CREAT, 0o600)
            with suppress(BlockingIOError):
                fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                is_alone = True
        try:
            yield is_alone
        finally:
            with suppress(OSError):
                if self._lock is not None:
                    fcntl.flock(self._lock, fcntl.LOCK_SH)

    def end(self) -> None:
        """It serves no more."""
        lock, self._lock = self._lock, None
        if lock is not None:
            os.close(lock)
