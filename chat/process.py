"""What one process of the server owns."""

from chat import native
from chat.clock import now
from chat.database import Database
from chat.database.connection import path_of
from chat.doorbell import Doorbell
from chat.hub import Hub
from chat.limits import TokenBuckets
from chat.settings import Settings

# Password hashes at a time and waiting: each takes a core for 20 ms and 19 MiB.
HASHING_THREADS = 2
HASHING_QUEUE = 200


class Process:
    """The settings, the database, the hub and the limits, wired together once."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.clock = now
        self.database = Database(path_of(settings.database_url), settings.write_queue)
        self.doorbell = Doorbell(self.database, settings.check_interval_seconds, settings.doorbell)
        self.hub = Hub(_max_waiters(settings), settings.max_waiters_per_user, self.doorbell.ring)
        self.threads = native.pool(HASHING_THREADS, HASHING_QUEUE)
        self.sends = TokenBuckets(settings.sends_per_minute)
        self.logins = TokenBuckets(settings.logins_per_minute)

    def start(self) -> None:
        """Begin to hear the other processes."""
        self.doorbell.start(self.hub)

    def stop(self) -> None:
        """Let every held poll answer, and each later one at once."""
        self.hub.close()
        self.doorbell.stop()

    def close(self) -> None:
        """After `stop`, or without a `start`: give back what is open."""
        self.doorbell.close()
        self.database.close()


def _max_waiters(settings: Settings) -> int:
    """A held poll takes a thread of a gthread worker: a quarter of them is kept for the rest."""
    if settings.worker_class == "gthread":
        return min(settings.max_waiters, settings.threads * 3 // 4)
    return settings.max_waiters
