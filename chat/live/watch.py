"""Telling who waits for something else that their connection can be read: one thread for all of them.

Imported by chat/worker/ before anything is patched, so that the selector below is the system's own.
"""

import contextlib
import logging
import selectors
import threading
from collections.abc import Callable
from typing import Any

_Selector = selectors.DefaultSelector

log = logging.getLogger(__name__)


class Watch:
    """The system's own selector is a file too: gevent waits for that one, and need not know of the others."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._selector: _Selector | None = None

    def add(self, file: int, tell: Callable[[], None]) -> None:
        """Call `tell` once, as soon as there is something to read; whoever is to be told already stays so."""
        with self._lock, contextlib.suppress(KeyError):
            if self._selector is None:
                self._selector = _Selector()
                threading.Thread(target=self._run, args=(self._selector,), daemon=True).start()
            self._selector.register(file, selectors.EVENT_READ, tell)

    def remove(self, file: int) -> Any:
        """Whom it would have told; None if it has."""
        with self._lock, contextlib.suppress(KeyError):
            return self._selector.unregister(file).data if self._selector else None

    def _run(self, selector: _Selector) -> None:
        waiting = selectors.DefaultSelector()
        waiting.register(selector.fileno(), selectors.EVENT_READ)
        while True:
            try:
                waiting.select()
                for key, _ in selector.select(0):
                    if tell := self.remove(key.fd):
                        tell()
            except Exception:
                # Without this thread nobody's frames would be read any more.
                log.exception("The watch over WebSockets failed, and goes on")
