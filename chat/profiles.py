"""What an agent says of themselves on their page: languages, time zone, hours, days off, picture."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache

import orjson

from chat import hours, pictures, store
from chat.accounts import User
from chat.database.connection import Connection
from chat.errors import Forbidden, InvalidParameter, existing
from chat.hours import Hours, SpecialDays
from chat.runtime import Runtime
from chat.settings import Settings
from chat.store.rows import ProfileRow
from chat.wire import SpecialHours

# BCP 47. What they are called the page says, in the language of whoever reads it.
LANGUAGES = (
    *("ar", "bg", "bn", "br", "ca", "co", "cs", "cy", "da", "de", "el", "en", "es", "et", "eu", "fa", "fi"),
    *("fr", "ga", "gl", "gsw", "he", "hi", "hr", "hu", "hy", "id", "is", "it", "ja", "ka", "kab", "ko", "lb"),
    *("ln", "lt", "lv", "mk", "ml", "ms", "mt", "my", "nb", "nl", "oc", "pa", "pl", "ps", "pt", "pt-BR"),
    *("ro", "ru", "sk", "sl", "so", "sq", "sr", "sv", "sw", "ta", "te", "th", "ti", "tr", "uk", "ur", "vi"),
    *("wo", "yue", "zh"),
)
# The largest side of a picture, in pixels.
PORTRAIT_PIXELS = 256
NOTHING: ProfileRow = {"languages": "", "time_zone": "", "hours": "[]", "special_days": "[]", "holidays": ""}


@dataclass(frozen=True)
class Changes:
    """Of these what is not None; the hours by weekday, those that have none may be left out."""

    languages: Sequence[str] | None = None
    time_zone: str | None = None
    hours: Mapping[str, Sequence[str]] | None = None
    special_days: Sequence[tuple[str, str, Sequence[str]]] | None = None
    holidays: str | None = None

    def columns(self) -> dict[str, str]:
        """As they are stored; raises InvalidParameter."""
        found: dict[str, str] = {}
        if self.languages is not None:
            found["languages"] = _languages(self.languages)
        if self.time_zone is not None:
            found["time_zone"] = hours.check_zone(self.time_zone)
        if self.hours is not None:
            found["hours"] = _week(self.hours)
        if self.special_days is not None:
            found["special_days"] = _special_days(self.special_days)
        if self.holidays is not None:
            found["holidays"] = hours.check_holidays(self.holidays)
        return found


def read(runtime: Runtime, agent: User) -> ProfileRow:
    """What they have said so far; raises Forbidden."""
    if agent.role != "agent":
        raise Forbidden("Only an agent has a page.")
    return runtime.database.read(lambda db: store.profiles.of_agent(db, agent.id)) or NOTHING


def save(db: Connection, agent_id: int, columns: dict[str, str]) -> None:
    """What was checked; special days that are over go."""
    if "special_days" in columns:
        kept = _days_since(columns["special_days"], store.server.now(db))
        columns = {**columns, "special_days": _stored(kept)}
    if columns:
        store.profiles.update(db, agent_id, columns)


def hours_of(row: ProfileRow, settings: Settings) -> Hours:
    """As they are kept, in the server's time zone if they name none."""
    return _hours(
        row["time_zone"] or settings.time_zone,
        row["hours"] or "[]",
        row["special_days"] or "[]",
        row["holidays"] or "",
    )


def week_of(row: ProfileRow) -> dict[str, list[str]]:
    """On the wire: by weekday, those that have none left out."""
    week = _hours("UTC", row["hours"] or "[]", "[]", "").week
    return {day: hours.written(spans) for day, spans in zip(hours.DAYS, week, strict=False) if spans}


def special_days_of(row: ProfileRow) -> list[SpecialHours]:
    """On the wire, the last ones first."""
    days = _hours("UTC", "[]", row["special_days"] or "[]", "").special
    return [
        {"first": str(each.first), "last": str(each.last), "hours": hours.written(each.spans)}
        for each in days
    ]


def set_picture(runtime: Runtime, agent: User, content: bytes) -> None:
    """Cleaned, and small; raises Forbidden, PictureTooLarge, UnreadablePicture, Overloaded."""
    if agent.role != "agent":
        raise Forbidden("Only an agent has a picture.")
    most = runtime.settings.picture_pixels
    found = runtime.drawing.call(lambda: pictures.cleaned(content, PORTRAIT_PIXELS, most, is_still=True))
    name = hashlib.sha256(found.content).hexdigest()[:32]
    runtime.database.write(lambda db: store.portraits.put(db, agent.id, name, found.content))


def remove_picture(runtime: Runtime, agent: User) -> None:
    """Initials are in its place."""
    runtime.database.write(lambda db: store.portraits.erase(db, agent.id))


def picture(runtime: Runtime, name: str) -> bytes:
    """A WebP; raises NotFound."""
    return existing(runtime.database.read(lambda db: store.portraits.by_hash(db, name)))


@lru_cache(2000)
def _hours(zone: str, week: str, special: str, holidays: str) -> Hours:
    """Read once: a list of agents asks for all of them."""
    spans = tuple(tuple((start, end) for start, end in day) for day in orjson.loads(week))
    days = tuple(
        hours.special_days(first, last, [(start, end) for start, end in each], "special_days")
        for first, last, each in orjson.loads(special)
    )
    return Hours(zone, spans, days, holidays)


def _languages(codes: Sequence[str]) -> str:
    for code in codes:
        if code not in LANGUAGES:
            raise InvalidParameter(
                f"languages: {code[:20]!r} is none of {', '.join(LANGUAGES)}.", field="languages"
            )
    return " ".join(dict.fromkeys(codes))


def _week(days: Mapping[str, Sequence[str]]) -> str:
    if unknown := days.keys() - set(hours.DAYS):
        raise InvalidParameter(
            f"hours: {min(unknown)[:20]!r} is none of {', '.join(hours.DAYS)}.", field="hours"
        )
    week = [hours.read_spans(",".join(days.get(day, ())), f"hours.{day}") for day in hours.DAYS]
    return orjson.dumps(week if any(week) else []).decode()


def _special_days(days: Iterable[tuple[str, str, Sequence[str]]]) -> str:
    field = "special_days"
    found = [
        hours.special_days(first, last, hours.read_spans(",".join(spans), field), field)
        for first, last, spans in days
    ]
    return _stored(hours.in_order(found, field))


def _stored(days: Iterable[SpecialDays]) -> str:
    return orjson.dumps([[str(each.first), str(each.last), each.spans] for each in days]).decode()


def _days_since(stored: str, now: int) -> list[SpecialDays]:
    """Those that are not over: in no zone is the day before yesterday."""
    yesterday = hours.day_of(now) - timedelta(1)
    return [each for each in _hours("UTC", "[]", stored, "").special if each.last >= yesterday]
