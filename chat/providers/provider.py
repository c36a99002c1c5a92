"""What a payment provider does for us, whoever it is."""

from typing import NamedTuple, Protocol

from chat.money import Cents


class Checkout(NamedTuple):
    """Where somebody pays: the provider's id of it, and the address of its page."""

    id: str
    url: str


class Paid(NamedTuple):
    """The provider has so many `units` of the currency, as it counts them; `id` is what to pay back from."""

    reference: str
    id: str
    units: int
    currency: str


class PaidBack(NamedTuple):
    """So much in all has gone back from a payment, whoever asked for it."""

    id: str
    units: int


Event = Paid | PaidBack | None


class Provider(Protocol):
    """Its calls block the caller only.

    They raise PaymentRefused for a definite no, and PaymentUnavailable when nobody knows what came of it:
    the same `reference` may be asked again, and is done once.
    """

    name: str

    def check_out(self, reference: str, amount: Cents, success_url: str, cancel_url: str) -> Checkout:
        """Begin a payment that is told with this reference when it is made."""

    def pay_back(self, payment_id: str, amount: Cents, reference: str) -> None:
        """Send so much of a payment back."""

    def event(self, signature: str, content: bytes) -> Event:
        """What it tells, None for what does not matter; raises InvalidRequest when it is not the provider."""

    def units(self, amount: Cents) -> int:
        """As the provider counts it; raises InvalidParameter for what it cannot express."""

    def cents(self, units: int, currency: str) -> Cents:
        """The way back, rounded down."""

    def close(self) -> None:
        """No more calls."""
