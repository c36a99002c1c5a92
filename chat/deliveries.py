"""What webhooks are told: queued for each by the process that leads, and sent in order.

An event is queued once, and sent until it has arrived or is too old: whoever sends may send the same a second
time, after a crash, with the same id.
"""

import logging
import ssl
import threading
from contextlib import suppress
from http.client import HTTPException
from socket import gaierror
from time import monotonic
from typing import NamedTuple
from urllib.parse import urlsplit

from chat import clock, payloads, store
from chat.background import Background
from chat.database import native
from chat.database.connection import Connection
from chat.errors import Problem
from chat.outbox import DAY_MS, pause_seconds
from chat.providers.exchange import Answer, NotPublic, exchange
from chat.runtime import Runtime
from chat.store.rows import DeliveryRow, HookProblem, WebhookRow
from chat.version import VERSION

# How long a receiver may take, and how much of what it answers is read: nothing of it is looked at.
SECONDS = 10.0
LARGEST_ANSWER = 1000
# A thread for each, so that none waits for another's receiver.
MOST_WEBHOOKS = 20
# So many messages are queued in one transaction, which keeps sends waiting for a few ms.
QUEUED_TOGETHER = 200
# Of one that is being sent nothing is heard for so long: its process has died.
CLAIM_MS = 120_000
# An event that has not arrived by then is given up; a webhook that has taken none for so long is turned off.
AGE_MS = DAY_MS
OFF_MS = 3 * DAY_MS
# What is done can be looked at for so long.
KEPT_MS = 7 * DAY_MS
FORGOTTEN_TOGETHER = 100
GONE = 410

log = logging.getLogger(__name__)


class Outcome(NamedTuple):
    """How an attempt went: without a problem it has arrived."""

    status: int | None = None
    problem: HookProblem | None = None
    retry_after: int | None = None


class Deliveries(Background):
    """Sends what `look` finds, on threads of its own."""

    later, failed = "Webhooks go on later", "Webhooks failed, and go on"

    def __init__(self, runtime: Runtime) -> None:
        super().__init__(runtime)
        self._pool = native.Pool(MOST_WEBHOOKS, MOST_WEBHOOKS)

    def look(self) -> None:
        """Queue what is new, forget what is old; for the process that leads, once a second."""
        database = self._runtime.database
        now = database.read(store.server.now)
        while database.read(store.deliveries.are_news) and not self._stopped:
            database.write(lambda db: store.deliveries.queue(db, QUEUED_TOGETHER, now + AGE_MS))
        if old := database.read(lambda db: store.deliveries.old(db, now - KEPT_MS, FORGOTTEN_TOGETHER)):
            database.write(lambda db: store.deliveries.delete(db, old))
        if database.read(lambda db: store.webhooks.are_due(db, now)):
            super().look()

    def _work(self) -> None:
        for webhook_id in self._runtime.database.write(_claim):
            threading.Thread(target=self._send_all, args=(webhook_id,), daemon=True).start()

    def _send_all(self, webhook_id: int) -> None:
        """What waits for one webhook, until something does not arrive."""
        with suppress(Problem):
            while not self._stopped and self._send_next(webhook_id):
                pass
            self._runtime.database.write(
                lambda db: store.webhooks.update(db, webhook_id, {"claimed_until": 0})
            )

    def _send_next(self, webhook_id: int) -> bool:
        """Whether there was something, and it arrived."""
        database = self._runtime.database
        webhook, delivery = database.read(lambda db: _next(db, webhook_id))
        if webhook is None or delivery is None:
            return False
        outcome = self._try(webhook, delivery)
        database.write(lambda db: _note(db, webhook, delivery, outcome))
        return outcome.problem is None

    def _try(self, webhook: WebhookRow, delivery: DeliveryRow) -> Outcome:
        begun = monotonic()
        try:
            content = self._runtime.database.read(lambda db: payloads.content(db, webhook, delivery))
            answer = self._pool.call(lambda: self._send(webhook, delivery, content))
        except Problem:
            raise
        except Exception as error:
            is_late = monotonic() - begun >= SECONDS
            return Outcome(problem="timeout" if is_late else _problem(webhook, error))
        if 200 <= answer.status < 300:
            return Outcome(answer.status)
        return Outcome(answer.status, "status", answer.retry_after())

    def _send(self, webhook: WebhookRow, delivery: DeliveryRow, content: bytes) -> Answer:
        """On a native thread."""
        sent_at = clock.wall() // 1000
        headers = {
            "Content-Type": "application/json",
            "User-Agent": f"tete-a-tete/{VERSION}",
            "webhook-id": delivery["key"],
            "webhook-timestamp": str(sent_at),
            "webhook-signature": payloads.signature(webhook, delivery["key"], sent_at, content),
        }
        only_public = not self._runtime.settings.webhooks_anywhere
        return exchange("POST", webhook["url"], content, headers, SECONDS, only_public, LARGEST_ANSWER)


def _claim(db: Connection) -> list[int]:
    now = store.server.now(db)
    return store.webhooks.claim(db, now, now + CLAIM_MS)


def _next(db: Connection, webhook_id: int) -> tuple[WebhookRow | None, DeliveryRow | None]:
    return store.webhooks.on(db, webhook_id), store.deliveries.first(db, webhook_id)


def _note(db: Connection, webhook: WebhookRow, delivery: DeliveryRow, outcome: Outcome) -> None:
    """Keep how it went, when it is tried again, and whether it still is."""
    now, problem = store.server.now(db), outcome.problem or ""
    changed: dict[str, object] = {"failing_since": None, "claimed_until": now + CLAIM_MS}
    is_done = outcome.problem is None
    if not is_done:
        since = webhook["failing_since"] or now
        due_at = now + round(pause_seconds(delivery["attempts"] + 1, outcome.retry_after) * 1000)
        changed = {"failing_since": since, "due_at": due_at, "claimed_until": 0}
        is_done = due_at > delivery["until_at"]
        if outcome.status == GONE or now - since >= OFF_MS:
            changed["off_at"] = now
        _log(webhook, outcome, "off_at" in changed)
    store.deliveries.note(db, delivery["id"], now, outcome.status, problem, is_done)
    changed |= {"problem": problem, "status": outcome.status if problem else None}
    store.webhooks.update(db, webhook["id"], changed)


def _log(webhook: WebhookRow, outcome: Outcome, is_off: bool) -> None:
    """The first failure, and the last."""
    what = f"Webhook {webhook['id']} at {urlsplit(webhook['url']).hostname}"
    why = f"{outcome.problem} {outcome.status or ''}".rstrip()
    if is_off:
        log.error("%s is turned off: %s", what, why)
    elif webhook["failing_since"] is None:
        log.warning("%s fails, and is tried again: %s", what, why)


def _problem(webhook: WebhookRow, error: Exception) -> HookProblem:
    if isinstance(error, NotPublic):
        return "private"
    if isinstance(error, TimeoutError):
        return "timeout"
    if isinstance(error, gaierror):
        return "unknown_host"
    if isinstance(error, ssl.SSLError):
        return "tls"
    if isinstance(error, OSError):
        return "unreachable"
    if isinstance(error, HTTPException | ValueError):
        return "no_http"
    log.error("Webhook %d cannot be told", webhook["id"], exc_info=error)
    return "failed"
