"""What the administrator and the agents see of the past: counts by day, earnings, ratings.

A session is counted on the day that it was asked for; its money and its rating on the day that it ended, a
credit on the day of its note, for who bears it. Minutes are the billed ones, each the agent's that it began
with. A transferred session is one of each agent who has a minute of it, and of the one that it ended with.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from itertools import groupby
from operator import itemgetter
from typing import NamedTuple, TypedDict
from zoneinfo import ZoneInfo

from chat import billing, store
from chat.accounts import User
from chat.database.connection import Connection
from chat.money import Cents
from chat.runtime import Runtime
from chat.store.rows import ShareRow
from chat.store.statistics import QUARTER_MS, Counts

STARS = (5, 4, 3, 2, 1)

Tally = Counter[str]


class Talk(TypedDict):
    """How much was talked; `waiting_seconds` is the mean until a request was accepted."""

    messages: int
    sessions: int
    waiting_seconds: float | None


class DayOfTalk(Talk):
    day: date


class Earned(TypedDict):
    """What was earned, with how many billed minutes of how many sessions."""

    revenue: Cents
    minutes: int
    sessions: int


class DayEarned(Earned):
    day: date


class AgentEarned(Earned):
    id: int
    name: str
    rating: float | None
    ratings: int


class Stars(TypedDict):
    stars: int
    count: int


class Totals(Talk):
    ended: int
    revenue: Cents
    minutes: int
    rating: float | None


class Overview(TypedDict):
    """What an administrator sees of a period; `ratings` by stars, most first."""

    days: list[DayOfTalk]
    agents: list[AgentEarned]
    ratings: list[Stars]
    totals: Totals


class Earnings(TypedDict):
    """What an agent sees; `total` is of the days shown."""

    days: list[DayEarned]
    total: Cents
    minutes: int
    sessions: int
    all_time: Cents


class _Period(NamedTuple):
    """Whole days of a zone, and the milliseconds from the first one's beginning to the last one's end."""

    days: list[date]
    since: int
    until: int


class _Share(NamedTuple):
    """What an agent has of the sessions that ended in a quarter of an hour."""

    agent_id: int
    quarter: int
    tally: Tally


def overview(runtime: Runtime, days: int) -> Overview:
    """The last `days` days of the server's zone, today included: by day, agent and rating, and in all."""
    zone = ZoneInfo(runtime.settings.time_zone)

    def read(db: Connection) -> Overview:
        period = _last(days, store.server.now(db), zone)
        by_day = _by_day(db, period, zone)
        shares = _shares(db, period.since, period.until)
        ratings = store.statistics.ratings(db, period.since, period.until)
        agents = _agents(db, shares, ratings)
        ended, cents = store.statistics.ended(db, period.since, period.until)
        credited = sum(row[2] for row in store.statistics.credited(db, period.since, period.until, None))
        return {
            "days": [{"day": day, **_talk(by_day[day])} for day in period.days],
            "agents": agents,
            "ratings": [{"stars": stars, "count": _stars(ratings)[stars]} for stars in STARS],
            "totals": {
                **_talk(_sum(by_day.values())),
                "ended": ended,
                "revenue": Cents(cents - credited),
                "minutes": sum(agent["minutes"] for agent in agents),
                "rating": _mean(_stars(ratings)),
            },
        }

    return runtime.database.read_slowly(read)


def earnings(runtime: Runtime, agent: User, days: int) -> Earnings:
    """What the agent earned on each of the last `days` days, in them together, and ever."""
    zone = ZoneInfo(runtime.settings.time_zone)

    def read(db: Connection) -> tuple[_Period, list[_Share]]:
        period = _last(days, store.server.now(db), zone)
        shares = _shares(db, 0, period.until, agent.id)
        return period, [share for share in shares if share.agent_id == agent.id]

    period, shares = runtime.database.read_slowly(read)
    by_day = {day: Tally() for day in period.days}
    for share in shares:
        if (day := _day(share.quarter, zone)) in by_day:
            by_day[day].update(share.tally)
    total = _earned(_sum(by_day.values()))
    return {
        "days": [{"day": day, **_earned(tally)} for day, tally in by_day.items()],
        "total": total["revenue"],
        "minutes": total["minutes"],
        "sessions": total["sessions"],
        "all_time": Cents(sum(share.tally["cents"] for share in shares)),
    }


def _last(days: int, now: int, zone: ZoneInfo) -> _Period:
    today = _day(now // QUARTER_MS, zone)
    dates = [today - timedelta(ago) for ago in reversed(range(days))]
    return _Period(dates, _start(dates[0], zone), _start(today + timedelta(1), zone))


def _day(quarter: int, zone: ZoneInfo) -> date:
    """The day that it is in `zone` in this quarter of an hour since 1970."""
    return datetime.fromtimestamp(quarter * QUARTER_MS // 1000, zone).date()


def _start(day: date, zone: ZoneInfo) -> int:
    """The millisecond that the day begins at; where there is no midnight, the clock's jump over it."""
    return round(datetime(day.year, day.month, day.day, tzinfo=zone).timestamp() * 1000)


def _by_day(db: Connection, period: _Period, zone: ZoneInfo) -> defaultdict[date, Tally]:
    """What was sent and asked for on each day on which something was."""
    found: defaultdict[date, Tally] = defaultdict(Tally)
    for quarter, count in store.statistics.messages(db, period.since, period.until):
        found[_day(quarter, zone)]["messages"] += count
    for quarter, count, accepted, waiting_ms in store.statistics.requests(db, period.since, period.until):
        found[_day(quarter, zone)].update(sessions=count, accepted=accepted, waiting_ms=waiting_ms)
    return found


def _shares(db: Connection, since: int, until: int, agent_id: int | None = None) -> Iterator[_Share]:
    """What each agent (or one, and whom they shared with) has of the sessions that ended."""
    for agent, quarter, sessions, minutes, cents in store.statistics.earned(db, since, until, agent_id):
        yield _Share(agent, quarter, Tally(sessions=sessions, minutes=minutes, cents=cents))
    for agent, quarter, cents in store.statistics.credited(db, since, until, agent_id):
        yield _Share(agent, quarter, Tally(cents=-cents))
    intervals = store.statistics.transferred(db, since, until, agent_id)
    for _, of_session in groupby(intervals, key=itemgetter("id")):
        yield from _divided(list(of_session))


def _divided(intervals: Sequence[ShareRow]) -> Iterator[_Share]:
    """The shares of one transferred session."""
    session = intervals[0]
    parts = [(each["ms"], each["rate_cents"], each["agent_id"]) for each in intervals]
    charged = billing.charges(parts, session["free_seconds"], session)
    for agent_id in {session["last_agent_id"], *(each.label for each in charged)}:
        own = [each for each in charged if each.label == agent_id]
        minutes = billing.begun_minutes(sum(each.increments * each.seconds for each in own))
        tally = Tally(sessions=1, minutes=minutes, cents=billing.total(own))
        yield _Share(agent_id, session["quarter"], tally)


def _agents(db: Connection, shares: Iterable[_Share], ratings: Counts) -> list[AgentEarned]:
    """Those who had a session, or gave some of one back, by revenue."""
    tallies: defaultdict[int, Tally] = defaultdict(Tally)
    for share in shares:
        tallies[share.agent_id].update(share.tally)
    had_one = {agent: tally for agent, tally in tallies.items() if tally["sessions"] or tally["cents"]}
    names = store.statistics.names(db, had_one)
    found: list[AgentEarned] = []
    for agent_id, tally in had_one.items():
        stars = _stars(row for row in ratings if row[0] == agent_id)
        found.append(
            {
                "id": agent_id,
                "name": names[agent_id],
                **_earned(tally),
                "rating": _mean(stars),
                "ratings": stars.total(),
            }
        )
    return sorted(found, key=lambda agent: (-agent["revenue"], agent["name"], agent["id"]))


def _talk(tally: Mapping[str, int]) -> Talk:
    waiting_seconds = tally["waiting_ms"] / 1000 / tally["accepted"] if tally["accepted"] else None
    return {
        "messages": tally["messages"],
        "sessions": tally["sessions"],
        "waiting_seconds": waiting_seconds,
    }


def _earned(tally: Mapping[str, int]) -> Earned:
    return {
        "revenue": Cents(tally["cents"]),
        "minutes": tally["minutes"],
        "sessions": tally["sessions"],
    }


def _stars(ratings: Iterable[tuple[int, ...]]) -> Counter[int]:
    """How often each was given."""
    found: Counter[int] = Counter()
    for _, rating, count in ratings:
        found[rating] += count
    return found


def _mean(stars: Counter[int]) -> float | None:
    count = stars.total()
    return sum(rating * given for rating, given in stars.items()) / count if count else None


def _sum(tallies: Iterable[Tally]) -> Tally:
    total = Tally()
    for tally in tallies:  # Not `+`, which drops what is below zero: a day may have more credits than talks.
        total.update(tally)
    return total
