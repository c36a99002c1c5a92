"""What goes on beside the requests: on a thread of its own, whenever it is rung for."""

import logging
import threading

from chat.errors import Problem
from chat.runtime import Runtime


class Background:
    """Works from `start` to `stop`; what fails is told in the log, and tried again when it is rung for."""

    # What the log says when the database, which has told why, does not let it work; and when it fails.
    later, failed = "", ""
    later_level = logging.WARNING
    expected: tuple[type[Exception], ...] = (Problem,)

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._bell = threading.Event()
        self._stopped = False

    def start(self) -> None:
        """Do what `look` finds from now on."""
        threading.Thread(target=self._run, daemon=True).start()

    def stop(self) -> None:
        """Begin nothing more."""
        self._stopped = True
        self._bell.set()

    def look(self) -> None:
        """Something may be to be done; the process that leads calls it once a second."""
        self._bell.set()

    def _run(self) -> None:
        log = logging.getLogger(type(self).__module__)
        while self._bell.wait() and not self._stopped:
            self._bell.clear()
            try:
                self._work()
            except self.expected as problem:
                log.log(self.later_level, "%s: %s", self.later, problem)
            except Exception:
                log.exception(self.failed)

    def _work(self) -> None:
        """All that is to be done now, but for what takes long: that goes to threads of its own."""
        raise NotImplementedError
