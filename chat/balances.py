"""Prepaid balances, changed by hand: topped up, and paid back."""

from typing import Any

from chat.accounts import User
from chat.database import Connection
from chat.engine import Engine
from chat.errors import Forbidden, InsufficientBalance, InvalidParameter
from chat.money import Cents
from chat.receipts import entry
from chat.sessions import Change, found, publish, settle_each
from chat.store import ledger, server, users
from chat.store import sessions as stored


def of_user(engine: Engine, user: User, before_id: int, limit: int) -> dict[str, Any]:
    """What is left, and the newest ledger entries with lower ids."""

    def read(db: Connection) -> dict[str, Any]:
        rows = ledger.of_user(db, user.id, before_id, limit + 1)
        return {
            "balance": Cents(found(users.by_id(db, user.id))["balance_cents"]),
            "currency": engine.rules.currency,
            "ledger": [entry(row) for row in rows[:limit]],
            "has_more": len(rows) > limit,
        }

    balance: dict[str, Any] = engine.database.read(read)
    return balance


def change(engine: Engine, actor: User | None, user_id: int, kind: str, cents: int, reason: str) -> Cents:
    """Top up a client's balance or pay some of it back; returns what is left.

    `actor` is an administrator, or None at the server's console. Raises Forbidden, NotFound,
    InvalidParameter, InsufficientBalance.
    """
    if actor is not None and actor.role != "admin":
        raise Forbidden("Only an administrator changes balances.")
    if not 1 <= cents <= 100_000_000:
        raise InvalidParameter("amount must be from 0.01 to 1000000.00", field="amount")
    if not 1 <= len(reason.strip()) <= 500:
        raise InvalidParameter("reason must have 1 to 500 characters", field="reason")

    def store(db: Connection) -> tuple[int, list[Change | None]]:
        if found(users.by_id(db, user_id))["role"] != "client":
            raise InvalidParameter(f"user {user_id} is no client; only clients have a balance")
        # What the old balance did comes first.
        changes = settle_each(db, engine.rules, stored.active_of_users(db, [user_id]))
        amount = cents if kind == "top_up" else -cents
        actor_id = None if actor is None else actor.id
        if not ledger.append(db, user_id, kind, amount, actor_id, reason.strip(), server.now(db)):
            raise InsufficientBalance(f"The balance is below {Cents(cents)}.")
        return found(users.by_id(db, user_id))["balance_cents"], changes

    left, changes = engine.database.write(store)
    publish(engine, changes)
    return Cents(left)
