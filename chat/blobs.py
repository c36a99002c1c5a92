"""What people send beside words, outside of the database: a file for each content, named for its SHA-256.

Written under another name, brought to disk, and then renamed: under its name a content is whole. All of it
may take as long as a disk does, and belongs on a native thread.
"""

import os
import re
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from hashlib import sha256
from itertools import islice
from pathlib import Path
from tempfile import NamedTemporaryFile, SpooledTemporaryFile
from typing import IO, Any

PIECE_BYTES = 65_536
# Kept in memory up to here, while it is on its way.
SMALL_BYTES = 65_536
# No request takes so long.
FORGOTTEN_SECONDS = 3600
# Contents that are looked at in one transaction.
ROWS = 100
NAME = re.compile(r"[0-9a-f]{64}")


class Blobs:
    """A folder that only its owner reads: `incoming`, and `ab/cd/abcd…`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.incoming = folder / "incoming"

    def prepare(self) -> None:
        """Make the folder; raises OSError."""
        _make(self.incoming)

    def spool(self) -> "SpooledTemporaryFile[bytes]":
        """Something to keep what comes in; it is gone with whoever holds it."""
        return SpooledTemporaryFile(SMALL_BYTES, dir=str(self.incoming))

    def keep(self, content: IO[bytes]) -> str:
        """Its name, once it is on disk; raises OSError, and then nothing is left of it."""
        self.prepare()
        digest = sha256()
        with NamedTemporaryFile(dir=self.incoming, delete=False) as file:
            try:
                while piece := content.read(PIECE_BYTES):
                    digest.update(piece)
                    file.write(piece)
                file.flush()
                os.fsync(file.fileno())
                path = self.path(digest.hexdigest())
                _make(path.parent)
                os.replace(file.name, path)
            except BaseException:
                with suppress(OSError):
                    os.unlink(file.name)
                raise
        for folder in (path.parent, path.parent.parent, self.folder):
            sync(folder)
        return path.name

    def path(self, name: str) -> Path:
        """Where it is, or would be."""
        return self.folder / name[:2] / name[2:4] / name

    def remove(self, name: str) -> None:
        """Whether it is there or not; raises OSError."""
        self.path(name).unlink(missing_ok=True)

    def share(self, names: Iterable[str]) -> None:
        """What is kept on this host can be had wherever its message can: it is so."""

    def has(self, db: Any, name: str) -> bool:
        """Whether it can be had; within a transaction nobody takes it away."""
        return self.path(name).exists()

    def open(self, name: str) -> IO[bytes]:
        """What is in it; raises OSError, FileNotFoundError where nobody has it."""
        return self.path(name).open("rb")

    def drop(self, db: Any, names: Sequence[str]) -> None:
        """Remove them, in the transaction in which nobody has them; raises OSError."""
        for name in names:
            self.remove(name)

    def old(self, call: Callable[[Callable[[], list[str]]], list[str]]) -> Iterator[list[str]]:
        """The names of what is here and was not written just now, some at a time; each look is a `call`.

        What was never finished is removed.
        """
        names = self._old()
        while found := call(lambda: list(islice(names, ROWS))):
            yield found

    def _old(self) -> Iterator[str]:
        until = time.time() - FORGOTTEN_SECONDS
        for path in self.folder.glob("incoming/*"):
            if _written_at(path) < until:
                path.unlink(missing_ok=True)
        for path in self.folder.glob("??/??/*"):
            if NAME.fullmatch(path.name) and _written_at(path) < until:
                yield path.name

    def copy_to(self, folder: Path) -> None:
        """All of it into another folder, as links where that can be: what has a name does not change."""
        for path in self.folder.glob("??/??/*"):
            target = folder / path.relative_to(self.folder)
            _make(target.parent)
            # One that is removed meanwhile is nobody's any more.
            with suppress(FileExistsError, FileNotFoundError):
                try:
                    os.link(path, target)
                except OSError as error:
                    if isinstance(error, FileExistsError | FileNotFoundError):
                        raise
                    shutil.copy2(path, target)


def _make(folder: Path) -> None:
    """With those that it is in, for its owner only: `parents=True` would have them for all."""
    if not folder.exists():
        _make(folder.parent)
        folder.mkdir(mode=0o700, exist_ok=True)


def _written_at(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return float("inf")


def sync(path: Path) -> None:
    """What is written of a file is on disk; of a folder, which names it has."""
    file = os.open(path, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)
