"""What a chat session costs: sums over a row, or over its intervals, at an instant; no database.

Billing is data: intervals `(started_at, ended_at, reason)` in milliseconds, of which those with the reason
`active` are billed. docs/billing.md has the rules.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple, TypeVar

from chat.store.rows import IntervalRow, PauseReason, SessionRow

MINUTE_SECONDS = 60

Label = TypeVar("Label")


class Bill(NamedTuple):
    """What has come together so far."""

    active_seconds: int
    billed_minutes: int
    cents: int
    free_seconds_left: int

    @property
    def duration_minutes(self) -> int:
        """Begun minutes of active time, free or not."""
        return -(-self.active_seconds // MINUTE_SECONDS)


def billed_minutes(active_seconds: int, free_seconds: int) -> int:
    """0 s → 0, 1 → 1, 60 → 1, 61 → 2; after the free ones."""
    return -(-max(0, active_seconds - free_seconds) // MINUTE_SECONDS)


def bill(session: SessionRow, at: int) -> Bill:
    """The bill as of `at`: begun minutes, each at the rate of the agent that it began with."""
    running_ms = 0 if session["running_since"] is None else max(0, at - session["running_since"])
    seconds = (session["billed_ms"] + running_ms) // 1000
    minutes = billed_minutes(seconds, session["free_seconds"])
    later_minutes = max(0, minutes - session["earlier_minutes"])
    return Bill(
        active_seconds=seconds,
        billed_minutes=minutes,
        cents=session["earlier_cents"] + later_minutes * session["rate_cents"],
        free_seconds_left=max(0, session["free_seconds"] - seconds),
    )


def exhausted_at(session: SessionRow, at: int) -> tuple[int, PauseReason] | None:
    """When the money is used up if the clock runs on from `at`, and which: (instant, pause reason)."""
    rate = session["rate_cents"]
    bounds: list[tuple[int, PauseReason]] = []
    if rate and session["limit_cents"] is not None:
        left = max(0, session["limit_cents"] - session["earlier_cents"])
        bounds.append((session["earlier_minutes"] + left // rate, "spending_limit"))
    if rate and session["is_prepaid"]:
        bounds.append((session["paid_minutes"] + session["balance_cents"] // rate, "balance"))
    if not bounds:
        return None
    minutes, reason = min(bounds)
    since = at if session["running_since"] is None else session["running_since"]
    seconds = session["free_seconds"] + minutes * MINUTE_SECONDS
    return since + seconds * 1000 - session["billed_ms"], reason


def prices(parts: Iterable[tuple[int, Label]], free_seconds: int) -> list[Label]:
    """What each begun minute goes by, from `(milliseconds, label)` of each active interval in order.

    A minute goes by the interval that its first second after the free ones falls into; with cents a minute
    for labels, these are the minutes' prices.
    """
    labels: list[Label] = []
    active_ms = 0
    for ms, label in parts:
        active_ms += ms
        while active_ms >= (free_seconds + len(labels) * MINUTE_SECONDS + 1) * 1000:
            labels.append(label)
    return labels


def active_parts(intervals: Sequence[IntervalRow], now: int) -> list[tuple[int, int]]:
    """(milliseconds until now, cents a minute) of each interval that is billed."""
    return [(ms(each, now), each["rate_cents"]) for each in intervals if each["reason"] == "active"]


def ms(interval: IntervalRow, now: int) -> int:
    """How long it is; the open one until now."""
    return (now if interval["ended_at"] is None else interval["ended_at"]) - interval["started_at"]
