"""Money: whole minor units of a currency, as many decimals as Babel's data give it: ISO 4217's, but where
nobody pays with those."""

from decimal import Decimal
from functools import cache
from typing import Any, Self

from babel.numbers import get_currency_precision, is_currency

# In minor units: 1,000,000.00 of most currencies, 100,000,000 of one that has no decimals.
LARGEST = 100_000_000


class Cents(int):
    """An amount in minor units; written in units: 1250 is 12.50, of JPY 1250, of KWD 1.250.

    Without a currency of its own it is in the process's, which is the database's (`use`).
    """

    currency = "EUR"

    def __new__(cls, amount: int, currency: str = "") -> Self:
        cents = super().__new__(cls, amount)
        if currency:
            cents.currency = currency
        return cents

    def __str__(self) -> str:
        return f"{Decimal(self).scaleb(-decimals(self.currency)):f}"

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> Any:
        """On the wire it is a number."""
        return handler(float)


def use(currency: str) -> None:
    """What amounts are in that do not say it: the currency of this process, fixed when its runtime is made.

    Raises ValueError when there is no such currency.
    """
    if not is_currency(currency):
        raise ValueError(f"there is no currency {currency}")
    Cents.currency = currency


@cache
def decimals(currency: str) -> int:
    """How many it has: EUR 2, JPY 0, KWD 3."""
    return get_currency_precision(currency)


def minor_units(amount: Decimal, currency: str = "") -> int:
    """Of an amount in units (of the process's currency); raises ValueError for what that cannot express."""
    cents = amount.scaleb(decimals(currency or Cents.currency))
    if cents != cents.to_integral_value() or not 0 <= cents <= LARGEST:
        raise ValueError(f"must be {described(currency)}")
    return int(cents)


def described(currency: str = "") -> str:
    """What an amount may be, in words."""
    currency = currency or Cents.currency
    has = {0: "no decimals", 1: "one decimal at most"}.get(
        count := decimals(currency), f"{count} decimals at most"
    )
    return f"an amount of {currency} from 0 to {Cents(LARGEST, currency)}, with {has}"
