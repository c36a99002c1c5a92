"""Amounts as people type them into a form, in the language of its page."""

import re
from decimal import Decimal
from typing import Annotated, Any

from flask_babel import get_locale
from pydantic import BeforeValidator
from pydantic_core import PydanticCustomError

from chat import money
from chat.errors import InvalidParameter
from chat.money import Cents

# Before the decimals, in each language.
MARKS = {"en": ".", "fr": ","}
# A space between thousands is nothing else.
SPACE = re.compile("(?<=[0-9])[ \u00a0\u202f](?=[0-9]{3}(?![0-9]))")
# A comma is, in English, where decimals follow or there are none.
COMMAS = re.compile(r"[0-9]{1,3}(,[0-9]{3})+(\.[0-9]+)?")
AMOUNT = re.compile(r"([0-9]{1,9})(?:([.,])([0-9]+))?")


def typed(cents: int, currency: str = "") -> str:
    """As it stands in a field of a form: 2.50, in French 2,50."""
    return str(Cents(cents, currency)).replace(".", MARKS[str(get_locale())])


def read(value: str, currency: str) -> int:
    """What is written in a form's `amount`; raises InvalidParameter."""
    try:
        return _amount(value, currency)
    except PydanticCustomError as error:
        raise InvalidParameter(f"amount {error.message()}", field="amount") from None


def _amount(value: Any, currency: str = "") -> int:
    """`2.50`, `2,5`, `1 200,50` or `2` of the currency, in minor units; nothing that can be read otherwise.

    The mark of another language is one of decimals, too, but for three of them: 12,000 is twelve thousand to
    some, and twelve to others.
    """
    mark, most = MARKS[str(get_locale())], money.decimals(currency or Cents.currency)
    text = SPACE.sub("", str(value).strip())
    grouped = COMMAS.fullmatch(text)
    if grouped and mark == "." and (grouped[2] or not most):
        text = text.replace(",", "")
    found = AMOUNT.fullmatch(text)
    if found and len(found[3] or "") <= (most if found[2] == mark else min(most, 2)):
        try:
            return money.minor_units(Decimal(text.replace(",", ".")), currency)
        except ValueError:
            pass
    raise PydanticCustomError("amount", "must be {amount}", {"amount": money.described(currency)})


Amount = Annotated[int, BeforeValidator(lambda value: _amount(value))]
