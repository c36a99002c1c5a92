"""What happens per second, the CPU that it takes, and the CPU that others took from it."""

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from time import perf_counter

from bench.server import CLIENT_CORE, SERVER_CORE, TICKS_PER_SECOND, Program

Figures = dict[str, float]
# Anything but 0 of these spoils all other figures.
MISTAKES = {"lost", "doubled", "out of order", "polls refused", "errors", "cut"}


class Meter:
    """Runs from when it is made; `counts()` names what is counted."""

    def __init__(self, server: Program, counts: Callable[[], dict[str, int]]) -> None:
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
            for name in ("worker", "client", "others", "stolen")
        }
        return rates | percents

    def _look(self) -> Figures:
        worker, client = self._server.cpu_seconds(), time.process_time()
        busy, stolen = _cores_seconds()
        return {
            "seconds": perf_counter(),
            "worker": worker,
            "client": client,
            "others": busy - worker - client,
            "stolen": stolen,
            **self._counts(),
        }


def side_by_side(found: Mapping[str, Figures]) -> Figures:
    """Each figure of each, as `sends/s: poll`; those that one has not are 0 of it."""
    figures = dict.fromkeys(figure for each in found.values() for figure in each)
    return {f"{figure}: {name}": found[name].get(figure, 0) for figure in figures for name in found}


def sends_ratios(one: Figures, other: Figures, name: str) -> Figures:
    """Sends of the other ÷ those of the one, as they were and per second of their workers' CPU."""
    sends, cpu = (other[figure] / one[figure] for figure in ("sends/s", "worker CPU %"))
    return {f"sends/s: {name}": sends, f"sends/s by CPU: {name}": sends / cpu}


def _cores_seconds() -> tuple[float, float]:
    """How long the two cores worked, and how long this virtual machine's host kept them from it."""
    busy = stolen = 0
    for line in Path("/proc/stat").read_text().splitlines():
        name, *fields = line.split()
        if name in (f"cpu{SERVER_CORE}", f"cpu{CLIENT_CORE}"):
            user, nice, system, _idle, _waiting, interrupts, soft_interrupts, lost = map(int, fields[:8])
            busy += user + nice + system + interrupts + soft_interrupts
            stolen += lost
    return busy / TICKS_PER_SECOND, stolen / TICKS_PER_SECOND
