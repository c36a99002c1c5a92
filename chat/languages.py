"""The texts that are told outside of a request: in the language of whoever they are for."""

import gettext
import re
from datetime import datetime
from decimal import Decimal
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo

from babel.dates import format_date, format_time
from babel.numbers import format_currency

from chat.money import Cents

_FOLDER = Path(__file__).parent.parent / "translations"
# Between a currency's code and digits stands a space, as browsers write it too.
_CODE = re.compile(r"(?<=[A-Z])(?=[0-9])")


@cache
def texts_in(language: str) -> gettext.NullTranslations:
    """The same texts that pages have; English where it is none of ours."""
    return gettext.translation("messages", _FOLDER, [language], fallback=True)


def attached(text: gettext.NullTranslations, kind: str) -> str:
    """What was sent, to somebody who does not see it."""
    return text.gettext("A picture") if kind == "picture" else text.gettext("A file")


def money(language: str, cents: int, currency: str) -> str:
    """12,50 €, 1 250 JPY: with as many decimals as the currency has."""
    written = format_currency(Decimal(str(Cents(cents, currency))), currency, locale=language)
    return _CODE.sub("\u00a0", str(written))


def moment(language: str, ms: int, time_zone: str) -> str:
    """Nov 23, 2026, 9:15 AM (Europe/Paris)"""
    at = datetime.fromtimestamp(ms / 1000, ZoneInfo(time_zone))
    day = format_date(at, "medium", locale=language)
    return f"{day}, {format_time(at, 'short', locale=language)} ({time_zone})"
