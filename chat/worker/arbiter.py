"""gunicorn's main process."""

import signal
import time
from typing import Any

from gunicorn import arbiter

# How often it looks whether new workers serve.
LOOK_SECONDS = 0.05
STOPS = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT)


class Arbiter(arbiter.Arbiter):
    """gunicorn's main process, which lets no worker go before all serve that are to stay.

    gunicorn's own tells them at once: then nobody answers until a new one has booted, and signals that come
    faster than that keep the server from ever answering.
    """

    is_stopping = False

    def signal(self, sig: int, frame: Any) -> None:
        """The handler of all signals: who wants to stop waits for no reload."""
        self.is_stopping = self.is_stopping or sig in STOPS
        super().signal(sig, frame)

    def wait_for_signals(self, timeout: float = 1.0) -> list[int]:
        """The SIGHUPs that came during a reload are one."""
        signals: list[int] = super().wait_for_signals(timeout)
        extra = max(0, signals.count(signal.SIGHUP) - 1)
        for _ in range(extra):
            signals.remove(signal.SIGHUP)
        return signals

    def handle_hup(self) -> None:
        """Reload."""
        if not self.is_stopping:
            super().handle_hup()

    def manage_workers(self) -> None:
        """Start those that are missing; when all serve, tell the oldest to leave that are too many."""
        if len(self.WORKERS) > self.num_workers:
            self.wait_until_all_serve()
        super().manage_workers()

    def wait_until_all_serve(self) -> None:
        """Or until one has had the time after which it counts as dead."""
        deadline = time.monotonic() + self.timeout
        while not all(worker.serves() for worker in self.WORKERS.values()):
            if self.is_stopping or time.monotonic() > deadline:
                return
            time.sleep(LOOK_SECONDS)
            self.reap_workers()
