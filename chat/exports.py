"""The books as a table: receipts, credits and the ledger, for whoever keeps the accounts."""

import re
from collections.abc import Iterator
from datetime import datetime
from typing import TypedDict
from zoneinfo import ZoneInfo

from chat import audit, books, clock, store
from chat.accounts import User
from chat.books import Charge
from chat.database.connection import Connection
from chat.errors import InvalidParameter
from chat.money import Cents
from chat.runtime import Runtime
from chat.sheets import as_csv
from chat.store.rows import BookRow, MonthRow

COLUMNS = (
    *("sequence", "kind", "number", "issued_at", "session", "client_id", "client", "agents", "text"),
    *("active_seconds", "charges", "currency", "net", "vat_rate", "vat", "total", "receipt", "hash"),
)
MONTH = re.compile(r"(19[7-9][0-9]|2[0-9]{3})-(0[1-9]|1[0-2])")


class Month(TypedDict):
    """How many receipts and credits there are of it, and what they come to."""

    month: str
    receipts: int
    credits: int
    total: Cents
    credited: Cents


def table(runtime: Runtime, actor: User | None, month: str | None) -> str:
    """All entries of a month (`2026-11`, in the server's zone) or of all time, as CSV with a head.

    `actor` is an administrator, or None at the server's console. Raises Forbidden, InvalidParameter.
    """
    audit.only_administrators(actor)
    since, until = _bounds(runtime, month) if month else (0, 2**62)
    rows = runtime.database.read_slowly(lambda db: store.books.of_period(db, since, until))
    return as_csv(COLUMNS, map(_cells, rows))


def months(runtime: Runtime, actor: User) -> list[Month]:
    """Those since the first entry, newest first; raises Forbidden."""
    audit.only_administrators(actor)
    zone = ZoneInfo(runtime.settings.time_zone)

    def read(db: Connection) -> list[Month]:
        first, now = store.books.first_at(db), store.server.now(db)
        names = [] if first is None else list(_names(first, now, zone))
        return [_month(name, store.books.sums(db, *_bounds(runtime, name))) for name in reversed(names)]

    return runtime.database.read_slowly(read)


def _names(first: int, last: int, zone: ZoneInfo) -> Iterator[str]:
    """Every month from that instant to the other."""
    at, until = (datetime.fromtimestamp(each / 1000, zone) for each in (first, last))
    year, month = at.year, at.month
    while (year, month) <= (until.year, until.month):
        yield f"{year:04d}-{month:02d}"
        year, month = (year, month + 1) if month < 12 else (year + 1, 1)


def _bounds(runtime: Runtime, month: str) -> tuple[int, int]:
    """The milliseconds that it begins at and is over at."""
    if (found := MONTH.fullmatch(month)) is None:
        raise InvalidParameter(f"month is {month!r}; it must be like 2026-11.", field="month")
    zone, year, number = ZoneInfo(runtime.settings.time_zone), int(found[1]), int(found[2])
    following = (year, number + 1) if number < 12 else (year + 1, 1)
    since, until = (datetime(*each, 1, tzinfo=zone) for each in ((year, number), following))
    return round(since.timestamp() * 1000), round(until.timestamp() * 1000)


def _month(name: str, sums: MonthRow) -> Month:
    return {
        "month": name,
        "receipts": sums["receipts"],
        "credits": sums["credits"],
        "total": Cents(sums["total_cents"]),
        "credited": Cents(sums["credited_cents"]),
    }


def _cells(row: BookRow) -> dict[str, object]:
    content = books.read(row)
    cells: dict[str, object] = {
        "sequence": row["sequence"],
        "kind": row["kind"],
        "number": row["number"],
        "issued_at": clock.text(row["issued_at"]),
        "session": row["chat_session_id"] or "",
        "hash": row["hash"],
    }
    if row["kind"] == "ledger":
        return cells | {
            "kind": content["row"]["kind"],
            "client_id": content["row"]["user_id"],
            "text": content["row"]["reason"],
            "charges": f"minute {content['row']['minute']}" if content["row"]["minute"] else "",
            "currency": content["row"].get("currency", ""),
            "total": Cents(content["row"]["amount_cents"], content["row"].get("currency", "")),
        }
    sign = 1 if row["kind"] == "receipt" else -1
    cells |= {
        "client_id": content["client"]["id"],
        "client": content["client"]["name"],
        "currency": content["currency"],
        "net": Cents(sign * content["net_cents"], content["currency"]),
        "vat_rate": content["vat_rate"],
        "vat": Cents(sign * content["vat_cents"], content["currency"]),
        "total": Cents(sign * content["total_cents"], content["currency"]),
    }
    if row["kind"] == "credit":
        return cells | {"text": content["reason"], "receipt": content["receipt"]}
    names = dict.fromkeys(each["agent_name"] for each in content["intervals"])
    return cells | {
        "agents": ", ".join(names),
        "text": content["vat_note"],
        "active_seconds": f"{content['active_ms'] // 1000}.{content['active_ms'] % 1000:03d}",
        "charges": " + ".join(_priced(each, content["currency"]) for each in content["charges"]),
    }


def _priced(charge: Charge, currency: str) -> str:
    amount = Cents(charge["cents"], currency)
    if not charge["count"]:
        return f"{amount} up to the minimum charge"
    rate = Cents(charge["rate_cents"], currency)
    return f"{amount} ({charge['count']} x {charge['seconds']} s at {rate} a minute)"
