"""The server's time, the only one that counts.

It runs on the system's monotonic clock, which all processes of a host share, from an offset that the
database keeps (`store.server`): setting the wall clock moves no bill. Where several hosts share a database
they follow its clock (`follow`), and go on by themselves when that is set.
"""

import time
from contextlib import suppress
from pathlib import Path

NS_PER_MS = 1_000_000
# Counts on while the machine sleeps, where there is such a clock.
_STEADY = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
# What hosts that follow one clock have in the place of a boot of their own.
FOLLOWED = "the database's"


class _Followed:
    """How far the clock that is followed is ahead of this boot's; `wall` with what it was set by."""

    ahead = wall = newest = 0
    is_any = False


def since_boot() -> int:
    """Milliseconds of this boot of this machine."""
    return time.clock_gettime_ns(_STEADY) // NS_PER_MS


def steady() -> int:
    """Milliseconds since some instant that all processes have in common; never set, never goes back."""
    if not _Followed.is_any:
        return since_boot()
    _Followed.newest = max(_Followed.newest, since_boot() + _Followed.ahead)
    return _Followed.newest


def follow(ahead: int, wall: int) -> None:
    """From now on `steady` is so far ahead of this boot, and `reference` the other."""
    _Followed.ahead, _Followed.wall, _Followed.is_any = ahead, wall, True


def ahead() -> int | None:
    """How far, if a clock is followed."""
    return _Followed.ahead if _Followed.is_any else None


def reference() -> int:
    """Milliseconds since 1970, UTC, as whoever keeps the time believes: this machine, or the one followed."""
    return since_boot() + _Followed.wall if _Followed.is_any else wall()


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
    """What `steady` counts from."""
    if _Followed.is_any:
        return FOLLOWED
    with suppress(OSError):
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return f"about {(wall() - since_boot()) // 100_000}"
