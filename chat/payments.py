"""Top-ups through a payment provider: asked for, booked when the provider has the money, and sent back."""

import logging
import secrets
from collections.abc import Callable
from typing import NamedTuple

from chat import audit, clock, store, texts
from chat.accounts import User
from chat.changes import Change, publish, settle_each, weigh_balance
from chat.database.connection import Connection
from chat.errors import (
    Forbidden,
    IdempotencyMismatch,
    InsufficientBalance,
    InvalidParameter,
    NotFound,
    PaymentRefused,
    existing,
)
from chat.money import LARGEST, Cents
from chat.providers.provider import Paid, PaidBack, Provider
from chat.runtime import Runtime
from chat.store.rows import PaidBackRow, PaymentRow
from chat.wire import Payment

# On the page of a person, the newest.
LISTED = 20

log = logging.getLogger(__name__)


class Refundable(NamedTuple):
    """A payment for an administrator, and what can be sent back now: with `key` it is asked for again."""

    payment: Payment
    rest: Cents
    key: str | None


def offered_by(runtime: Runtime) -> str:
    """The name of the provider through which clients can top up here, "" if there is none."""
    return runtime.provider.name if runtime.provider and runtime.settings.prepaid else ""


def create(
    runtime: Runtime,
    user: User,
    cents: int,
    key: str | None,
    back_to: Callable[[int], tuple[str, str]],
) -> tuple[Payment, bool]:
    """Ask the provider for a page where the client pays: (the payment, whether there was one with the key).

    `back_to` gives the addresses that the provider leads to from a payment: when it is made, and when not.
    What the provider did not answer is asked again with the same key. Raises NotFound without a provider,
    Forbidden, InvalidParameter, IdempotencyMismatch, PaymentRefused, PaymentUnavailable, Overloaded.
    """
    provider = _provider(runtime)
    if not offered_by(runtime):
        raise NotFound("Nobody pays in advance here.")
    if user.role != "client":
        raise Forbidden("Only clients have a balance.")
    if not 1 <= cents <= LARGEST:
        raise InvalidParameter(f"amount must be from {Cents(1)} to {Cents(LARGEST)}", field="amount")
    provider.units(Cents(cents))

    def write(db: Connection) -> tuple[PaymentRow, bool]:
        earlier = store.payments.by_key(db, user.id, key) if key else None
        if earlier is not None:
            if earlier["amount_cents"] != cents:
                raise IdempotencyMismatch
            return earlier, True
        reference, now = secrets.token_urlsafe(24), store.server.now(db)
        payment_id = store.payments.insert(db, user.id, provider.name, reference, cents, key, now)
        return existing(store.payments.by_id(db, payment_id)), False

    row, is_old = runtime.database.write(write)
    if row["url"] is None:
        amount = Cents(row["amount_cents"], row["currency"])
        made = provider.check_out(row["reference"], amount, *back_to(row["id"]))
        runtime.database.write(lambda db: store.payments.begin(db, row["id"], made.id, made.url))
    return show(runtime, user, row["id"]), is_old


def show(runtime: Runtime, user: User, payment_id: int) -> Payment:
    """A client's own; raises NotFound."""

    def read(db: Connection) -> Payment:
        row = existing(store.payments.by_id(db, payment_id))
        if row["user_id"] != user.id:
            raise NotFound
        return _details(db, row)

    return runtime.database.read(read)


def of_client(runtime: Runtime, actor: User, user_id: int) -> list[Refundable]:
    """What this client paid through the provider, newest first; for administrators."""
    if actor.role != "admin":
        raise Forbidden

    def read(db: Connection) -> list[Refundable]:
        balance = existing(store.users.by_id(db, user_id))["balance_cents"]
        found = []
        for row in store.payments.paid_by(db, user_id, LISTED):
            payment, pending = _details(db, row), store.payments.pending_refund(db, row["id"])
            rest = min(balance, row["amount_cents"] - payment["paid_back"])
            cents = pending["amount_cents"] if pending else rest
            found.append(Refundable(payment, Cents(cents, row["currency"]), pending and pending["key"]))
        return found

    return runtime.database.read(read)


def hear(runtime: Runtime, signature: str, content: bytes) -> None:
    """What the provider tells: each is booked once, however often it comes, and in whatever order.

    Raises NotFound without a provider, InvalidRequest for what the provider has not said.
    """
    provider = _provider(runtime)
    event = provider.event(signature, content)
    if isinstance(event, Paid):
        publish(runtime, runtime.database.write(lambda db: _book(db, runtime, provider, event)))
    elif isinstance(event, PaidBack):
        publish(runtime, runtime.database.write(lambda db: _hear_paid_back(db, runtime, provider, event)))


def pay_back(
    runtime: Runtime, actor: User, payment_id: int, cents: int, key: str | None
) -> tuple[Cents, bool]:
    """Send some of a payment back through the provider: (what is left, whether it was done before).

    The balance is written first: what the provider did not answer stays taken, and is asked again with the
    same key; only what it refuses is given back. Raises NotFound, Forbidden, InvalidParameter,
    IdempotencyMismatch, InsufficientBalance, PaymentRefused, PaymentUnavailable, Overloaded.
    """
    provider = _provider(runtime)
    if actor.role != "admin":
        raise Forbidden("Only an administrator pays back.")
    key = key or secrets.token_urlsafe(16)

    def take(db: Connection) -> tuple[PaymentRow, PaidBackRow, list[Change] | None]:
        payment = existing(store.payments.by_id(db, payment_id))
        earlier, changes = store.payments.refund_by_key(db, payment_id, key), None
        if earlier is None:
            changes = _take(db, runtime, provider, payment, cents, actor.id, key)
            earlier = existing(store.payments.refund_by_key(db, payment_id, key))
            detail = f"{Cents(cents)} {payment['currency']}"
            audit.note(db, actor, "sent_back", payment["user_id"], detail=detail)
        elif earlier["amount_cents"] != cents:
            raise IdempotencyMismatch
        return payment, earlier, changes

    payment, refund, changes = runtime.database.write(take)
    publish(runtime, changes or ())
    _ask_back(runtime, provider, payment, refund)
    return Cents(runtime.database.read(lambda db: _balance(db, payment))), changes is None


def _ask_back(runtime: Runtime, provider: Provider, payment: PaymentRow, refund: PaidBackRow) -> None:
    """Until the provider has said yes or no; raises PaymentRefused, PaymentUnavailable, Overloaded."""
    if refund["status"] == "refused":
        raise PaymentRefused
    if refund["status"] == "pending":
        amount = Cents(refund["amount_cents"], payment["currency"])
        try:
            provider.pay_back(payment["provider_id"] or "", amount, refund["reference"])
        except PaymentRefused:
            publish(runtime, runtime.database.write(lambda db: _give_back(db, runtime, payment, refund)))
            raise
        runtime.database.write(lambda db: store.payments.finish(db, refund["id"], "done"))


def _provider(runtime: Runtime) -> Provider:
    if runtime.provider is None:
        raise NotFound("There is no payment provider here.")
    return runtime.provider


def _details(db: Connection, row: PaymentRow) -> Payment:
    return {
        "id": row["id"],
        "status": "open" if row["ledger_id"] is None else "paid",
        "amount": Cents(row["amount_cents"], row["currency"]),
        "paid_back": Cents(store.payments.paid_back(db, row["id"]), row["currency"]),
        "currency": row["currency"],
        "url": row["url"],
        "provider": row["provider"],
        "created_at": clock.text(row["created_at"]),
    }


def _book(db: Connection, runtime: Runtime, provider: Provider, paid: Paid) -> list[Change]:
    """Once, to whom we asked for it, and only what we asked for."""
    row = store.payments.by_reference(db, paid.reference)
    if row is None:
        log.error("%s: %r was paid, with a reference that is not here", provider.name, paid.id)
        return []
    if row["ledger_id"] is not None:
        if row["provider_id"] != paid.id:
            log.error("%s: payment %s was paid twice, also as %r", provider.name, row["id"], paid.id)
        return []
    asked = Cents(row["amount_cents"], row["currency"])
    is_as_asked = (paid.units, paid.currency) == (provider.units(asked), asked.currency)
    is_ours = asked.currency == store.server.currency(db)
    if not (is_as_asked and is_ours) or store.payments.by_provider_id(db, paid.id):
        log.error("%s: payment %s is not what was asked for: %r", provider.name, row["id"], paid)
        return []
    changes, ledger_id = _move(db, runtime, row, "top_up", asked, None, f"{provider.name} {paid.id}")
    assert ledger_id is not None  # It is more, and not less.
    store.payments.book(db, row["id"], paid.id, ledger_id, store.server.now(db))
    booked = existing(store.payments.by_id(db, row["id"]))
    return changes + _catch_up(db, runtime, provider, booked)


def _hear_paid_back(db: Connection, runtime: Runtime, provider: Provider, event: PaidBack) -> list[Change]:
    store.payments.report(db, event.id, event.units)
    row = store.payments.by_provider_id(db, event.id)
    return _catch_up(db, runtime, provider, row) if row else []


def _catch_up(db: Connection, runtime: Runtime, provider: Provider, row: PaymentRow) -> list[Change]:
    """What the provider says to have gone back, and we do not know of: it goes out of the balance.

    As far as there is one: of what the client has used, nothing can be taken.
    """
    reported = provider.cents(store.payments.reported(db, row["provider_id"] or ""), row["currency"])
    known = store.payments.paid_back(db, row["id"])
    if reported >= known:
        store.payments.finish_all(db, row["id"])
    missing = min(reported, row["amount_cents"]) - known
    if missing <= 0:
        return []
    changes = _settle(db, runtime, row)
    cents, ledger_id, reference = min(missing, _balance(db, row)), None, secrets.token_urlsafe(24)
    if cents < missing:
        log.error(
            "%s sent %s of payment %s back; the balance had %s", provider.name, missing, row["id"], cents
        )
    if cents:
        moved, ledger_id = _move(
            db, runtime, row, "refund", -cents, None, f"{provider.name} {row['provider_id']}"
        )
        changes += moved
    now = store.server.now(db)
    store.payments.insert_refund(db, row["id"], reference, missing, "done", None, reference, ledger_id, now)
    return changes


def _take(
    db: Connection,
    runtime: Runtime,
    provider: Provider,
    row: PaymentRow,
    cents: int,
    actor_id: int,
    key: str,
) -> list[Change]:
    """Out of the balance, before the provider is asked."""
    rest = row["amount_cents"] - store.payments.paid_back(db, row["id"])
    if row["ledger_id"] is None or not 1 <= cents <= rest:
        raise InvalidParameter(
            f"amount: {Cents(rest if row['ledger_id'] else 0)} of it are left", field="amount"
        )
    provider.units(Cents(cents, row["currency"]))
    reference = secrets.token_urlsafe(24)
    changes, ledger_id = _move(
        db, runtime, row, "refund", -cents, actor_id, f"{provider.name} {row['provider_id']}"
    )
    if ledger_id is None:
        raise InsufficientBalance(f"The balance is below {Cents(cents)}.")
    now = store.server.now(db)
    store.payments.insert_refund(db, row["id"], reference, cents, "pending", actor_id, key, ledger_id, now)
    return changes


def _give_back(db: Connection, runtime: Runtime, row: PaymentRow, refund: PaidBackRow) -> list[Change]:
    """The provider refused: the client has it again, but for what went back in another way."""
    if not store.payments.finish(db, refund["id"], "refused"):
        return []
    provider = _provider(runtime)
    reason = f"{provider.name} did not send {row['provider_id']} back"
    changes, _ = _move(db, runtime, row, "top_up", refund["amount_cents"], refund["actor_id"], reason)
    return changes + _catch_up(db, runtime, provider, row)


def _settle(db: Connection, runtime: Runtime, row: PaymentRow) -> list[Change]:
    """What the old balance did comes first."""
    return settle_each(db, runtime.settings, store.sessions.active_of_users(db, [row["user_id"]]))


def _move(
    db: Connection,
    runtime: Runtime,
    row: PaymentRow,
    kind: str,
    cents: int,
    actor_id: int | None,
    reason: str,
) -> tuple[list[Change], int | None]:
    """A change of the payer's balance: (what is to be told, the ledger's entry or None for want of money)."""
    changes, user_id = _settle(db, runtime, row), row["user_id"]
    reason = texts.checked(reason, "reason", 500)
    ledger_id = store.ledger.append(db, user_id, kind, int(cents), actor_id, reason, store.server.now(db))
    return changes + weigh_balance(db, runtime.settings, user_id), ledger_id


def _balance(db: Connection, row: PaymentRow) -> int:
    return existing(store.users.by_id(db, row["user_id"]))["balance_cents"]
