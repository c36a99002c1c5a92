"""What happens per second, the CPU that it takes, and the CPU that others took from it."""

import time
from collections.abc import Callable
from pathlib import Path
from time import perf_counter

from bench.server import CLIENT_CORE, SERVER_CORE, TICKS_PER_SECOND, Server

Figures = dict[str, float]


class Meter:
    """Runs from when it is made; `counts()` names what is counted."""

    def __init__(self, server: Server, counts: Callable[[], dict[str, int]]) -> None:
        self._server = server
        self._counts = counts
        self._started = self._look()

    def stop(self) -> Figures:
        """Each count per second, and the CPU in % of a core."""
        started, ended = self._started, self._look()
        seconds = ended["seconds"] - started["seconds"]
        rates = {f"{name}/s": (ended[name] - started[name]) / seconds for name in self._counts()}
        percents = {
            f"{name} CPU %": 100 * (ended[name] - started[name]) / seconds
            for name in ("worker", "client", "stolen")
        }
        return rates | percents

    def _look(self) -> Figures:
        return {
            "seconds": perf_counter(),
            "worker": self._server.cpu_seconds(),
            "client": time.process_time(),
            "stolen": _stolen_seconds(),
            **self._counts(),
        }


def _stolen_seconds() -> float:
    """How long the two cores were ready, while the host of this virtual machine did other work."""
    ticks = 0
    for line in Path("/proc/stat").read_text().splitlines():
        name, *fields = line.split()
        if name in (f"cpu{SERVER_CORE}", f"cpu{CLIENT_CORE}"):
            ticks += int(fields[7])
    return ticks / TICKS_PER_SECOND
