"""Mails of the outbox, to the mail server."""

import json
import logging
from email.message import EmailMessage

from chat import store
from chat.database import native
from chat.database.connection import Connection
from chat.mail import letters, links
from chat.mail.message import Letter, address, message, sender
from chat.outbox import CARRIED_TOGETHER, Later
from chat.providers import smtp
from chat.runtime import Runtime
from chat.store.rows import OutboxRow

# Connections at a time: mail servers do not like many.
THREADS = 2

log = logging.getLogger(__name__)


class Carrier:
    """Called with what is to be sent."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._settings = runtime.settings
        self._pool = native.Pool(THREADS, CARRIED_TOGETHER)

    def __call__(self, row: OutboxRow) -> None:
        """Raises Later."""
        letter = self._runtime.database.write(lambda db: self._letter(db, row))
        if letter is None:
            return
        try:
            mail = message(self._settings, letter, f"{row['target']} {row['payload']}")
            self._pool.call(lambda: self._send(mail, address(letter.to)))
        except (smtp.Refused, ValueError) as error:
            log.error("Given up a mail, which is refused for good: %s", error)
        except smtp.Away as error:
            if row["attempts"] == 1:
                log.warning("A mail goes later: %s", error)
            raise Later(str(error)) from None

    def _letter(self, db: Connection, row: OutboxRow) -> Letter | None:
        asked = json.loads(row["payload"])
        if store.server.now(db) > row["until_at"]:
            log.warning("Given up a mail that is too old by now")
            return None
        if asked["kind"] in ("password", "invitation", "keeping"):
            return links.letter(db, self._settings, row["target"], asked)
        return letters.told(db, self._settings, int(row["target"]), asked)

    def _send(self, mail: EmailMessage, to: str) -> None:
        """On a native thread."""
        smtp.send(self._settings, mail, sender(self._settings), to)
