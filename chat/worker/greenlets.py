"""A greenlet for each request; the only file that names gevent."""

from collections.abc import Iterable
from typing import Any

import gevent
import gevent.socket
from gevent import monkey

from chat.worker.base import Worker
from chat.worker.connection import Connection, Request
from chat.worker.reception import EVENTS

# It would keep who spawned each greenlet, for nobody to see.
gevent.config.track_greenlet_tree = False
# Long enough for gevent to look at what others wait for; a sleep of 0 would not be.
A_MOMENT = 1e-6


class GeventWorker(Worker):
    """Its loop is a greenlet among those that answer."""

    watcher: Any = None

    def init_process(self) -> None:
        """Patch, and make the listening sockets gevent's: what they accept is to be so too."""
        monkey.patch_all()
        self.sockets = [
            gevent.socket.socket(each.FAMILY, gevent.socket.SOCK_STREAM, fileno=each.sock.detach())
            for each in self.sockets
        ]
        gevent.reinit()
        super().init_process()

    def look(self, seconds: float) -> Iterable[tuple[int, int]]:
        """The others run meanwhile.

        The reception's own selector is a file too: gevent waits for that one, and need not know of
        the others.
        """
        poller = self.reception.poller
        if seconds == 0:
            gevent.sleep(A_MOMENT)
        else:
            hub = gevent.get_hub()
            self.watcher = self.watcher or hub.loop.io(poller.fileno(), 1)
            with gevent.Timeout(seconds, False):
                hub.wait(self.watcher)
        ready: list[tuple[int, int]] = poller.poll(0, EVENTS)
        return ready

    def begin(self, connection: Connection, request: Request) -> None:
        """On a greenlet of its own."""
        gevent.spawn_raw(self.serve, connection, request)

    def finished(self, connection: Connection, is_kept: bool) -> None:
        """Greenlets take turns: this one has its."""
        self.reception.finish(connection, is_kept)

    def handle_quit(self, sig: int, frame: Any) -> None:
        """Not in the handler: it may run where nobody may wait."""
        gevent.spawn(super().handle_quit, sig, frame)

    def handle_usr1(self, sig: int, frame: Any) -> None:
        """The same."""
        gevent.spawn(super().handle_usr1, sig, frame)
