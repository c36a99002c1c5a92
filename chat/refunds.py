"""What of a payment goes back through its provider, whoever asked for it."""

import logging
import secrets
from collections.abc import Sequence

from chat import audit, store, texts
from chat.accounts import User
from chat.changes import Change, publish, settle_each, weigh_balance
from chat.database.connection import Connection
from chat.errors import (
    IdempotencyMismatch,
    InsufficientBalance,
    InvalidParameter,
    NotFound,
    PaymentRefused,
    existing,
)
from chat.money import Cents
from chat.providers.provider import PaidBack, Provider
from chat.runtime import Runtime
from chat.store.rows import PaidBackRow, PaymentRow

log = logging.getLogger(__name__)


def pay_back(runtime: Runtime, actor: User, payment_id: int, cents: int, key: str) -> tuple[Cents, bool]:
    """Send some of a payment back through the provider: (what is left, whether it was done before).

    The balance is written first: what the provider did not answer stays taken, and is asked again with the
    same key; only what it refuses is given back. Raises NotFound, Forbidden, InvalidParameter,
    IdempotencyMismatch, InsufficientBalance, PaymentRefused, PaymentUnavailable, Overloaded.
    """
    audit.only_administrators(actor)
    provider = provider_of(runtime)

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
    if changes is None and refund["status"] == "pending":
        # It may have been done, longer ago than the provider remembers the key.
        look(runtime, provider, payment)
        refund = runtime.database.read(lambda db: existing(store.payments.refund_by_key(db, payment_id, key)))
    _ask_back(runtime, provider, payment, refund)
    return Cents(runtime.database.read(lambda db: _balance(db, payment))), changes is None


def look(runtime: Runtime, provider: Provider, payment: PaymentRow | None) -> None:
    """Book what has gone back of it, as the provider has it now: what it tells may be old, or out of order.

    Raises PaymentUnavailable, Overloaded.
    """
    if payment is not None:
        sent = provider.paid_back(payment["provider_id"] or "")
        publish(runtime, runtime.database.write(lambda db: _catch_up(db, runtime, provider, payment, sent)))


def provider_of(runtime: Runtime) -> Provider:
    """Raises NotFound where there is none."""
    if runtime.provider is None:
        raise NotFound("There is no payment provider here.")
    return runtime.provider


def move(
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


def new_reference() -> str:
    """What the provider knows something of ours by; ids would come again after a restored backup."""
    return secrets.token_urlsafe(24)


def _ask_back(runtime: Runtime, provider: Provider, payment: PaymentRow, refund: PaidBackRow) -> None:
    """Until the provider has said yes or no; raises PaymentRefused, PaymentUnavailable, Overloaded."""
    if refund["status"] == "refused":
        raise PaymentRefused
    if refund["status"] == "pending":
        amount = Cents(refund["amount_cents"], payment["currency"])
        try:
            sent = provider.pay_back(payment["provider_id"] or "", amount, refund["reference"])
        except PaymentRefused:
            publish(
                runtime, runtime.database.write(lambda db: _give_back(db, runtime, payment, refund, None))
            )
            raise
        runtime.database.write(lambda db: store.payments.finish(db, refund["id"], "done", sent))


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
    reference = new_reference()
    changes, ledger_id = move(
        db, runtime, row, "refund", -cents, actor_id, f"{provider.name} {row['provider_id']}"
    )
    if ledger_id is None:
        raise InsufficientBalance(f"The balance is below {Cents(cents)}.")
    now = store.server.now(db)
    store.payments.insert_refund(db, row["id"], reference, cents, "pending", actor_id, key, ledger_id, now)
    return changes


def _catch_up(
    db: Connection, runtime: Runtime, provider: Provider, payment: PaymentRow, sent: Sequence[PaidBack]
) -> list[Change]:
    """What went back, or failed to, and we do not know of yet."""
    changes = list[Change]()
    for each in sent:
        cents = min(provider.cents(each.units, payment["currency"]), payment["amount_cents"])
        refund = store.payments.refund_of(db, payment["id"], each.id, each.reference, cents)
        if refund is None:
            changes += _take_sent(db, runtime, provider, payment, each, cents)
        elif each.has_failed:
            changes += _give_back(db, runtime, payment, refund, each.id)
        else:
            store.payments.finish(db, refund["id"], "done", each.id)
    return changes


def _take_sent(
    db: Connection, runtime: Runtime, provider: Provider, row: PaymentRow, sent: PaidBack, cents: int
) -> list[Change]:
    """Sent back at the provider itself: out of the balance, as far as there is one.

    Of what the client has used nothing can be taken, and nothing is for what has failed.
    """
    changes = _settle(db, runtime, row)
    taken, ledger_id = (0 if sent.has_failed else min(cents, _balance(db, row))), None
    if taken < cents and not sent.has_failed:
        log.error(
            "%s sent %s of payment %s back; the balance had %s",
            *(provider.name, Cents(cents, row["currency"]), row["id"], Cents(taken, row["currency"])),
        )
    if taken:
        reason = f"{provider.name} {row['provider_id']}"
        moved, ledger_id = move(db, runtime, row, "refund", -taken, None, reason)
        changes += moved
    status, reference, now = "refused" if sent.has_failed else "done", new_reference(), store.server.now(db)
    store.payments.insert_refund(
        db, row["id"], reference, cents, status, None, reference, ledger_id, now, sent.id
    )
    return changes


def _give_back(
    db: Connection, runtime: Runtime, row: PaymentRow, refund: PaidBackRow, sent_id: str | None
) -> list[Change]:
    """The provider refused, or a bank did later: the client has again what was taken for it, once."""
    if not store.payments.finish(db, refund["id"], "refused", sent_id):
        return []
    taken = 0 if refund["ledger_id"] is None else -store.ledger.amount(db, refund["ledger_id"])
    log.error(
        "%s: of payment %s nothing was sent back by %r; %s is on the balance again",
        *(row["provider"], row["id"], sent_id or refund["reference"], Cents(taken, row["currency"])),
    )
    if not taken:
        return []
    reason = f"{row['provider']} did not send {row['provider_id']} back"
    return move(db, runtime, row, "top_up", taken, refund["actor_id"], reason)[0]


def _settle(db: Connection, runtime: Runtime, row: PaymentRow) -> list[Change]:
    """What the old balance did comes first."""
    return settle_each(db, runtime.settings, store.sessions.active_of_users(db, [row["user_id"]]))


def _balance(db: Connection, row: PaymentRow) -> int:
    return existing(store.users.by_id(db, row["user_id"]))["balance_cents"]
