"""Top-ups through a payment provider: asked for, and booked when the provider has the money."""

import logging
from collections.abc import Callable
from typing import Literal, NamedTuple

from chat import audit, clock, refunds, store
from chat.accounts import User
from chat.changes import Change, publish
from chat.database.connection import Connection
from chat.errors import Forbidden, IdempotencyMismatch, InvalidParameter, NotFound, TooManyTopUps, existing
from chat.money import LARGEST, Cents
from chat.providers.provider import Expired, Moved, Paid, Provider
from chat.runtime import Runtime
from chat.store.rows import PaymentRow
from chat.wire import Payment

# On the page of a person, the newest.
LISTED = 20
# So long a page of the provider is open, unless it says otherwise.
OPEN_MS = 24 * 60 * 60 * 1000

log = logging.getLogger(__name__)


class Refundable(NamedTuple):
    """A payment for an administrator, what can be sent back now (with `key` it is asked for again), and what
    should have gone back, and did not arrive."""

    payment: Payment
    rest: Cents
    key: str | None
    returned: Cents


def offered_by(runtime: Runtime) -> str:
    """The name of the provider through which clients can top up here, "" if there is none."""
    return runtime.provider.name if runtime.provider and runtime.settings.prepaid else ""


def create(
    runtime: Runtime,
    user: User,
    cents: int,
    key: str,
    back_to: Callable[[int], tuple[str, str]],
) -> tuple[Payment, bool]:
    """Ask the provider for a page where the client pays: (the payment, whether there was one with the key).

    `back_to` gives the addresses that the provider leads to from a payment: when it is made, and when not.
    What the provider did not answer is asked again with the same key. Raises NotFound without a provider,
    Forbidden, InvalidParameter, IdempotencyMismatch, PaymentRefused, PaymentUnavailable, TooManyTopUps,
    Overloaded.
    """
    provider = refunds.provider_of(runtime)
    if not offered_by(runtime):
        raise NotFound("Nobody pays in advance here.")
    if user.role != "client":
        raise Forbidden("Only clients have a balance.")
    if not 1 <= cents <= LARGEST:
        raise InvalidParameter(f"amount must be from {Cents(1)} to {Cents(LARGEST)}", field="amount")
    provider.units(Cents(cents))
    most = runtime.settings.open_top_ups

    def write(db: Connection) -> tuple[PaymentRow, bool]:
        earlier = store.payments.by_key(db, user.id, key)
        if earlier is not None:
            if earlier["amount_cents"] != cents:
                raise IdempotencyMismatch
            return earlier, True
        reference, now = refunds.new_reference(), store.server.now(db)
        began = store.payments.open_since(db, user.id, now - OPEN_MS)
        if len(began) >= most:
            seconds = (began[-most]["created_at"] + OPEN_MS - now) // 1000 + 1
            raise TooManyTopUps(f"{most} are open, the last for {seconds} s at most.", seconds)
        payment_id = store.payments.insert(db, user.id, provider.name, reference, cents, key, now)
        return existing(store.payments.by_id(db, payment_id)), False

    row, is_old = runtime.database.write(write)
    if row["url"] is None and show(runtime, user, row["id"])["status"] == "open":
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
        return details(db, row)

    return runtime.database.read(read)


def open_of(runtime: Runtime, user: User) -> list[Payment]:
    """What a client may still pay, oldest first."""

    def read(db: Connection) -> list[Payment]:
        since = store.server.now(db) - OPEN_MS
        return [details(db, row) for row in store.payments.open_since(db, user.id, since)]

    return runtime.database.read(read)


def of_client(runtime: Runtime, actor: User, user_id: int) -> list[Refundable]:
    """What this client paid through the provider, newest first; for administrators."""
    audit.only_administrators(actor)

    def read(db: Connection) -> list[Refundable]:
        balance = existing(store.users.by_id(db, user_id))["balance_cents"]
        found = []
        for row in store.payments.paid_by(db, user_id, LISTED):
            payment, pending = details(db, row), store.payments.pending_refund(db, row["id"])
            rest = min(balance, row["amount_cents"] - payment["paid_back"])
            cents = pending["amount_cents"] if pending else rest
            returned = Cents(store.payments.did_not_arrive(db, row["id"]), row["currency"])
            rest = Cents(cents, row["currency"])
            found.append(Refundable(payment, rest, pending and pending["key"], returned))
        return found

    return runtime.database.read(read)


def hear(runtime: Runtime, signature: str, content: bytes) -> None:
    """What the provider tells: each is booked once, however often it comes, and in whatever order.

    Raises NotFound without a provider, InvalidRequest for what the provider has not said, and
    PaymentUnavailable where it has to be asked for more, and does not answer: then it tells it again.
    """
    provider = refunds.provider_of(runtime)
    event, write = provider.event(signature, content), runtime.database.write
    if isinstance(event, Paid):
        publish(runtime, write(lambda db: _book(db, runtime, provider, event)))
        refunds.look(runtime, provider, write(lambda db: _reported(db, event.id)))
    elif isinstance(event, Expired):
        write(lambda db: store.payments.expire(db, event.reference, store.server.now(db)))
    elif isinstance(event, Moved):
        write(lambda db: store.payments.report(db, event.id))
        refunds.look(runtime, provider, write(lambda db: _reported(db, event.id)))


def details(db: Connection, row: PaymentRow) -> Payment:
    """A payment, on the wire."""
    is_over = row["expired_at"] is not None or row["created_at"] + OPEN_MS <= store.server.now(db)
    status: Literal["open", "paid", "expired"] = "expired" if is_over else "open"
    if row["ledger_id"] is not None:
        status = "paid"
    return {
        "id": row["id"],
        "status": status,
        "amount": Cents(row["amount_cents"], row["currency"]),
        "paid_back": Cents(store.payments.paid_back(db, row["id"]), row["currency"]),
        "currency": row["currency"],
        "url": row["url"] if status == "open" else None,
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
    changes, ledger_id = refunds.move(db, runtime, row, "top_up", asked, None, f"{provider.name} {paid.id}")
    assert ledger_id is not None  # It is more, and not less.
    store.payments.book(db, row["id"], paid.id, ledger_id, store.server.now(db))
    return changes


def _reported(db: Connection, provider_id: str) -> PaymentRow | None:
    """The payment of which something went back, once it is booked."""
    is_reported = store.payments.is_reported(db, provider_id)
    return store.payments.by_provider_id(db, provider_id) if is_reported else None
