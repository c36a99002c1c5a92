"""Receipts and credits, against what they were made from."""

from collections.abc import Iterator, Sequence
from typing import Any

from chat import billing, books, store
from chat.books import Content
from chat.money import Cents
from chat.store.rows import IntervalRow, LedgerRow, SessionRow
from chat.verify.chain import Books

# The fields of a charge, as billing.Charge has them.
CHARGED = ("count", "seconds", "rate_cents", "agent_id", "cents")


def differences(
    row: SessionRow, intervals: Sequence[IntervalRow], paid: Sequence[LedgerRow], found: Books
) -> Iterator[str]:
    """Of one session."""
    yield from _receipt(row, intervals, found.receipts.get(row["id"]))
    yield from _credits(row, paid, found)


def _receipt(
    row: SessionRow, intervals: Sequence[IntervalRow], issued: tuple[int, Content] | None
) -> Iterator[str]:
    """The receipt against what it was made from."""
    if issued is None:
        if row["status"] == "ended" and books.is_due(row):
            yield "it has no receipt"
        return
    number, content = issued
    for name, value in books.lasting(row).items():
        if name in content["session"] and content["session"][name] != value:
            yield f"{name} is {value}, receipt {number} says {content['session'][name]}"
    if row["status"] != "ended":
        yield f"it goes on, and has receipt {number}"
    yield from _intervals(intervals, content, number)
    yield from _sums(content, number)


def _intervals(intervals: Sequence[IntervalRow], content: Content, number: int) -> Iterator[str]:
    """Those of the receipt are those that there are; names may have changed."""
    stored = {each["id"]: each for each in intervals}
    issued = {each["id"]: each for each in content["intervals"]}
    for interval_id in sorted(stored.keys() ^ issued.keys()):
        yield f"interval {interval_id} is {'not on' if interval_id in stored else 'only on'} receipt {number}"
    for interval_id in sorted(stored.keys() & issued.keys()):
        was: dict[str, Any] = {**issued[interval_id]}
        now = store.books.columns(stored[interval_id])
        for name, value in was.items():
            if name != "agent_name" and now[name] != value:
                yield f"{name} of interval {interval_id} is {now[name]}, receipt {number} says {value}"


def _sums(content: Content, number: int) -> Iterator[str]:
    """A receipt adds up by itself."""
    parts = billing.active_parts(content["intervals"], 0)
    session: Any = content["session"]
    charged = billing.charges(parts, content["free_seconds"], session)
    total = billing.total(charged)
    tax = books.tax(total, content["vat_rate"], content["vat_note"])
    if sum(ms for ms, *_ in parts) != content["active_ms"]:
        yield f"receipt {number} says {content['active_ms']} ms, and its intervals are others"
    said = [tuple(each[name] for name in CHARGED) for each in content["charges"]]  # type: ignore[literal-required]
    if [tuple(each) for each in charged] != said or total != content["total_cents"]:
        yield f"receipt {number} says {Cents(content['total_cents'])}, its intervals make {Cents(total)}"
    if (tax["net_cents"], tax["vat_cents"]) != (content["net_cents"], content["vat_cents"]):
        yield f"the tax on receipt {number} is not {content['vat_rate'] or 0} per cent"


def _credits(row: SessionRow, paid: Sequence[LedgerRow], found: Books) -> Iterator[str]:
    """Credits are for its receipt, together no more than that, and in the ledger where it was prepaid."""
    credits = found.credits.get(row["id"], [])
    number, content = found.receipts.get(row["id"], (None, None))
    credited = sum(each["total_cents"] for each in credits)
    if credited > (content["total_cents"] if content else 0):
        yield f"{Cents(credited)} are credited, more than its receipt"
    entries = {each["id"]: each["amount_cents"] for each in paid if each["kind"] == "credit"}
    wanted = {each["ledger_id"]: each["total_cents"] for each in credits if each["is_to_balance"]}
    if entries != wanted:
        yield "its credits are not those in the ledger"
    for each in credits:
        if each["receipt"] != number:
            yield f"a credit of it is for receipt {each['receipt']}"
        if each["net_cents"] + each["vat_cents"] != each["total_cents"]:
            yield "the tax of a credit does not add up"
        if sum(share["cents"] for share in each["shares"]) != each["total_cents"]:
            yield "the agents' shares of a credit do not add up"
