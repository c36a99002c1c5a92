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


class Expired(NamedTuple):
    """The page of this reference is closed; nobody has paid there."""

    reference: str


class Moved(NamedTuple):
    """Something goes back from this payment, or could not; the provider is to be asked what."""

    id: str


class PaidBack(NamedTuple):
    """What went back of a payment, by the provider's id of it: with our reference if we asked for it."""

    id: str
    reference: str | None
    units: int
    has_failed: bool


Event = Paid | Expired | Moved | None


class Provider(Protocol):
    """Its calls block the caller only.

    They raise PaymentRefused for a definite no, and PaymentUnavailable when nobody knows what came of it:
    the same `reference` may be asked again, and is done once.
    """

    name: str

    def check_out(self, reference: str, amount: Cents, success_url: str, cancel_url: str) -> Checkout:
        """Begin a payment that is told with this reference when it is made."""

    def pay_back(self, payment_id: str, amount: Cents, reference: str) -> str:
        """Send so much of a payment back; the provider's id of that."""

    def paid_back(self, payment_id: str) -> list[PaidBack]:
        """All that went back of a payment, whoever asked for it; raises no PaymentRefused."""

    def event(self, signature: str, content: bytes) -> Event:
        """What it tells, None for what does not matter; raises InvalidRequest when it is not the provider."""

    def units(self, amount: Cents) -> int:
        """As the provider counts it; raises InvalidParameter for what it cannot express."""

    def cents(self, units: int, currency: str) -> Cents:
        """The way back, rounded down."""

    def close(self) -> None:
        """No more calls."""
