"""What people are told on their devices while no page of theirs is looked at.

Found in the database by the process that leads, so that no request has more to do; what somebody was told is
kept, so that it is told once, whoever leads.
"""

import json
from collections.abc import Sequence
from gettext import NullTranslations
from typing import NamedTuple

from chat import store
from chat.database.connection import Connection
from chat.languages import attached, texts_in
from chat.outbox import DAY_MS
from chat.runtime import Runtime
from chat.settings import Settings
from chat.store.rows import CardRow, NoticeRow, PushRow

# Whoever leads from now on tells what is no older, of what it finds untold.
NEWS_MS = 60_000
# A page that is loaded says that it is looked at, a message that is read is so, and several are one.
PAUSE_MS = 2_000
OPEN_ONES = 100


class Note(NamedTuple):
    """What a device shows. `ttl` is how many seconds it is of use, `topic` what a later one replaces."""

    title: str
    body: str
    path: str
    topic: str
    ttl: int
    is_urgent: bool
    is_silent: bool = False
    badge: int | None = None


class Notices:
    """`look` is called once a second by the process that leads."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._seen = 0

    def look(self) -> None:
        """Put what is to be told into the outbox."""
        database = self._runtime.database
        if not database.read(store.push.exist):
            return
        found, over, head = database.read(self._found)
        if found or over:
            database.write(lambda db: _tell(db, found, over))
        self._seen = head

    def _found(self, db: Connection) -> tuple[list[NoticeRow], list[NoticeRow], int]:
        time = store.server.time(db)
        found = store.notices.due(db, self._seen, time.now - NEWS_MS, time.now)
        return found, store.notices.over(db), time.head


def _tell(db: Connection, found: Sequence[NoticeRow], over: Sequence[NoticeRow]) -> None:
    now = store.server.now(db)
    over = [each for each in over if store.notices.delete(db, each) and each["kind"] == "request"]
    found = [each for each in found if store.notices.keep(db, each)]
    devices = store.push.ids_of(db, [each["user_id"] for each in (*over, *found)], now)
    for notice in over:
        topic = _topic(notice["chat_session_id"])
        for device_id in devices[notice["user_id"]]:
            # What has not been sent is not to be closed.
            if not store.outbox.take_back(db, "push", str(device_id), topic):
                _put(db, notice, "over", device_id, now, now)
    for notice in found:
        for device_id in devices[notice["user_id"]]:
            _put(db, notice, notice["kind"], device_id, now, now + PAUSE_MS)


def _put(db: Connection, notice: NoticeRow, kind: str, device_id: int, now: int, due_at: int) -> None:
    chat_session_id = notice["chat_session_id"]
    payload = json.dumps({"kind": kind, "chat_session_id": chat_session_id, "upto": notice["message_id"]})
    topic = _topic(chat_session_id)
    store.outbox.put(db, "push", str(device_id), topic, payload, due_at, now + DAY_MS)


def note(db: Connection, settings: Settings, device: PushRow, payload: str) -> Note | None:
    """What is to be shown now; None when it is over by now, or somebody looks."""
    asked, text = json.loads(payload), texts_in(device["language"])
    if asked["kind"] == "test":
        body = text.gettext("Notifications reach this device.")
        return Note("Tête-à-tête", body, "", "test", 60, is_urgent=True)
    rows = store.inbox.changed(db, device["user_id"], device["role"], None, OPEN_ONES)
    row = next((each for each in rows if each["id"] == asked["chat_session_id"]), None)
    badge = sum(each["unread"] for each in rows)
    if device["role"] == "agent":
        badge += sum(each["status"] == "waiting" for each in rows)
    if asked["kind"] == "over":
        return _over(settings, row, text, asked["chat_session_id"], badge)
    if row is None or device["is_looking"]:
        return None
    return _of_session(db, settings, device, row, asked["kind"], badge)


def _of_session(
    db: Connection, settings: Settings, device: PushRow, row: CardRow, kind: str, badge: int
) -> Note | None:
    text, is_waiting = texts_in(device["language"]), row["status"] == "waiting"
    ttl, is_urgent = DAY_MS // 1000, True
    if kind == "request" and is_waiting:
        expires_at = row["created_at"] + settings.request_seconds * 1000
        ttl = max(1, (expires_at - store.server.now(db)) // 1000)
        body = text.gettext("New request")
    elif kind == "accepted" and not is_waiting:
        body = text.gettext("Your request is accepted")
    elif kind == "message" and row["unread"]:
        body, is_urgent = text.ngettext("New message", "%(num)d new messages", row["unread"]), False
        body %= {"num": row["unread"]}
    else:
        return None
    if settings.push_words and kind != "accepted" and row["last_message"]:
        sent = row["last_attachment"]
        body = attached(text, sent) if sent else row["last_message"]
    name = row["client_name"] if device["role"] == "agent" else row["agent_name"]
    path = f"sessions/{row['id']}"
    return Note(name or "Tête-à-tête", body, path, _topic(row["id"]), ttl, is_urgent, badge=badge)


def _over(
    settings: Settings, row: CardRow | None, text: NullTranslations, chat_session_id: int, badge: int
) -> Note:
    """In the place of a request, which this agent has accepted or not."""
    is_own = row is not None and row["status"] != "waiting"
    body = text.gettext("You have accepted it.") if is_own else text.gettext("This request is gone.")
    path, ttl = f"sessions/{chat_session_id}" if is_own else "inbox", settings.request_seconds
    return Note("Tête-à-tête", body, path, _topic(chat_session_id), ttl, False, is_silent=True, badge=badge)


def _topic(chat_session_id: int) -> str:
    return f"session:{chat_session_id}"
