"""What a webhook is told of an event, and how that is signed: as Standard Webhooks (standardwebhooks.com) do.

Words only where it is to have them, and otherwise ids: whoever may know more asks the API.
"""

import hmac
import json
from base64 import b64encode
from collections.abc import Mapping
from time import gmtime, strftime
from typing import Any

from chat import books, clock, store
from chat.database.connection import Connection
from chat.errors import existing
from chat.money import Cents
from chat.store.rows import DeliveryRow, WebhookRow


def content(db: Connection, webhook: WebhookRow, delivery: DeliveryRow) -> bytes:
    """The body of a delivery, the same each time."""
    at = f"{strftime('%Y-%m-%dT%H:%M:%S', gmtime(delivery['at'] // 1000))}.{delivery['at'] % 1000:03d}Z"
    told = {"type": delivery["type"], "timestamp": at, "data": _data(db, webhook, delivery)}
    return json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode()


def signature(webhook: WebhookRow, key: str, sent_at: int, content: bytes) -> str:
    """At `sent_at` (s since 1970): with the secret, and for a while with the one before it, too."""
    secrets = [webhook["secret"]]
    if sent_at * 1000 < webhook["old_secret_until"]:
        secrets.append(webhook["old_secret"])
    signed = b"%s.%d.%s" % (key.encode(), sent_at, content)
    made = (b64encode(hmac.digest(secret, signed, "sha256")).decode() for secret in secrets)
    return " ".join(f"v1,{each}" for each in made)


def _data(db: Connection, webhook: WebhookRow, delivery: DeliveryRow) -> Mapping[str, object]:
    kind, subject_id = delivery["type"], delivery["subject_id"]
    if kind.startswith("message."):
        said: Mapping[str, object] = existing(store.messages.said(db, subject_id))
        names = ("id", "chat_session_id", "sender_type", "sender_id")
        words = {"message": said["message"]} if webhook["has_words"] else {}
        if said["attachment"]:
            words["attachment"] = said["attachment"]
        return {name: said[name] for name in names} | words
    if kind in ("receipt.issued", "receipt.credited"):
        return _of_books(db, subject_id)
    told: dict[str, object] = json.loads(delivery["data"])
    return told


def _of_books(db: Connection, sequence: int) -> dict[str, object]:
    """A receipt or a credit, in numbers."""
    row = store.books.by_sequence(db, sequence)
    said = books.read(row)
    told: dict[str, object] = {
        "number": row["number"],
        "chat_session_id": row["chat_session_id"],
        "client_id": said["client"]["id"],
        **{name: _amount(said, name) for name in ("total", "net", "vat")},
        "currency": said["currency"],
        "issued_at": clock.text(row["issued_at"]),
        "hash": row["hash"],
    }
    if row["kind"] == "credit":
        return {**told, "receipt": said["receipt"], "is_to_balance": said["is_to_balance"]}
    return {**told, "agent_id": said["agent"] and said["agent"]["id"]}


def _amount(said: Mapping[str, Any], name: str) -> float:
    """In units, with the decimals of its currency."""
    number: float = json.loads(str(Cents(said[f"{name}_cents"], said["currency"])))
    return number
