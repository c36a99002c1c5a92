"""Waking the other processes of this host, and the database poll loop behind it.

Each process has a Unix datagram socket in a folder beside the database. A datagram is a kind and some words:
which topics moved to which generation, or who types; never what was written. Losing one loses nothing: the
poll loop finds the change.
"""

import logging
import os
import secrets
import socket
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from time import monotonic, time_ns

from chat.database.connection import Connection, FileAway, FileConnection, sqlite3
from chat.live import topics
from chat.live.hub import Hub
from chat.logs import Trouble
from chat.store import revision

DATAGRAM_BYTES = 4096
# A socket's queue holds 10 datagrams by default (net.unix.max_dgram_qlen) and drops what comes then:
# having found that many at once means looking into the database for the ones that were dropped.
FULL_QUEUE = 10
# A file system's clock is coarser than this only where it is none of a server's.
SETTLED_NS = 2_000_000_000
# What the poll loop's wake-ups are counted as.
SOURCE = "poll_loop"

log = logging.getLogger(__name__)

Listeners = Mapping[str, Callable[[list[str]], None]]


class Doorbell:
    """One thread per process that hears the other processes, and looks every `interval_seconds`."""

    def __init__(self, path: Path, interval_seconds: float, enabled: bool) -> None:
        """`path` is the database's."""
        self._interval_seconds = interval_seconds
        self._enabled = enabled
        self._folder = path.with_name(f"{path.name}-doorbell")
        self._name = f"{os.getpid()}-{secrets.token_hex(4)}"
        self._ears = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._mouth = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._mouth.setblocking(False)
        # When the folder last changed, if there was nobody else then.
        self._alone_since = 0
        self._stopped = threading.Event()
        self._poll_loop = PollLoop(path)

    def ring(self, kind: str, *words: object) -> None:
        """Tell the other processes; together the words have room in DATAGRAM_BYTES."""
        if not self._enabled:
            return
        datagram = " ".join(map(str, (kind, *words))).encode()
        # No server has started yet, or too many files are open: the others will look.
        with suppress(OSError):
            changed_at = os.stat(self._folder).st_mtime_ns
            if changed_at != self._alone_since:
                is_alone = not self._ring_others(datagram)
                # Whoever comes in the same tick of the file system's clock would change nothing.
                is_settled = time_ns() - changed_at > SETTLED_NS
                self._alone_since = changed_at if is_alone and is_settled else 0

    def _ring_others(self, datagram: bytes) -> int:
        """How many there are."""
        with self._opened_folder() as folder:
            others = [name for name in os.listdir(folder) if name != self._name]
            for name in others:
                self._send(datagram, folder, name)
        return len(others)

    def start(self, hub: Hub, listeners: Listeners) -> None:
        """Hear and look from now on; `listeners[kind]` is given the words of what others ring."""
        if self._enabled:
            try:
                self._bind()
            except OSError as error:  # A file system without sockets, for one.
                self._enabled = False
                log.warning("No doorbell, a look every %g s instead: %s", self._interval_seconds, error)
        self._poll_loop.skip()
        threading.Thread(target=self._run, args=(hub, listeners), daemon=True).start()

    def stop(self) -> None:
        """Hear no more; what is sent later still rings at the others."""
        self._stopped.set()
        (self._folder / self._name).unlink(missing_ok=True)

    def close(self) -> None:
        """Close the sockets, after `stop` or without a `start`."""
        self._ears.close()
        self._mouth.close()

    def _bind(self) -> None:
        self._folder.mkdir(mode=0o700, exist_ok=True)
        with self._opened_folder() as folder:
            if os.stat(folder).st_uid != os.getuid():
                raise PermissionError(f"{self._folder} belongs to somebody else")
            self._ears.bind(self._address(folder, self._name))

    @contextmanager
    def _opened_folder(self) -> Iterator[int]:
        folder = os.open(self._folder, os.O_DIRECTORY)
        try:
            yield folder
        finally:
            os.close(folder)

    def _address(self, folder: int, name: str) -> str:
        """A socket's address has room for 108 bytes, and the path to the database may take more."""
        return f"/proc/self/fd/{folder}/{name}" if sys.platform == "linux" else str(self._folder / name)

    def _send(self, datagram: bytes, folder: int, name: str) -> None:
        try:
            self._mouth.sendto(datagram, self._address(folder, name))
        except BlockingIOError:
            pass  # Its queue is full: it has yet to look, and will find this too.
        except ConnectionRefusedError:
            (self._folder / name).unlink(missing_ok=True)  # Left behind by a process that was killed.
        except FileNotFoundError:
            pass
        except OSError as error:
            log.warning("Doorbell to %s: %s", name, error)

    def _run(self, hub: Hub, listeners: Listeners) -> None:
        next_look = monotonic() + self._interval_seconds
        while not self._stopped.is_set():
            try:
                is_full = self._hear(listeners, max(0.0, next_look - monotonic()))
                if is_full or monotonic() >= next_look:
                    next_look = monotonic() + self._interval_seconds
                    self._poll_loop.look(hub)
            except Exception:
                # Without this thread nothing of other processes would arrive any more.
                log.exception("The doorbell failed, and goes on")
        self._poll_loop.close()

    def _hear(self, listeners: Listeners, seconds: float) -> bool:
        """Pass on what comes within `seconds`; whether some may have been dropped."""
        if not self._enabled:
            self._stopped.wait(seconds)
            return False
        heard = 0
        self._ears.settimeout(seconds)
        try:
            while True:
                kind, *words = self._ears.recv(DATAGRAM_BYTES).decode().split(" ")
                listeners[kind](words)
                heard += 1
                self._ears.settimeout(0)
        except (TimeoutError, BlockingIOError):
            return heard >= FULL_QUEUE


class PollLoop:
    """What the database says has changed since it was last asked: one query, however many wait."""

    def __init__(self, path: Path) -> None:
        # Its own connection: PRAGMA data_version tells of commits by all other connections.
        self._file = FileConnection(path)
        self._version: tuple[Connection, int] | None = None
        self._head = 0
        self._trouble = Trouble(log, "What others change is not seen: %s", "What others change is seen again")

    def skip(self) -> None:
        """What is there now is not news; where nothing can be read, all of it will be."""
        with suppress(sqlite3.Error, FileAway):
            self._head = revision.head(self._file.get())

    def close(self) -> None:
        """Close its connection."""
        self._file.close()

    def look(self, hub: Hub) -> None:
        """Wake whoever waits for something that changed."""
        try:
            db = self._file.get()
            version = (db, db.conn.execute("PRAGMA data_version").fetchone()[0])
            self._trouble.over()
            if version == self._version:
                return
            found = revision.changes(db, self._head)
        except FileAway as error:
            self._trouble.tell(error)
            return
        except sqlite3.Error as error:
            self._trouble.tell(error)
            self._file.close()
            return
        if found.head < self._head:
            log.warning("The database went back from revision %d to %d", self._head, found.head)
            hub.reset()
        for row, message_revision in found.sessions:
            moved = topics.of_change(row, self._head, message_revision > self._head)
            hub.wake(moved, row["revision"], SOURCE)
        for token_hash, moved_to in found.sign_ins:
            hub.wake([topics.of_sign_in(token_hash)], moved_to, SOURCE)
        self._version, self._head = version, found.head
