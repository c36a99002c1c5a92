"""What processes of one host tell each other: datagrams, over sockets in a folder beside the database."""

import logging
import os
import secrets
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from time import time_ns

DATAGRAM_BYTES = 4096
# A socket's queue holds 10 datagrams by default (net.unix.max_dgram_qlen) and drops what comes then:
# having found that many at once means looking into the database for the ones that were dropped.
FULL_QUEUE = 10
# A file system's clock is coarser than this only where it is none of a server's.
SETTLED_NS = 2_000_000_000

log = logging.getLogger(__name__)


class DatagramWire:
    """One process's part of it."""

    def __init__(self, path: Path) -> None:
        """`path` is the database's."""
        self._folder = path.with_name(f"{path.name}-doorbell")
        self._name = f"{os.getpid()}-{secrets.token_hex(4)}"
        self._ears = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._mouth = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._mouth.setblocking(False)
        # When the folder last changed, if there was nobody else then.
        self._alone_since = 0

    def send(self, text: str) -> None:
        """Tell the others: up to DATAGRAM_BYTES. Losing it loses nothing: they look into the database."""
        datagram = text.encode()
        # No server has started yet, or too many files are open: the others will look.
        with suppress(OSError):
            changed_at = os.stat(self._folder).st_mtime_ns
            if changed_at != self._alone_since:
                is_alone = not self._ring_others(datagram)
                # Whoever comes in the same tick of the file system's clock would change nothing.
                is_settled = time_ns() - changed_at > SETTLED_NS
                self._alone_since = changed_at if is_alone and is_settled else 0

    def open(self) -> None:
        """Hear the others from now on; raises OSError where that cannot be, on a file system without sockets
        for one."""
        self._folder.mkdir(mode=0o700, exist_ok=True)
        with self._opened_folder() as folder:
            if os.stat(folder).st_uid != os.getuid():
                raise PermissionError(f"{self._folder} belongs to somebody else")
            self._ears.bind(self._address(folder, self._name))

    def hear(self, seconds: float) -> Iterator[str]:
        """What comes within so long, and all that is there then."""
        self._ears.settimeout(seconds)
        with suppress(TimeoutError, BlockingIOError):
            while True:
                yield self._ears.recv(DATAGRAM_BYTES).decode()
                self._ears.settimeout(0)

    def may_have_lost(self, heard: int) -> bool:
        """Whether others may have been dropped beside so many at once."""
        return heard >= FULL_QUEUE

    def stop(self) -> None:
        """Hear no more; what is sent later still arrives at the others."""
        (self._folder / self._name).unlink(missing_ok=True)

    def close(self) -> None:
        """After `stop`, or without an `open`."""
        self._ears.close()
        self._mouth.close()

    def _ring_others(self, datagram: bytes) -> int:
        """How many there are."""
        with self._opened_folder() as folder:
            others = [name for name in os.listdir(folder) if name != self._name]
            for name in others:
                self._send(datagram, folder, name)
        return len(others)

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
