"""How requests went: accepted or not, how long that took, and in which hours of the week.

docs/decisions/0059-a-request-counts-when-it-is-made.md says what is counted, and what is not.
"""

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from itertools import accumulate
from typing import Literal, NamedTuple, cast
from zoneinfo import ZoneInfo

from chat import periods, sheets, store
from chat.accounts import User
from chat.database.connection import Connection
from chat.errors import Forbidden, NotFound
from chat.periods import HOURS_OF_WEEK, Period
from chat.runtime import Runtime
from chat.wire import AgentOutcome, Answering, DayAsked, ExpectedWait, HourAsked, Outcome, Person, Requests

QUARTERS_PER_HOUR = 4
COUNTS = ("requests", "accepted", "missed", "cancelled", "declined")
TIMES = tuple(
    f"{what}_{part}_within_seconds" for what in ("accepted", "answered") for part in ("half", "most")
)
COLUMNS = {
    "agents": ("agent_id", "agent", *COUNTS, "waiting", *TIMES),
    "days": ("day", *COUNTS),
    "hours": ("weekday", "hour", "hours", *COUNTS, "agents_there", "agents_taking"),
}

Table = Literal["agents", "days", "hours"]


class _Went(NamedTuple):
    """How requests went, and after how many seconds how many were accepted and answered."""

    counts: Counter[str]
    accepted: Counter[int]
    answered: Counter[int]


def of_period(
    runtime: Runtime, reader: User, days: int, agent_id: int | None = None, zone_name: str | None = None
) -> Answering:
    """Those of the last days of a time zone (or the server's), today included.

    An agent sees their own, an administrator all, or an agent's.

    Raises Forbidden, NotFound, InvalidParameter.
    """
    whose, zone = _whose(reader, agent_id), periods.zone_of(runtime.settings, zone_name)

    def read(db: Connection) -> Answering:
        agent, now = None if whose is None else _agent(db, whose), store.server.now(db)
        # What comes while this is read belongs to the next time.
        period = periods.last(days, now, zone).until_now(now)
        asked = store.requests.by_quarter(db, period.since, period.until, whose)
        by_agent = _by_agent(db, period, whose)
        return {
            "days": days,
            "time_zone": str(zone),
            "agent": agent,
            "total": _outcome(_sum(by_agent.values())),
            "by_agent": [] if agent else _named(db, by_agent),
            "by_day": _by_day(period, zone, asked),
            "by_hour": _by_hour(db, period, zone, asked, is_whole=agent is None),
        }

    return runtime.database.read_slowly(read)


def as_csv(found: Answering, table: Table) -> str:
    """One of its tables, with a head."""
    rows: Sequence[Mapping[str, object]] = found["by_day"] if table == "days" else found["by_hour"]
    if table == "agents":
        own: AgentOutcome = {"agent": found["agent"], **found["total"]}
        rows = [_cells(each) for each in (found["by_agent"] if found["agent"] is None else [own])]
    return sheets.as_csv(COLUMNS[table], rows)


def _whose(reader: User, agent_id: int | None) -> int | None:
    if reader.role == "client":
        raise Forbidden("Only agents and administrators see how requests went.")
    if reader.role == "agent" and agent_id not in (None, reader.id):
        raise NotFound
    return reader.id if reader.role == "agent" else agent_id


def _agent(db: Connection, agent_id: int) -> Person:
    row = store.users.by_id(db, agent_id)
    if row is None or row["role"] != "agent":
        raise NotFound
    return {"id": row["id"], "name": row["name"]}


def _none() -> _Went:
    return _Went(Counter(), Counter(), Counter())


def _by_agent(db: Connection, period: Period, whose: int | None) -> dict[int | None, _Went]:
    found: defaultdict[int | None, _Went] = defaultdict(_none)
    for owner, outcome, seconds, count in store.requests.by_outcome(db, period.since, period.until, whose):
        found[owner].counts.update({"requests": count, outcome: count})
        if seconds is not None:
            found[owner].accepted[seconds] += count
    for owner, seconds, count in store.requests.by_answer(db, period.since, period.until, whose):
        found[owner].answered[seconds] += count
    return found


def _sum(all: Iterable[_Went]) -> _Went:
    total = _none()
    for went in all:
        total.counts.update(went.counts)
        total.accepted.update(went.accepted)
        total.answered.update(went.answered)
    return total


def _named(db: Connection, by_agent: Mapping[int | None, _Went]) -> list[AgentOutcome]:
    """Whoever had most comes first; those that were nobody's are last."""
    names = store.statistics.names(db, [each for each in by_agent if each is not None])
    found: list[AgentOutcome] = [
        {"agent": None if owner is None else {"id": owner, "name": names[owner]}, **_outcome(went)}
        for owner, went in by_agent.items()
    ]
    return sorted(
        found,
        key=lambda each: (
            each["agent"] is None,
            -each["requests"],
            each["agent"] and (each["agent"]["name"], each["agent"]["id"]),
        ),
    )


def _by_day(period: Period, zone: ZoneInfo, asked: list[tuple[int, ...]]) -> list[DayAsked]:
    counts: defaultdict[date, Counter[str]] = defaultdict(Counter)
    for quarter, *row in asked:
        counts[periods.day_of(quarter, zone)].update(_of_row(row))
    return [{"day": day.isoformat(), **_requests(counts[day])} for day in period.days]


def _by_hour(
    db: Connection, period: Period, zone: ZoneInfo, asked: list[tuple[int, ...]], is_whole: bool
) -> list[HourAsked]:
    """All of the week; who was there is known of all agents together alone."""
    hour_of = {quarter: periods.hour_of_week(quarter, zone) for quarter in period.quarters()}
    had, counts = Counter(hour_of.values()), [Counter[str]() for _ in range(HOURS_OF_WEEK)]
    for quarter, *row in asked:
        counts[hour_of[quarter]].update(_of_row(row))
    if is_whole:
        for quarter, there, taking in store.attendance.noted(db, min(hour_of), max(hour_of)):
            counts[hour_of[quarter]].update(noted=1, there=there, taking=taking)
    return [
        {
            "weekday": number // 24 + 1,
            "hour": number % 24,
            "hours": had[number] / QUARTERS_PER_HOUR,
            **_requests(count),
            "agents_there": _mean(count, "there"),
            "agents_taking": _mean(count, "taking"),
        }
        for number, count in enumerate(counts)
    ]


def _of_row(row: Iterable[int]) -> dict[str, int]:
    return dict(zip(COUNTS, row, strict=False))


def _requests(counts: Counter[str]) -> Requests:
    return cast(Requests, {name: counts[name] for name in COUNTS})


def _mean(count: Counter[str], name: str) -> float | None:
    return round(count[name] / count["noted"], 2) if count["noted"] else None


def _outcome(went: _Went) -> Outcome:
    return {
        **_requests(went.counts),
        "waiting": went.counts["waiting"],
        "to_accept": _within(went.accepted),
        "to_answer": _within(went.answered),
    }


def _within(seconds: Counter[int]) -> ExpectedWait | None:
    """In how many half and nine in ten were: by nearest rank, as the waiting room has it."""
    if not seconds:
        return None
    values = sorted(seconds)
    ranks = list(accumulate(seconds[each] for each in values))
    total = ranks[-1]
    half, most = (values[bisect_left(ranks, -(-percent * total // 100))] for percent in (50, 90))
    return {"requests": total, "half_within_seconds": half, "most_within_seconds": most}


def _cells(row: AgentOutcome) -> dict[str, object]:
    agent, times = row["agent"], (row["to_accept"], row["to_answer"])
    known = [each and each[part] for each in times for part in ("half_within_seconds", "most_within_seconds")]
    named = {"agent_id": agent["id"], "agent": agent["name"]} if agent else {}
    counts = {name: value for name, value in row.items() if name in (*COUNTS, "waiting")}
    return {**named, **counts, **dict(zip(TIMES, known, strict=True))}
