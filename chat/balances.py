"""Prepaid balances, changed by hand: topped up, and paid back."""

from typing import Literal

from chat import audit, store, texts
from chat.accounts import User
from chat.changes import Change, publish, settle_each, weigh_balance
from chat.database.connection import Connection
from chat.errors import (
    IdempotencyMismatch,
    InsufficientBalance,
    InvalidParameter,
    NotFound,
    existing,
)
from chat.money import LARGEST, Cents
from chat.receipts import entry
from chat.runtime import Runtime
from chat.store.rows import LedgerRow
from chat.wire import Balance

Kind = Literal["top_up", "refund"]


def of_user(runtime: Runtime, user: User, before_id: int, limit: int) -> Balance:
    """What is left, and the newest ledger entries with lower ids."""

    def read(db: Connection) -> Balance:
        rows = store.ledger.of_user(db, user.id, before_id, limit + 1)
        return {
            "balance": Cents(existing(store.users.by_id(db, user.id))["balance_cents"]),
            "currency": runtime.settings.currency,
            "ledger": [entry(row) for row in rows[:limit]],
            "has_more": len(rows) > limit,
        }

    return runtime.database.read(read)


def change(
    runtime: Runtime,
    actor: User | None,
    user_id: int,
    kind: Kind,
    cents: int,
    reason: str,
    key: str | None = None,
) -> tuple[Cents, bool]:
    """Top up a client's balance or pay some of it back: (what was left then, whether it was done before).

    `actor` is an administrator, or None at the server's console. What they did before with the `key` is not
    done again. Raises Forbidden, NotFound, InvalidParameter, InsufficientBalance, IdempotencyMismatch.
    """
    audit.only_administrators(actor)
    if not 1 <= cents <= LARGEST:
        raise InvalidParameter(f"amount must be from {Cents(1)} to {Cents(LARGEST)}", field="amount")
    reason = texts.checked(reason, "reason", 500)

    actor_id, amount = (None if actor is None else actor.id), (cents if kind == "top_up" else -cents)

    def write(db: Connection) -> tuple[int, list[Change] | None]:
        """(what is left, the changes or None if it was done before)."""
        earlier = store.ledger.by_key(db, actor_id, key) if key else None
        if earlier is not None:
            if (user_id, kind, amount, reason) != _content(earlier):
                raise IdempotencyMismatch
            return store.ledger.balance_after(db, earlier), None
        if existing(store.users.by_id(db, user_id))["role"] != "client":
            raise NotFound(f"User {user_id} is no client; only clients have a balance.")
        # What the old balance did comes first.
        changes = settle_each(db, runtime.settings, store.sessions.active_of_users(db, [user_id]))
        now = store.server.now(db)
        if store.ledger.append(db, user_id, kind, amount, actor_id, reason, now, key) is None:
            raise InsufficientBalance(f"The balance is below {Cents(cents)}.")
        changes += weigh_balance(db, runtime.settings, user_id)
        audit.note(db, actor, kind, user_id, detail=f"{Cents(cents)} {runtime.settings.currency}")
        return existing(store.users.by_id(db, user_id))["balance_cents"], changes

    left, changes = runtime.database.write(write)
    publish(runtime, changes or ())
    return Cents(left), changes is None


def _content(entry: LedgerRow) -> tuple[int, str, int, str]:
    """What was asked for."""
    return entry["user_id"], entry["kind"], entry["amount_cents"], entry["reason"]
