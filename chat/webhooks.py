"""Webhooks as administrators see to them: addresses that are told what happens, and how that goes."""

import re
import secrets
from base64 import b64encode
from collections.abc import Sequence
from contextlib import suppress
from ipaddress import ip_address
from typing import Literal, cast, get_args
from urllib.parse import urlsplit

from chat import audit, clock, store, texts
from chat.audit import Actor
from chat.database.connection import Connection
from chat.deliveries import AGE_MS, MOST_WEBHOOKS
from chat.errors import InvalidParameter, NotFound, TooMany, existing
from chat.outbox import DAY_MS
from chat.providers.exchange import is_public
from chat.runtime import Runtime
from chat.store.rows import DeliveryRow, HookEvent, WebhookRow
from chat.wire import Delivery, Webhook

EVENTS: tuple[HookEvent, ...] = get_args(HookEvent)
LABEL_CHARACTERS = 100
URL_CHARACTERS = 1000
# A host and perhaps a port and a path; no name or password, no fragment, nothing that is not ASCII.
URL = re.compile(r"https?://([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?(/[!-\"$-~]*)?")
# What is one wherever it is, and whatever the setting.
USUAL_URL = r"https://([A-Za-z0-9_-]+\.)+[A-Za-z][A-Za-z0-9-]*(/[!-\"$-~]*)?"
SECRET_BYTES = 32
# After a rotation both are good for so long.
BOTH_MS = DAY_MS


def listed(runtime: Runtime, actor: Actor | None) -> list[Webhook]:
    """All, for administrators; raises Forbidden."""
    audit.only_administrators(actor)
    return [_shown(row) for row in runtime.database.read(store.webhooks.listed)]


def read(runtime: Runtime, actor: Actor | None, webhook_id: int) -> Webhook:
    """One; raises Forbidden, NotFound."""
    audit.only_administrators(actor)
    return _shown(runtime.database.read(lambda db: _existing(db, webhook_id)))


def add(
    runtime: Runtime, actor: Actor | None, label: str, url: str, events: Sequence[HookEvent], with_words: bool
) -> tuple[Webhook, str]:
    """A new one, and its secret, which is told this once; raises Forbidden, InvalidParameter, TooMany."""
    audit.only_administrators(actor)
    checked = _label(label), _url(runtime, url), _events(events)
    secret = secrets.token_bytes(SECRET_BYTES)

    def write(db: Connection) -> WebhookRow:
        if len(store.webhooks.listed(db)) >= MOST_WEBHOOKS:
            raise TooMany(f"{MOST_WEBHOOKS} webhooks.")
        webhook_id = store.webhooks.insert(db, *checked, with_words, secret, store.server.now(db))
        audit.note(db, actor, "webhook_added", detail=checked[0])
        return _existing(db, webhook_id)

    return _shown(runtime.database.write(write)), _written(secret)


def change(
    runtime: Runtime,
    actor: Actor | None,
    webhook_id: int,
    label: str | None = None,
    url: str | None = None,
    events: Sequence[HookEvent] | None = None,
    with_words: bool | None = None,
) -> Webhook:
    """What is given, is so from now on; raises Forbidden, NotFound, InvalidParameter."""
    audit.only_administrators(actor)
    changed = {
        "label": None if label is None else _label(label),
        "url": None if url is None else _url(runtime, url),
        "events": None if events is None else _events(events),
        "has_words": with_words,
    }

    def write(db: Connection) -> WebhookRow:
        row = _existing(db, webhook_id)
        if given := {
            name: value
            for name, value in changed.items()
            if value not in (None, row[name])  # type: ignore[literal-required]
        }:
            store.webhooks.update(db, webhook_id, given)
            audit.note(db, actor, "webhook_changed", detail=row["label"])
        return _existing(db, webhook_id)

    return _shown(runtime.database.write(write))


def turn(runtime: Runtime, actor: Actor | None, webhook_id: int, is_on: bool) -> Webhook:
    """Off, it is told nothing; on again, what waits and is not too old, and what happens from then on.

    Raises Forbidden, NotFound.
    """
    audit.only_administrators(actor)

    def write(db: Connection) -> WebhookRow:
        row, now = _existing(db, webhook_id), store.server.now(db)
        if is_on is (row["off_at"] is None):
            return row
        if is_on:
            store.deliveries.give_up(db, webhook_id, now)
            store.webhooks.turn_on(db, webhook_id)
        else:
            store.webhooks.update(db, webhook_id, {"off_at": now})
        audit.note(db, actor, "webhook_changed", detail=row["label"])
        return _existing(db, webhook_id)

    return _shown(runtime.database.write(write))


def rotate(runtime: Runtime, actor: Actor | None, webhook_id: int) -> tuple[Webhook, str]:
    """Another secret, told this once; for a day it is signed with the one before, too.

    Raises Forbidden, NotFound.
    """
    audit.only_administrators(actor)
    secret = secrets.token_bytes(SECRET_BYTES)

    def write(db: Connection) -> WebhookRow:
        row = _existing(db, webhook_id)
        until = clock.wall() + BOTH_MS
        changed = {"secret": secret, "old_secret": row["secret"], "old_secret_until": until}
        store.webhooks.update(db, webhook_id, changed)
        audit.note(db, actor, "webhook_changed", detail=row["label"])
        return _existing(db, webhook_id)

    return _shown(runtime.database.write(write)), _written(secret)


def remove(runtime: Runtime, actor: Actor | None, webhook_id: int) -> None:
    """With what waits for it; raises Forbidden, NotFound."""
    audit.only_administrators(actor)

    def write(db: Connection) -> None:
        row = _existing(db, webhook_id)
        store.webhooks.delete(db, webhook_id)
        audit.note(db, actor, "webhook_removed", detail=row["label"])

    runtime.database.write(write)


def deliveries(
    runtime: Runtime, actor: Actor | None, webhook_id: int, before_id: int, limit: int
) -> tuple[list[Delivery], bool]:
    """The newest with lower ids, and whether there are more; raises Forbidden, NotFound."""
    audit.only_administrators(actor)

    def find(db: Connection) -> list[DeliveryRow]:
        _existing(db, webhook_id)
        return store.deliveries.listed(db, webhook_id, before_id, limit + 1)

    rows = runtime.database.read(find)
    return [_shown_delivery(row) for row in rows[:limit]], len(rows) > limit


def send_test(runtime: Runtime, actor: Actor | None, webhook_id: int) -> None:
    """Something to see whether it arrives, after what waits, which is tried now.

    Raises Forbidden, NotFound.
    """
    audit.only_administrators(actor)

    def write(db: Connection) -> None:
        _existing(db, webhook_id)
        now = store.server.now(db)
        store.deliveries.put(db, webhook_id, "webhook.test", now, now + AGE_MS)
        store.webhooks.update(db, webhook_id, {"due_at": 0})

    runtime.database.write(write)


def send_again(runtime: Runtime, actor: Actor | None, webhook_id: int, delivery_id: int) -> None:
    """With the same id, before what waits; raises Forbidden, NotFound."""
    audit.only_administrators(actor)

    def write(db: Connection) -> None:
        if not store.deliveries.repeat(db, webhook_id, delivery_id, store.server.now(db) + AGE_MS):
            raise NotFound
        store.webhooks.update(db, webhook_id, {"due_at": 0})

    runtime.database.write(write)


def _existing(db: Connection, webhook_id: int) -> WebhookRow:
    return existing(store.webhooks.by_id(db, webhook_id))


def _label(label: str) -> str:
    return texts.checked(label, "label", LABEL_CHARACTERS)


def _url(runtime: Runtime, url: str) -> str:
    """As it is asked for; a name is looked up when something is sent."""
    is_anywhere = runtime.settings.webhooks_anywhere
    if len(url) > URL_CHARACTERS or not URL.fullmatch(url) or not _has_port(url):
        raise InvalidParameter("url must be an address like https://example.org/hook.", field="url")
    if not is_anywhere and not url.startswith("https:"):
        raise InvalidParameter("url must begin with https:, or CHAT_WEBHOOKS_ANYWHERE be 1.", field="url")
    if not is_anywhere and _is_private(urlsplit(url).hostname or ""):
        raise InvalidParameter("url is at a private address; CHAT_WEBHOOKS_ANYWHERE allows it.", field="url")
    return url


def _has_port(url: str) -> bool:
    """Whether the port, if there is one, can be one, and the host, if it is an address."""
    try:
        return urlsplit(url).port != 0
    except ValueError:
        return False


def _is_private(host: str) -> bool:
    with suppress(ValueError):
        ip_address(host)
        return not is_public(host)
    return False


def _events(events: Sequence[HookEvent]) -> str:
    """In the order of their list."""
    chosen = [each for each in EVENTS if each in events]
    if not chosen:
        raise InvalidParameter("events must name at least one.", field="events")
    return " ".join(chosen)


def _written(secret: bytes) -> str:
    return f"whsec_{b64encode(secret).decode()}"


def _shown(row: WebhookRow) -> Webhook:
    return {
        "id": row["id"],
        "label": row["label"],
        "url": row["url"],
        "events": cast(list[HookEvent], row["events"].split()),
        "with_words": bool(row["has_words"]),
        "created_at": clock.text(row["created_at"]),
        "is_on": row["off_at"] is None,
        "off_at": clock.text_or_none(row["off_at"]),
        "failing_since": clock.text_or_none(row["failing_since"]),
        "problem": row["problem"] or None,
        "status": row["status"],
        "waiting": row["waiting"],
    }


def _shown_delivery(row: DeliveryRow) -> Delivery:
    is_over: Literal["given_up", "delivered"] = "given_up" if row["problem"] else "delivered"
    return {
        "id": row["id"],
        "event_id": row["key"],
        "type": row["type"],
        "at": clock.text(row["at"]),
        "state": "waiting" if row["done_at"] is None else is_over,
        "attempts": row["attempts"],
        "tried_at": clock.text_or_none(row["tried_at"]),
        "status": row["status"],
        "problem": row["problem"] or None,
    }
