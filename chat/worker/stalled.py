"""Readers that take nothing, and keep a worker from leaving."""

import array
import fcntl
import socket
import struct
import sys
import termios
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

# A reader of a stopping worker that takes nothing for so long is cut.
STALL_SECONDS = 1.0
# The kernel's number: where bytes_acked is in tcp_info.
BYTES_ACKED = 120
ALL_TAKEN = -1


def cut_the_stalled(busy: Callable[[], list[Any]]) -> None:
    """For ever: cut the readers that take nothing, and read no more from those who still send.

    They would hold the exit: a stream goes on where it was, and what was not answered was not done.
    """
    before: dict[Any, int] | None = None
    while True:
        now = {}
        for connection in busy():
            with suppress(OSError):
                sock = connection.sock
                now[connection] = taken(sock)
                if before is not None:
                    is_stalled = now[connection] == before.get(connection, ALL_TAKEN) != ALL_TAKEN
                    sock.shutdown(socket.SHUT_RDWR if is_stalled else socket.SHUT_RD)
        before = now
        time.sleep(STALL_SECONDS)


def taken(sock: Any) -> int:
    """How much a reader has taken, in bytes, from where the system likes; or ALL_TAKEN."""
    left = array.array("i", [0])
    fcntl.ioctl(sock.fileno(), termios.TIOCOUTQ, left)
    if not left[0]:
        return ALL_TAKEN
    if sock.family == socket.AF_UNIX or sys.platform != "linux":
        return 2**31 - left[0]
    info = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, BYTES_ACKED + 8)
    return int(struct.unpack_from("=Q", info, BYTES_ACKED)[0])
