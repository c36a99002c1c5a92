"""Stripe Checkout, by its documented HTTP."""

import hmac
import json
import logging
from collections.abc import Mapping
from http.client import HTTPException
from typing import Any, TypeGuard
from urllib.parse import urlencode

from chat import clock
from chat.database import native
from chat.errors import InvalidParameter, InvalidRequest, PaymentRefused, PaymentUnavailable
from chat.money import Cents, decimals
from chat.providers.exchange import exchange
from chat.providers.provider import Checkout, Event, Expired, Moved, Paid, PaidBack
from chat.settings import Settings

# Calls at a time in one process, and waiting.
THREADS = 4
QUEUE = 50
TOLERANCE_MS = 300_000
NONE: Mapping[str, str] = {}
# The same may be asked again: it may have been done, or will be.
UNDECIDED = (408, 409, 425, 429)
FAILED = ("failed", "canceled")
REFUND_EVENTS = (
    *("charge.refunded", "charge.refund.updated"),
    *("refund.created", "refund.updated", "refund.failed"),
)
PAID_EVENTS = ("checkout.session.completed", "checkout.session.async_payment_succeeded")
# Its count of decimals is not always ISO 4217's.
WITHOUT_DECIMALS = frozenset(
    ("BIF", "CLP", "DJF", "GNF", "JPY", "KMF", "KRW", "MGA", "PYG", "RWF", "VND", "VUV", "XAF", "XOF", "XPF")
)
# With the last of the three 0.
WITH_THREE = frozenset(("BHD", "JOD", "KWD", "OMR", "TND"))

log = logging.getLogger(__name__)


class Stripe:
    """One account; see chat.providers.provider.Provider."""

    name = "Stripe"

    def __init__(self, settings: Settings) -> None:
        self._key, self._secret = settings.stripe_secret_key, settings.stripe_webhook_secret
        self._url, self._seconds = settings.stripe_url, settings.stripe_seconds
        self._pool = native.Pool(THREADS, QUEUE)

    def check_out(self, reference: str, amount: Cents, success_url: str, cancel_url: str) -> Checkout:
        item = "line_items[0]"
        content = {
            "mode": "payment",
            "client_reference_id": reference,
            f"{item}[quantity]": "1",
            f"{item}[price_data][currency]": amount.currency.lower(),
            f"{item}[price_data][unit_amount]": str(self.units(amount)),
            f"{item}[price_data][product_data][name]": "Tête-à-tête",
            "success_url": success_url,
            "cancel_url": cancel_url,
        }
        made = self._post("/v1/checkout/sessions", content, reference)
        checkout_id, url = made.get("id"), made.get("url")
        # It becomes a link of our page.
        if not (isinstance(checkout_id, str) and _is_address(url, self._url)):
            log.error("Stripe made a checkout without an id or an address")
            raise PaymentUnavailable
        return Checkout(checkout_id, url)

    def pay_back(self, payment_id: str, amount: Cents, reference: str) -> str:
        content = {
            "payment_intent": payment_id,
            "amount": str(self.units(amount)),
            "metadata[reference]": reference,
        }
        made = self._post("/v1/refunds", content, reference)
        if made.get("status") in FAILED:
            raise PaymentRefused
        return str(made.get("id"))

    def paid_back(self, payment_id: str) -> list[PaidBack]:
        found, query = list[PaidBack](), {"payment_intent": payment_id, "limit": "100"}
        while True:
            try:
                listed = self._call("GET", f"/v1/refunds?{urlencode(query)}")
                found += [_paid_back(each) for each in listed["data"]]
            except (PaymentRefused, KeyError, TypeError, ValueError):
                log.error("Stripe does not say what went back of a payment")
                raise PaymentUnavailable from None
            if not (listed.get("has_more") and found):
                return found
            query["starting_after"] = found[-1].id

    def event(self, signature: str, content: bytes) -> Event:
        self._check(signature, content)
        try:
            told = json.loads(content)
            kind, what = told["type"], told["data"]["object"]
            if kind in PAID_EVENTS and what["payment_status"] == "paid" and what["client_reference_id"]:
                reference, paid_id, units, currency = (
                    what[name]
                    for name in ("client_reference_id", "payment_intent", "amount_total", "currency")
                )
                return Paid(_text(reference), _text(paid_id), _whole(units), _text(currency).upper())
            if kind == "checkout.session.expired" and what["client_reference_id"]:
                return Expired(_text(what["client_reference_id"]))
            if kind in REFUND_EVENTS and what["payment_intent"]:
                return Moved(_text(what["payment_intent"]))
        except (KeyError, TypeError, ValueError):
            raise InvalidRequest("The event is not as Stripe documents it.") from None
        return None

    def units(self, amount: Cents) -> int:
        shift = _decimals(amount.currency) - decimals(amount.currency)
        units, rest = divmod(amount * 10 ** max(0, shift), 10 ** max(0, -shift))
        if rest or (amount.currency in WITH_THREE and units % 10):
            raise InvalidParameter(f"amount: Stripe takes no {amount} {amount.currency}", field="amount")
        return int(units)

    def cents(self, units: int, currency: str) -> Cents:
        shift = _decimals(currency) - decimals(currency)
        return Cents(units * 10 ** max(0, -shift) // 10 ** max(0, shift), currency)

    def close(self) -> None:
        self._pool.close()

    def _check(self, signature: str, content: bytes) -> None:
        """Raises InvalidRequest for what Stripe has not signed in the last five minutes."""
        pairs = [each.strip().partition("=")[::2] for each in signature.split(",")]
        at = next((value for name, value in pairs if name == "t"), "")
        expected = hmac.digest(self._secret.encode(), b"%b.%b" % (at.encode(), content), "sha256").hex()
        signed = [
            hmac.compare_digest(expected.encode(), value.encode()) for name, value in pairs if name == "v1"
        ]
        if not any(signed) or not (at.isascii() and at.isdigit() and len(at) < 12):
            raise InvalidRequest("Stripe-Signature is missing, or not of this content.")
        if abs(clock.wall() - int(at) * 1000) > TOLERANCE_MS:
            raise InvalidRequest("Stripe-Signature is of another time; is the machine's clock right?")

    def _post(self, path: str, content: dict[str, str], key: str) -> dict[str, Any]:
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Idempotency-Key": key}
        return self._call("POST", path, urlencode(content).encode(), headers)

    def _call(
        self, method: str, path: str, content: bytes | None = None, headers: Mapping[str, str] = NONE
    ) -> dict[str, Any]:
        """What it answers; raises PaymentRefused, PaymentUnavailable, Overloaded."""
        status, answer = self._pool.call(lambda: self._exchange(method, path, content, headers))
        try:
            found = json.loads(answer)
            error = found.get("error") or {}
            said = f"{status} {error.get('type')} {error.get('code')}"
        except (ValueError, AttributeError):
            found, said = None, f"{status} without JSON"
        if status == 200 and found is not None:
            return dict(found)
        log.error("Stripe does not do %s: %r", path.partition("?")[0], said[:200])
        if 400 <= status < 500 and status not in UNDECIDED:
            raise PaymentRefused
        raise PaymentUnavailable

    def _exchange(
        self, method: str, path: str, content: bytes | None, more: Mapping[str, str]
    ) -> tuple[int, bytes]:
        """One request on a connection of its own; (status, body). On a native thread."""
        headers = {"Authorization": f"Bearer {self._key}", **more}
        try:
            answer = exchange(method, self._url + path, content, headers, self._seconds)
        except (OSError, ValueError, HTTPException) as error:
            log.error("Stripe does not answer: %s", type(error).__name__)
            raise PaymentUnavailable from None
        return answer.status, answer.body


def _paid_back(refund: dict[str, Any]) -> PaidBack:
    reference = (refund.get("metadata") or {}).get("reference")
    has_failed = refund["status"] in FAILED
    return PaidBack(_text(refund["id"]), reference, _whole(refund["amount"]), has_failed)


def _is_address(url: Any, ours: str) -> TypeGuard[str]:
    return isinstance(url, str) and url.isprintable() and url.startswith(("https://", f"{ours}/"))


def _decimals(currency: str) -> int:
    return 0 if currency in WITHOUT_DECIMALS else 3 if currency in WITH_THREE else 2


def _text(value: Any) -> str:
    if not isinstance(value, str) or not 1 <= len(value) <= 255:
        raise ValueError
    return value


def _whole(value: Any) -> int:
    if type(value) is not int or not 0 <= value < 2**53:
        raise ValueError
    return value
