"""What a chat session costs: sums over a row, or over its intervals, at an instant; no database.

Billing is data: intervals `(started_at, ended_at, reason)` in milliseconds, of which those with the reason
`active` are billed, in whole increments. docs/billing.md has the rules.
"""

from collections.abc import Iterable, Sequence
from typing import Generic, NamedTuple, TypeVar

from chat.settings import Settings
from chat.store.rows import IntervalRow, PauseReason, SessionRow, TermsRow

MINUTE_SECONDS = 60
# A prepaid session takes at least so much ahead, lest there be a ledger row for each second.
STEP_SECONDS = 60

Label = TypeVar("Label")


class Bill(NamedTuple):
    """What has come together so far; `billed_seconds` are those of all begun increments."""

    active_seconds: int
    billed_seconds: int
    cents: int
    free_seconds_left: int

    @property
    def duration_minutes(self) -> int:
        """Begun minutes of active time, free or not."""
        return begun_minutes(self.active_seconds)

    @property
    def billed_minutes(self) -> int:
        """Begun minutes of what is billed."""
        return begun_minutes(self.billed_seconds)


class Charge(NamedTuple, Generic[Label]):
    """So many increments of `seconds` each that began one after the other, and what they cost together.

    Of the supplement up to the minimum charge, which comes last, all but `label` and `cents` are 0.
    """

    increments: int
    seconds: int
    rate_cents: int
    label: Label
    cents: int


def terms(settings: Settings) -> TermsRow:
    """How is charged what is asked for from now on."""
    return {
        "first_increment_seconds": settings.first_increment_seconds,
        "next_increment_seconds": settings.next_increment_seconds,
        "minimum_cents": settings.minimum_charge,
    }


def begun_minutes(seconds: int) -> int:
    """0 s → 0, 1 → 1, 60 → 1, 61 → 2."""
    return -(-seconds // MINUTE_SECONDS)


def billed_seconds(seconds: int, terms: TermsRow) -> int:
    """Those of the increments that so many billable seconds begin; 60/60: 0 s → 0, 1 → 60, 61 → 120."""
    if seconds <= 0:
        return 0
    first, following = terms["first_increment_seconds"], terms["next_increment_seconds"]
    return first + max(0, -(-(seconds - first) // following)) * following


def cost(cent_seconds: int, terms: TermsRow) -> int:
    """Cents, from the sum of seconds times cents a minute: rounded half up, once, and the minimum charge."""
    return max(_rounded(cent_seconds), terms["minimum_cents"]) if cent_seconds else 0


def bill(session: SessionRow, at: int) -> Bill:
    """The bill as of `at`: begun increments, each at the rate of the agent that it began with."""
    running_ms = 0 if session["running_since"] is None else max(0, at - session["running_since"])
    seconds, free = (session["billed_ms"] + running_ms) // 1000, session["free_seconds"]
    billed = billed_seconds(seconds - free, session)
    return Bill(seconds, billed, cost_of(session, billed), max(0, free - seconds))


def cost_of(session: SessionRow, billed: int) -> int:
    """What so many billed seconds cost."""
    return cost(metered(session, billed), session)


def metered(session: SessionRow, billed: int) -> int:
    """The sum of so many billed seconds times their cents a minute; of earlier agents it is the row's."""
    later = max(0, billed - session["earlier_seconds"]) * session["rate_cents"]
    return session["earlier_cent_seconds"] + later


def next_cost(session: SessionRow, at: int) -> int:
    """What it costs in all once the next increment begins."""
    return cost_of(session, billed_seconds(bill(session, at).billed_seconds + 1, session))


def affordable(session: SessionRow, cents: int) -> int:
    """How many billed seconds so much pays for, in whole increments, at a rate that is not 0."""
    earlier, metered = session["earlier_seconds"], session["earlier_cent_seconds"]
    if cents < session["minimum_cents"]:
        return earlier
    # As far as it is not rounded up to more.
    left = max(0, cents * MINUTE_SECONDS + MINUTE_SECONDS // 2 - 1 - metered)
    seconds = earlier + left // session["rate_cents"]
    first, following = session["first_increment_seconds"], session["next_increment_seconds"]
    return first + (seconds - first) // following * following if seconds >= first else 0


def exhausted_at(session: SessionRow, at: int) -> tuple[int, PauseReason] | None:
    """When the money is used up if the clock runs on from `at`, and which: (instant, pause reason)."""
    bounds: list[tuple[int, PauseReason]] = []
    if session["rate_cents"]:
        if session["limit_cents"] is not None:
            bounds.append((affordable(session, session["limit_cents"]), "spending_limit"))
        if session["is_prepaid"]:
            has = session["paid_cents"] + session["balance_cents"]
            bounds.append((affordable(session, has), "balance"))
    if not bounds:
        return None
    billed, reason = min(bounds)
    since = at if session["running_since"] is None else session["running_since"]
    return since + (session["free_seconds"] + billed) * 1000 - session["billed_ms"], reason


def next_debit(session: SessionRow) -> tuple[int, int] | None:
    """What a prepaid session takes next: (after so many billed seconds, cents); None while it cannot."""
    if not (session["is_prepaid"] and session["rate_cents"]):
        return None
    paid = affordable(session, session["paid_cents"])
    most = session["paid_cents"] + session["balance_cents"]
    if session["limit_cents"] is not None:
        most = min(most, session["limit_cents"])
    ahead = min(billed_seconds(paid + STEP_SECONDS, session), affordable(session, most))
    return (paid, cost_of(session, ahead) - session["paid_cents"]) if ahead > paid else None


def charges(
    parts: Iterable[tuple[int, int, Label]], free_seconds: int, terms: TermsRow
) -> list[Charge[Label]]:
    """What is charged, from `(milliseconds, cents a minute, label)` of each active interval in order.

    An increment is its interval's that its first second is complete in. Like ones that follow one another
    are one Charge. The sum is rounded and not its parts: each has what the sum grows by, so that together
    they are the bill.
    """
    found: list[Charge[Label]] = []
    active_ms = billed = cent_seconds = 0
    for ms, rate, label in parts:
        active_ms += ms
        now_billed = billed_seconds(active_ms // 1000 - free_seconds, terms)
        while billed < now_billed:
            size = terms["next_increment_seconds"] if billed else terms["first_increment_seconds"]
            count = (now_billed - billed) // size if billed else 1
            before = _rounded(cent_seconds)
            billed += count * size
            cent_seconds += count * size * rate
            _add(found, Charge(count, size, rate, label, _rounded(cent_seconds) - before))
    if supplement := cost(cent_seconds, terms) - _rounded(cent_seconds):
        label = next(each.label for each in found if each.rate_cents)
        found.append(Charge(0, 0, 0, label, supplement))
    return found


def active_parts(intervals: Iterable[IntervalRow], now: int) -> list[tuple[int, int, int]]:
    """(milliseconds until now, cents a minute, the agent's id) of each interval that is billed."""
    return [
        (ms(each, now), each["rate_cents"], each["agent_id"])
        for each in intervals
        if each["reason"] == "active"
    ]


def ms(interval: IntervalRow, now: int) -> int:
    """How long it is; the open one until now."""
    return (now if interval["ended_at"] is None else interval["ended_at"]) - interval["started_at"]


def total(charged: Sequence[Charge[Label]]) -> int:
    """Cents."""
    return sum(each.cents for each in charged)


def _rounded(cent_seconds: int) -> int:
    return (cent_seconds + MINUTE_SECONDS // 2) // MINUTE_SECONDS


def _add(found: list[Charge[Label]], charge: Charge[Label]) -> None:
    """To the last one, where it is alike."""
    if found and found[-1][1:4] == charge[1:4]:
        last = found.pop()
        increments, cents = last.increments + charge.increments, last.cents + charge.cents
        charge = charge._replace(increments=increments, cents=cents)
    found.append(charge)
