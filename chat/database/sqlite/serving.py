"""Whether any process serves this database: each that does holds a lock on a small file beside it."""

import fcntl
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

log = logging.getLogger(__name__)


class FileServing:
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
        try:
            self._lock = self._open()
            with suppress(BlockingIOError):
                fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                is_alone = True
        except OSError as error:
            log.warning("Whether another process serves cannot be told, nor a short outage: %s", error)
        try:
            yield is_alone
        finally:
            with suppress(OSError):
                if self._lock is not None:
                    fcntl.flock(self._lock, fcntl.LOCK_SH)

    def keep(self) -> None:
        """Hold it again where it could not be had at the start, or somebody has deleted the file."""
        if not self._is_held():
            self.end()
            try:
                self._lock = self._open()
                fcntl.flock(self._lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except OSError:
                self.end()

    def end(self) -> None:
        """It serves no more."""
        lock, self._lock = self._lock, None
        if lock is not None:
            os.close(lock)

    def _open(self) -> int:
        # To be written to, or NFS gives no lock.
        return os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)

    def _is_held(self) -> bool:
        try:
            return self._lock is not None and os.path.samestat(os.fstat(self._lock), self._path.stat())
        except OSError:
            return False
