"""This machine's time. The server's, the only one that counts, is made of it.

It runs on the system's monotonic clock, which all processes of a host share, from an offset that the
database keeps (`store.server`): setting the wall clock moves no bill. Each connection says whose clock it
goes by: a file's is this module, and a server has one of its own for all hosts.
"""

import time
from contextlib import suppress
from pathlib import Path

NS_PER_MS = 1_000_000
# Counts on while the machine sleeps, where there is such a clock.
_STEADY = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def steady() -> int:
    """Milliseconds since some instant of this boot; never set, never goes back."""
    return time.clock_gettime_ns(_STEADY) // NS_PER_MS


def wall() -> int:
    """Milliseconds since 1970, UTC, as this machine believes."""
    return time.time_ns() // NS_PER_MS


def text(ms: int) -> str:
    """`YYYY-MM-DD HH:MM:SS`, UTC."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(ms // 1000))


def text_or_none(ms: int | None) -> str | None:
    """The same of an instant that may not have come."""
    return None if ms is None else text(ms)


def boot_id() -> str:
    """Which boot `steady` counts from."""
    with suppress(OSError):
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return f"about {(wall() - steady()) // 100_000}"
