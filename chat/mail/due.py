"""What people are to be told by mail, found in the database by the process that leads.

No request has more to do for it; what somebody was told is kept, so that it is told once, whoever leads.
"""

import json
from collections.abc import Sequence

from chat import store
from chat.accounts import DAY_MS
from chat.database.connection import Connection
from chat.runtime import Runtime
from chat.store.rows import MailRow

# Whoever leads from now on tells what is no older, of what it finds untold.
NEWS_MS = 3_600_000
# Who is there is stored up to 19 s late (chat/sweeper.py): who has not been seen by then was away.
BACK_MS = 30_000
# Before an agent who is away is told what they have not read: they may come back, and more may be written.
UNREAD_MS = 300_000
# A server that cannot be reached over a weekend keeps nothing from anybody.
UNTIL_MS = 3 * DAY_MS


class Mails:
    """`look` is called once a second by the process that leads."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    def look(self) -> None:
        """Put what is to be told into the outbox."""
        if found := self._runtime.database.read(_found):
            self._runtime.database.write(lambda db: _tell(db, found))


def _found(db: Connection) -> list[MailRow]:
    now = store.server.now(db)
    return store.mails.due(db, now - NEWS_MS, now - BACK_MS, now - DAY_MS, now - UNREAD_MS)


def _tell(db: Connection, found: Sequence[MailRow]) -> None:
    now = store.server.now(db)
    store.mails.forget(db, now - 2 * NEWS_MS)
    for mail in found:
        if store.mails.keep(db, mail, now):
            kind, about = mail["kind"], mail["about"]
            payload = json.dumps({"kind": kind, "about": about, "at": now})
            topic = f"{kind}:{about}"
            store.outbox.put(db, "mail", str(mail["user_id"]), topic, payload, now, now + UNTIL_MS)
