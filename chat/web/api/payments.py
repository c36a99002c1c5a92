"""Top-ups through a payment provider, and what the provider tells of them."""

from flask import Blueprint, Response, request, url_for

from chat import payments, refunds
from chat.accounts import User
from chat.errors import (
    BodyTooLarge,
    Forbidden,
    IdempotencyMismatch,
    InsufficientBalance,
    NotFound,
    Overloaded,
    PaymentRefused,
    PaymentUnavailable,
    TooManyTopUps,
)
from chat.runtime import Runtime
from chat.web.answer import json, personal
from chat.web.contract import Operation
from chat.web.request import Body, RequiredKey, Some, required_key
from chat.wire import Done, NewBalance, NewPayment, Payment

blueprint = Blueprint("payments", __name__)
PAYMENT = "/api/chat/payments/<payment_id>"
# What asking a provider may come to.
REFUSALS = (Forbidden, NotFound, IdempotencyMismatch, PaymentRefused, PaymentUnavailable, Overloaded)


class TopUp(Body):
    """What a client wants to pay."""

    amount: Some


class PayBack(Body):
    """What of a payment goes back."""

    amount: Some


@blueprint.post("/api/chat/payments")
@Operation(
    "A client begins to pay for a top-up; the header Idempotency-Key is a must",
    {201: NewPayment, 200: NewPayment},
    body=TopUp,
    headers=RequiredKey,
    refuses=(*REFUSALS, TooManyTopUps),
)
def create(runtime: Runtime, user: User, asked: TopUp) -> Response:
    payment, is_old = payments.create(runtime, user, asked.amount, required_key(), back_to)
    made: NewPayment = {"success": True, **payment}  # type: ignore[typeddict-item]
    if is_old:
        made["duplicate"] = True
    return personal(made, 200 if is_old else 201)


@blueprint.get(PAYMENT)
@Operation("Whether it is paid", {200: Payment})
def show(runtime: Runtime, user: User, payment_id: int) -> Response:
    return personal(payments.show(runtime, user, payment_id))


@blueprint.post(f"{PAYMENT}/refund")
@Operation(
    "An administrator sends some of it back through the provider; the header Idempotency-Key is a must",
    {201: NewBalance, 200: NewBalance},
    body=PayBack,
    headers=RequiredKey,
    refuses=(*REFUSALS, InsufficientBalance),
)
def refund(runtime: Runtime, user: User, payment_id: int, asked: PayBack) -> Response:
    left, is_old = refunds.pay_back(runtime, user, payment_id, asked.amount, required_key())
    changed: NewBalance = {"success": True, "balance": left}
    if is_old:
        return personal({**changed, "duplicate": True})
    return personal(changed, 201)


@blueprint.post("/api/payments/stripe")
@Operation(
    "What Stripe tells, signed; each is booked once",
    {200: Done},
    refuses=(BodyTooLarge, PaymentUnavailable, Overloaded),
    user=None,
)
def hear_stripe(runtime: Runtime) -> Response:
    limit = runtime.settings.max_body_bytes
    content = request.environ["wsgi.input"].read(limit + 1)
    if len(content) > limit:
        raise BodyTooLarge(f"At most {limit} bytes.")
    payments.hear(runtime, request.headers.get("Stripe-Signature", ""), content)
    return json({"success": True})


def back_to(payment_id: int) -> tuple[str, str]:
    """Where the provider leads to from a payment: when it is made, and when it is not."""
    success = url_for("paying.show", payment_id=payment_id, returned=1, _external=True)
    cancel = url_for("paying.show", payment_id=payment_id, notice="not_paid", _external=True)
    return success, cancel
