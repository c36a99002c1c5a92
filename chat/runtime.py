"""What one process of the server owns, and the domain works with."""

import logging
from collections.abc import Sequence
from contextlib import suppress
from decimal import Decimal
from pathlib import Path
from typing import NoReturn, Protocol, cast

from chat import books, counts, money
from chat.blobs import Blobs
from chat.contents import SharedBlobs
from chat.database import native
from chat.database.connection import Connection
from chat.database.migrations import NewerSchema, Unfit
from chat.database.opening import EngineMissing, files_of, is_file, open_database
from chat.errors import DatabaseUnavailable
from chat.limits import TokenBuckets
from chat.live.doorbell import Doorbell
from chat.live.hub import Hub
from chat.live.presence import Presence, Typing
from chat.logs import Trouble
from chat.providers.provider import Provider
from chat.providers.stripe import Stripe
from chat.settings import SettingError, Settings
from chat.store import server
from chat.store.rows import Side

# Password hashes at a time, and waiting: each takes a core for 20 ms and 19 MiB.
HASHING_THREADS = 2
HASHING_QUEUE = 200
# Pictures that are drawn anew at a time, and waiting: each takes a core, and up to 200 MB.
DRAWING_THREADS = 2
DRAWING_QUEUE = 200
# So many fit into one datagram: a topic has at most 30 characters, a sign-in's 70.
TOPICS_PER_DATAGRAM = 50
# gunicorn starts no other worker after one that ended with it, and stops.
BOOT_ERROR = 3
# Kinds of datagrams.
NEWS = "news"
TYPING = "typing"

log = logging.getLogger(__name__)


class Companion(Protocol):
    """Something that runs beside the requests for as long as the process does."""

    def start(self) -> None: ...

    def stop(self) -> None: ...


class Runtime:
    """The settings, the database, who waits and who is there, what hashes and draws, and the limits."""

    def __init__(self, settings: Settings) -> None:
        """Raises SettingError for a currency that there is not, a limit beyond it, one of two keys, and mail
        of nobody or from nowhere."""
        self.settings = settings
        if settings.has_mail and not (settings.mail_from and settings.url):
            raise SettingError("CHAT_SMTP_URL wants CHAT_MAIL_FROM and CHAT_URL, too")
        try:
            money.use(settings.currency)
        except ValueError as error:
            raise SettingError(f"CHAT_CURRENCY: {error}; take a code of ISO 4217, like EUR") from None
        try:
            limit = settings.spending_limit
            self.spending_limit = money.minor_units(Decimal(limit)) if limit else None
        except ValueError as error:
            raise SettingError(f"CHAT_SPENDING_LIMIT {error}") from None
        self.provider = _provider(settings)
        try:
            self.database = open_database(settings.database_url, settings.write_queue, self._open)
        except EngineMissing as error:
            raise SettingError(str(error)) from None
        self.doorbell = Doorbell(self.database, settings.check_interval_seconds, settings.doorbell)
        self.hub = Hub(
            _max_waiters(settings),
            settings.max_waiters_per_user,
            settings.max_waiters_per_address,
            self._ring_news,
            counts.add,
        )
        self.presence = Presence(self.hub, self._ring_typing)
        self.hashing = native.Pool(HASHING_THREADS, HASHING_QUEUE)
        self.drawing = native.Pool(DRAWING_THREADS, DRAWING_QUEUE)
        self.storage_trouble = Trouble(log, "No file can be kept, who sends one is answered 507: %s")
        self.sends = TokenBuckets()
        self.companions: list[Companion] = []
        folder = Path(settings.attachments_folder or files_of(settings.database_url))
        self.blobs = Blobs(folder)
        # A database on a server may have other hosts, which have other folders.
        if not is_file(settings.database_url):
            self.blobs = shared = SharedBlobs(folder, self.database, self.drawing)
            self.companions.append(shared)

    def prepare(self) -> None:
        """Bring the database to the newest schema, the clock to the wall clock's time, and begin the books.

        Raises NewerSchema, Unfit, and DatabaseUnavailable.
        """
        self.database.migrate()
        self.database.write(server.anchor)
        self.database.write(lambda db: books.begin(db, self.settings))

    def check_currency(self) -> None:
        """Raises SettingError where the database's amounts are in another currency than the setting says."""
        found, wanted = self.database.read(server.currency), self.settings.currency
        if found != wanted:
            raise SettingError(
                f"CHAT_CURRENCY is {wanted}, and all amounts in this database are in {found}: start with "
                f"CHAT_CURRENCY={found}; or, when every session has ended and no balance is left, run "
                f"`tete-a-tete currency {wanted}` first. Nothing was changed."
            )

    def start(self) -> None:
        """Prepare the database, if it is there, and begin to hear the other processes.

        Says how to set up what nobody runs yet. Raises SystemExit, having said why, where the database is a
        newer version's or in another currency, and where none can be made.
        """
        try:
            self.prepare()
        except DatabaseUnavailable as problem:
            log.error("503 until the database is back: %s", problem)
        except (NewerSchema, Unfit) as error:
            _give_up(error)
        except self.database.errors as error:
            _give_up(error)
        with suppress(DatabaseUnavailable):
            try:
                self.check_currency()
            except SettingError as error:
                _give_up(error)
            if self.database.read(server.setup_code):
                log.warning("There is no administrator yet; `tete-a-tete set-up` tells how to become it.")
        try:
            self.blobs.prepare()
        except OSError as error:
            log.error("No file can be sent until %s is there: %s", self.blobs.folder, error)
        self.doorbell.start(self.hub, {NEWS: self._hear_news, TYPING: self._hear_typing})
        for companion in self.companions:
            companion.start()

    def stop(self) -> None:
        """Let every held poll answer, and each later one at once."""
        self.hub.close()
        for companion in self.companions:
            companion.stop()
        self.doorbell.stop()

    def close(self) -> None:
        """After `stop`, or without a `start`: close what is open."""
        self.doorbell.close()
        self.hashing.close()
        self.drawing.close()
        if self.provider:
            self.provider.close()
        self.database.close()

    def _open(self, db: Connection) -> None:
        server.anchor(db)
        server.adopt_currency(db, self.settings.currency)

    def _ring_news(self, topics: Sequence[str], generation: int) -> None:
        for start in range(0, len(topics), TOPICS_PER_DATAGRAM):
            self.doorbell.ring(NEWS, generation, *topics[start : start + TOPICS_PER_DATAGRAM])

    def _hear_news(self, words: list[str]) -> None:
        generation, *topics = words
        self.hub.wake(topics, int(generation), "doorbell")

    def _ring_typing(self, typing: Typing) -> None:
        self.doorbell.ring(
            TYPING, typing.chat_session_id, typing.side, typing.other_id, int(typing.is_typing)
        )

    def _hear_typing(self, words: list[str]) -> None:
        chat_session_id, side, other_id, is_typing = words
        self.presence.hear(Typing(int(chat_session_id), cast(Side, side), int(other_id), is_typing == "1"))


def _give_up(error: Exception) -> NoReturn:
    log.critical("%s", error)
    raise SystemExit(BOOT_ERROR) from None


def _provider(settings: Settings) -> Provider | None:
    """Through whom clients pay; raises SettingError for half of its keys."""
    keys = (settings.stripe_secret_key, settings.stripe_webhook_secret)
    if any(keys) and not all(keys):
        raise SettingError("CHAT_STRIPE_SECRET_KEY and CHAT_STRIPE_WEBHOOK_SECRET: set both, or none")
    return Stripe(settings) if all(keys) else None


def _max_waiters(settings: Settings) -> int:
    """A held poll takes a thread of a gthread worker: a quarter of them is kept for the rest."""
    if settings.worker_class == "gthread":
        return min(settings.max_waiters, settings.threads * 3 // 4)
    return settings.max_waiters
