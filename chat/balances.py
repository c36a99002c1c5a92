"""Prepaid balances, changed by hand: topped up, and paid back."""

from typing import Literal

from chat import store, texts
from chat.accounts import User
from chat.changes import Change, publish, settle_each
from chat.database.connection import Connection
from chat.errors import Forbidden, InsufficientBalance, InvalidParameter, NotFound, existing
from chat.money import LARGEST, Cents
from chat.receipts import entry
from chat.runtime import Runtime
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


def change(runtime: Runtime, actor: User | None, user_id: int, kind: Kind, cents: int, reason: str) -> Cents:
    """Top up a client's balance or pay some of it back; returns what is left.

    `actor` is an administrator, or None at the server's console. Raises Forbidden, NotFound,
    InvalidParameter, InsufficientBalance.
    """
    if actor is not None and actor.role != "admin":
        raise Forbidden("Only an administrator changes balances.")
    if not 1 <= cents <= LARGEST:
        raise InvalidParameter(f"amount must be from {Cents(1)} to {Cents(LARGEST)}", field="amount")
    reason = texts.checked(reason, "reason", 500)

    def write(db: Connection) -> tuple[int, list[Change]]:
        if existing(store.users.by_id(db, user_id))["role"] != "client":
            raise NotFound(f"User {user_id} is no client; only clients have a balance.")
        # What the old balance did comes first.
        changes = settle_each(db, runtime.settings, store.sessions.active_of_users(db, [user_id]))
        amount = cents if kind == "top_up" else -cents
        actor_id = None if actor is None else actor.id
        if not store.ledger.append(db, user_id, kind, amount, actor_id, reason, store.server.now(db)):
            raise InsufficientBalance(f"The balance is below {Cents(cents)}.")
        return existing(store.users.by_id(db, user_id))["balance_cents"], changes

    left, changes = runtime.database.write(write)
    publish(runtime, changes)
    return Cents(left)
