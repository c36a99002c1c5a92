"""The language, the time zone and the formats of pages."""

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from babel import numbers
from babel.units import format_unit
from flask import Flask, g, request
from flask_babel import (
    Babel,
    format_date,
    format_decimal,
    format_time,
    get_locale,
    to_user_timezone,
)
from markupsafe import Markup

from chat import languages
from chat.clock import text
from chat.documents import encode
from chat.money import decimals
from chat.settings import Settings
from chat.texts import folded
from chat.web.links import linked
from chat.web.typed import typed

LANGUAGES = {"en": "English", "fr": "Français"}
COOKIE = "language"
DAY_FORMATS = {"en": "EEEE, MMMM d", "fr": "EEEE d MMMM"}
SHORT_DAY_FORMATS = {"en": "MMM d", "fr": "d MMM"}
HOUR_FORMATS = {"en": "h\N{NO-BREAK SPACE}a", "fr": "H\N{NO-BREAK SPACE}'h'"}
SHORT_WEEKDAY_FORMATS = {"en": "EEE, MMM d", "fr": "EEE d MMM"}
WIRE_FORMAT = "%Y-%m-%d %H:%M:%S"


def register(app: Flask, settings: Settings) -> None:
    """Translate the templates of `app`, and give them filters for what depends on the language."""
    Babel(
        app,
        default_locale=settings.language,
        default_timezone=settings.time_zone,
        locale_selector=_select,
    )
    of_money, of_time = (
        (money, typed, decimals, unit_price),
        (day, local_day, short_day, day_name, hour, month, clock, moment, weekday, short_weekday),
    )
    for function in (*of_money, *of_time, duration, exact, language_name, territory, size):
        app.jinja_env.filters[function.__name__] = function
    app.jinja_env.filters |= {"date": full_date, "script_data": script_data, "wire": text, "linked": linked}
    app.jinja_env.globals.update(LANGUAGES=LANGUAGES, language=lambda: str(get_locale()))


def _select() -> str | None:
    """By profile, then by what was chosen before signing in, then by the browser."""
    user = g.get("user")
    if user is not None and user.language:
        return str(user.language)
    if (chosen := request.cookies.get(COOKIE)) in LANGUAGES:
        return chosen
    # The best one by its primary tag: werkzeug's own would prefer a worse `en` to `fr-CA`.
    wanted = (tag.lower().partition("-")[0] for tag, _ in request.accept_languages)
    return next((tag for tag in wanted if tag in LANGUAGES), None)


def money(cents: int, currency: str) -> str:
    """12,50 €, 1 250 JPY: with as many decimals as the currency has."""
    return languages.money(str(get_locale()), cents, currency)


def unit_price(amount: str, currency: str) -> str:
    """2,0833 €"""
    return str(
        numbers.format_currency(Decimal(amount), currency, locale=get_locale(), decimal_quantization=False)
    )


def instant(value: str | int) -> datetime:
    """Of the wire's `2026-11-23 09:15:02`, or of milliseconds since 1970; in UTC, without saying so."""
    if isinstance(value, int):
        return datetime.fromtimestamp(value / 1000, UTC).replace(tzinfo=None)
    return datetime.strptime(value, WIRE_FORMAT)


def day(value: str | int) -> str:
    """Monday, November 23"""
    return str(format_date(instant(value), DAY_FORMATS[str(get_locale())]))


def local_day(value: str | int) -> str:
    """2026-11-23, in the time zone of pages: where a line between days belongs."""
    return str(to_user_timezone(instant(value)).date())


def full_date(value: str | int) -> str:
    """Nov 23, 2026"""
    return str(format_date(instant(value), "medium"))


def short_day(value: date) -> str:
    """Nov 23"""
    return str(format_date(value, SHORT_DAY_FORMATS[str(get_locale())]))


def day_name(number: int, is_short: bool = False) -> str:
    """Monday, or Mon; 0 is Monday, as 1 January 2001 was."""
    return str(format_date(date(2001, 1, number + 1), "ccc" if is_short else "cccc"))


def hour(number: int) -> str:
    """9 AM, 9 h"""
    return str(format_time(datetime(2001, 1, 1, number), HOUR_FORMATS[str(get_locale())], rebase=False))


def month(value: str) -> str:
    """November 2026, of `2026-11`."""
    return str(format_date(date.fromisoformat(f"{value}-01"), "MMMM yyyy"))


def clock(value: str | int) -> str:
    """9:15 AM"""
    return str(format_time(instant(value), "short"))


def moment(value: str | int) -> str:
    """Nov 23, 2026, 9:15 AM"""
    return f"{full_date(value)}, {clock(value)}"


def duration(seconds: float) -> str:
    """1 h 5 min, 12 min 5 s, 3 min, 40 s"""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    parts = [(hours, "h"), (minutes, "min"), (0 if hours else rest, "s")]
    return " ".join(f"{number}\N{NO-BREAK SPACE}{unit}" for number, unit in parts if number) or "0 s"


def size(count: int) -> str:
    """340 kB, 1.2 MB: of so many bytes."""
    number, unit = (count / 1e6, "megabyte") if count >= 1e6 else (max(1, round(count / 1e3)), "kilobyte")
    return str(format_unit(number, f"digital-{unit}", "short", "#,##0.#", locale=str(get_locale())))


def exact(milliseconds: int) -> str:
    """1,234.567 s: what can be added up by hand."""
    return f"{format_decimal(Decimal(milliseconds) / 1000, '#,##0.000')}\N{NO-BREAK SPACE}s"


def weekday(value: str | int) -> str:
    """Tuesday 9:00 AM: of the next days."""
    return f"{format_date(instant(value), 'EEEE')} {clock(value)}"


def short_weekday(value: str | int) -> str:
    """Tue, Dec 1"""
    return str(format_date(instant(value), SHORT_WEEKDAY_FORMATS[str(get_locale())]))


def language_name(code: str) -> str:
    """`fr`: French, français"""
    names: Mapping[str, str] = get_locale().languages
    return names.get(code.replace("-", "_"), code)


def territory(code: str) -> str:
    """`FR`: France; `DE-BY`: Germany, BY"""
    country, dash, part = code.partition("-")
    name = str(get_locale().territories.get(country, country))
    return f"{name}, {part}" if dash else name


def spoken(codes: Iterable[str]) -> list[tuple[str, str]]:
    """Each with its name, by the names."""
    return by_name((code, language_name(code)) for code in codes)


def by_name(named: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """As a dictionary has them: É among the Es."""
    return sorted(named, key=lambda each: folded(each[1]))


def script_data(content: Mapping[str, Any]) -> Markup:
    """JSON for a page's scripts, in a `<script type="application/json">`."""
    return Markup(encode(content).decode().replace("<", "\\u003c"))
