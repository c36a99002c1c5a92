"""What has happened in a chat session, as dated facts: from its row, its intervals and what was agreed to.

There is no log of it beside the bill: an absence that is found or taken back later changes what is told.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from typing import cast

from chat import billing, clock, sessions, store, waits
from chat.accounts import User
from chat.database.connection import Connection
from chat.lifecycle import ABSENCES, moved
from chat.money import Cents
from chat.runtime import Runtime
from chat.settings import Settings
from chat.store.rows import AgreedRow, IntervalRow, LimitRow, PauseReason, SessionRow
from chat.store.server import Time
from chat.wire import Event, Fact, TimedSession

# A gap that is nobody's wish, and shorter, is not told.
BRIEF_MS = 5_000
# So many gaps in a row are told as one: with no message between, or nobody's wish and less than a minute of
# running clock between.
MANY = 3
SHORT_RUN_MS = 60_000

Dated = tuple[int, Fact]


def of_session(db: Connection, row: SessionRow, time: Time, settings: Settings) -> list[Event]:
    """All of it until now, in order."""
    life = sessions.life_of(db, row, settings)
    life.settle(time)
    stored = store.intervals.of_session(db, row["id"])
    session, intervals = life.session, moved(stored, life.moves)
    known = _known(stored)

    def newest(at: int) -> int:
        if at not in known:
            older = max((each for instant, each in known.items() if instant <= at), default=0)
            known[at] = store.messages.newest_at(db, row["id"], at, older)
        return known[at]

    facts = [
        *_agents(session, intervals, store.books.agreed(db, row["id"])),
        *_limits(session, store.sessions.limits(db, row["id"])),
        *_clock(session, intervals, newest),
        *_end(session),
    ]
    facts.sort(key=itemgetter(0))
    return [{"at": clock.text(at), "after_message_id": newest(at), **fact} for at, fact in facts]


def is_news(row: SessionRow, cursor: int | None) -> bool:
    """Whether any of it changed after the cursor."""
    return cursor is not None and row["events_revision"] > cursor


def read(runtime: Runtime, user: User, chat_session_id: int) -> TimedSession:
    """One session with all that its participants may know; raises NotFound."""
    return runtime.database.read(
        lambda db: show(db, runtime, sessions.of_user(db, chat_session_id, user.id), store.server.time(db))
    )


def show(db: Connection, runtime: Runtime, row: SessionRow, time: Time) -> TimedSession:
    """The same, within one read."""
    session = sessions.details(db, runtime, row, time)
    session["events"] = of_session(db, row, time, runtime.settings)
    if session["status"] == "waiting":
        session["expected_wait"] = waits.expected(db, row["agent_id"])
    return session


def _known(intervals: Iterable[IntervalRow]) -> dict[int, int]:
    """The newest message at the instants of which an interval says that."""
    ends = {
        each["ended_at"]: each["last_message_id"] or 0 for each in intervals if each["ended_at"] is not None
    }
    starts = {each["started_at"]: each["first_message_id"] for each in intervals if each["first_message_id"]}
    return ends | starts


def _agents(
    session: SessionRow, intervals: Sequence[IntervalRow], agreed: Sequence[AgreedRow]
) -> Iterator[Dated]:
    """Who accepted it and who took over, at which price: as agreed, and before there were books as billed."""
    if session["accepted_at"] is None:
        return
    billed = [each for each in intervals if each["reason"] == "transfer"]
    parts = [(session["accepted_at"], intervals[0] if intervals else session)]
    parts += [(each["started_at"], each) for each in billed]
    parts = [each for each in parts if not agreed or each[0] < agreed[0]["agent_since"]]
    for number, (at, part) in enumerate([*parts, *((each["agent_since"], each) for each in agreed)]):
        yield (
            at,
            {
                "code": "handed_over" if number else "accepted",
                "agent": {"id": part["agent_id"] or 0, "name": part["agent_name"] or ""},
                "rate_per_minute": Cents(part["rate_cents"], session["currency"]),
            },
        )


def _limits(session: SessionRow, limits: Iterable[LimitRow]) -> Iterator[Dated]:
    for each in limits:
        cents = each["limit_cents"]
        limit = None if cents is None else Cents(cents, session["currency"])
        yield each["created_at"], {"code": "limit_changed", "spending_limit": limit}


def _end(session: SessionRow) -> Iterator[Dated]:
    if session["ended_at"] is None:
        return
    fact: Fact = {"code": "ended", "reason": session["end_reason"]}
    if session["accepted_at"] is not None:
        fact["minutes"] = billing.begun_minutes(session["billed_seconds"])
        fact["total_cost"] = Cents(session["total_cents"] or 0, session["currency"])
    yield session["ended_at"], fact


@dataclass(slots=True)
class _Gap:
    """The clock stood from then on, for these reasons one after the other; `until` it went on, if it did."""

    since: int
    until: int = 0
    reasons: list[tuple[int, PauseReason]] = field(default_factory=list)

    @property
    def ms(self) -> int:
        return self.until - self.since

    @property
    def is_nobodys_wish(self) -> bool:
        return all(reason in ABSENCES for _, reason in self.reasons)

    def extend(self, at: int, reason: PauseReason) -> None:
        if not self.reasons or self.reasons[-1][1] != reason:
            self.reasons.append((at, reason))


def _clock(
    session: SessionRow, intervals: Iterable[IntervalRow], newest: Callable[[int], int]
) -> Iterator[Dated]:
    """Its start with each agent, and the gaps."""
    gaps, is_started = list[_Gap](), False
    for each in intervals:
        at, reason = each["started_at"], each["reason"]
        if at == each["ended_at"]:
            continue
        if reason == "active" and is_started:
            if gaps and not gaps[-1].until:
                gaps[-1].until = at
        elif reason in ("active", "transfer"):
            yield from _told(gaps, newest)
            gaps, is_started = [], reason == "active"
            if is_started:
                yield at, _start(session, each)
        else:
            if not gaps or gaps[-1].until:
                gaps.append(_Gap(at))
            gaps[-1].extend(at, cast(PauseReason, reason))
    yield from _told(gaps, newest)


def _start(session: SessionRow, interval: IntervalRow) -> Fact:
    rate = Cents(interval["rate_cents"], session["currency"])
    return {"code": "clock_started", "rate_per_minute": rate, "free_seconds": session["free_seconds"]}


def _told(gaps: Iterable[_Gap], newest: Callable[[int], int]) -> Iterator[Dated]:
    for row in _rows(gaps, newest):
        if len(row) >= MANY:
            yield _folded(row)
            continue
        for gap in row:
            if gap.until and gap.ms < BRIEF_MS and gap.is_nobodys_wish:
                continue
            for at, reason in gap.reasons:
                yield at, {"code": "paused", "reason": reason}
            if gap.until:
                yield gap.until, {"code": "resumed", "seconds": gap.ms // 1000}


def _rows(gaps: Iterable[_Gap], newest: Callable[[int], int]) -> list[list[_Gap]]:
    """Those that are in a row together; one that lasts is by itself."""
    rows: list[list[_Gap]] = []
    for gap in gaps:
        if gap.until and rows and _is_next(rows[-1][-1], gap, newest):
            rows[-1].append(gap)
        else:
            rows.append([gap])
    return rows


def _is_next(last: _Gap, gap: _Gap, newest: Callable[[int], int]) -> bool:
    if newest(last.since) == newest(gap.since):
        return True
    is_short = gap.since - last.until < SHORT_RUN_MS
    return is_short and last.is_nobodys_wish and gap.is_nobodys_wish


def _folded(row: Sequence[_Gap]) -> Dated:
    reasons = {reason for gap in row for _, reason in gap.reasons}
    return (
        row[0].since,
        {
            "code": "paused_often",
            "reason": reasons.pop() if len(reasons) == 1 else None,
            "count": len(row),
            "seconds": sum(gap.ms for gap in row) // 1000,
        },
    )
