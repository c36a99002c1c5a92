"""What one process of the server owns."""

import logging

from chat import native, people, presence
from chat.database import Database
from chat.database.connection import path_of
from chat.doorbell import Doorbell
from chat.engine import Engine
from chat.hub import Hub
from chat.limits import TokenBuckets
from chat.presence import Presence
from chat.settings import Settings
from chat.store import server
from chat.sweeper import Sweeper

log = logging.getLogger(__name__)

# Password hashes at a time and waiting: each takes a core for 20 ms and 19 MiB.
HASHING_THREADS = 2
HASHING_QUEUE = 200


class Process:
    """The settings, the database, the hub and the limits, wired together once."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.database = Database(path_of(settings.database_url), settings.write_queue)
        self.doorbell = Doorbell(self.database, settings.check_interval_seconds, settings.doorbell)
        self.hub = Hub(_max_waiters(settings), settings.max_waiters_per_user, self.doorbell.ring)
        self.presence = Presence(self.hub, self.doorbell.ring)
        self.engine = Engine(self.database, self.hub, self.presence, settings)
        self.sweeper = Sweeper(self.engine)
        self.threads = native.pool(HASHING_THREADS, HASHING_QUEUE)
        self.sends = TokenBuckets(settings.sends_per_minute)
        self.logins = TokenBuckets(settings.logins_per_minute)

    def prepare(self) -> None:
        """Bring the database to the newest schema, and the clock to the wall clock's time."""
        self.database.migrate()
        if not self.database.read(server.is_anchored):
            self.database.write(server.anchor)

    def start(self) -> None:
        """Begin to hear the other processes, and to sweep; say how to set up what nobody runs yet."""
        if code := self.database.read(people.setup_code):
            log.warning("There is no administrator yet; the page to become it is /setup?code=%s", code)
        self.doorbell.start(self.hub, self._hear)
        self.sweeper.start()

    def stop(self) -> None:
        """Let every held poll answer, and each later one at once."""
        self.hub.close()
        self.sweeper.stop()
        self.doorbell.stop()

    def close(self) -> None:
        """After `stop`, or without a `start`: give back what is open."""
        self.doorbell.close()
        self.database.close()

    def _hear(self, topics: list[str], generation: int) -> None:
        """What another process has published."""
        if topics[0].startswith(presence.TYPING):
            self.presence.hear(topics[0], generation)
        else:
            self.hub.wake(topics, generation)


def _max_waiters(settings: Settings) -> int:
    """A held poll takes a thread of a gthread worker: a quarter of them is kept for the rest."""
    if settings.worker_class == "gthread":
        return min(settings.max_waiters, settings.threads * 3 // 4)
    return settings.max_waiters
