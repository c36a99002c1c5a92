"""What the administrator and the agents see of the past: counts by day, earnings, ratings.

A session is counted on the day that it was asked for; its money and its rating on the day that it ended.
Minutes are the billed ones, each the agent's that it began with. A transferred session is one of each agent
who has a minute of it, and of the one that it ended with.
"""

from bisect import bisect_left
from calendar import timegm
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta, tzinfo
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple

from chat.accounts import User
from chat.database import Connection, Row
from chat.engine import Engine
from chat.money import Cents
from chat.receipts import prices
from chat.store import server
from chat.store import statistics as stored
from chat.store.statistics import QUARTER_MS, Counts

QUARTERS_PER_DAY = 96
STARS = (5, 4, 3, 2, 1)

Tally = Counter[str]


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


def overview(engine: Engine, days: int, zone: tzinfo) -> dict[str, Any]:
    """The last `days` days in `zone`, today included: by day, by agent, by rating, and in all."""

    def read(db: Connection) -> dict[str, Any]:
        period = _last(days, server.now(db), zone)
        by_day = _by_day(db, period, zone)
        shares = _shares(db, period.since, period.until)
        ratings = stored.ratings(db, period.since, period.until)
        agents = _agents(db, shares, ratings)
        ended, cents = stored.ended(db, period.since, period.until)
        return {
            "days": [{"day": day, **_talk(by_day[day])} for day in period.days],
            "agents": agents,
            "ratings": [{"stars": stars, "count": _stars(ratings)[stars]} for stars in STARS],
            "totals": {
                **_talk(_sum(by_day.values())),
                "ended": ended,
                "revenue": Cents(cents),
                "minutes": sum(agent["minutes"] for agent in agents),
                "rating": _mean(_stars(ratings)),
            },
        }

    return engine.database.read(read)


def earnings(engine: Engine, agent: User, days: int, zone: tzinfo) -> dict[str, Any]:
    """What the agent earned on each of the last `days` days in `zone`, in them together, and ever."""

    def read(db: Connection) -> tuple[_Period, list[_Share]]:
        period = _last(days, server.now(db), zone)
        shares = _shares(db, 0, period.until, agent.id)
        return period, [share for share in shares if share.agent_id == agent.id]

    period, shares = engine.database.read(read)
    by_day = {day: Tally() for day in period.days}
    for share in shares:
        if (day := _day(share.quarter, zone)) in by_day:
            by_day[day] += share.tally
    total = _earned(_sum(by_day.values()))
    return {
        "days": [{"day": day, **_earned(tally)} for day, tally in by_day.items()],
        "total": total.pop("revenue"),
        **total,
        "all_time": Cents(sum(share.tally["cents"] for share in shares)),
    }


def _last(days: int, now: int, zone: tzinfo) -> _Period:
    today = _day(now // QUARTER_MS, zone)
    dates = [today - timedelta(ago) for ago in reversed(range(days))]
    return _Period(dates, _start(dates[0], zone), _start(today + timedelta(1), zone))


def _day(quarter: int, zone: tzinfo) -> date:
    """The day that it is in `zone` in this quarter of an hour since 1970."""
    return datetime.fromtimestamp(quarter * QUARTER_MS // 1000, zone).date()


def _start(day: date, zone: tzinfo) -> int:
    """The millisecond that the day begins at, be there a midnight or not.

    Searched for, because pytz's zones, which flask-babel has, tell the day of an instant but not the other
    way round.
    """
    midnight = timegm(day.timetuple()) * 1000 // QUARTER_MS
    near = range(midnight - QUARTERS_PER_DAY, midnight + QUARTERS_PER_DAY)
    return near[bisect_left(near, day, key=lambda quarter: _day(quarter, zone))] * QUARTER_MS


def _by_day(db: Connection, period: _Period, zone: tzinfo) -> defaultdict[date, Tally]:
    """What was sent and asked for on each day on which something was."""
    found: defaultdict[date, Tally] = defaultdict(Tally)
    for quarter, count in stored.messages(db, period.since, period.until):
        found[_day(quarter, zone)]["messages"] += count
    for quarter, count, accepted, waiting_ms in stored.requests(db, period.since, period.until):
        found[_day(quarter, zone)].update(sessions=count, accepted=accepted, waiting_ms=waiting_ms)
    return found


def _shares(db: Connection, since: int, until: int, agent_id: int | None = None) -> Iterator[_Share]:
    """What each agent (or one, and whom they shared with) has of the sessions that ended."""
    for agent, quarter, sessions, minutes, cents in stored.earned(db, since, until, agent_id):
        yield _Share(agent, quarter, Tally(sessions=sessions, minutes=minutes, cents=cents))
    intervals = stored.transferred(db, since, until, agent_id)
    for _, of_session in groupby(intervals, key=itemgetter("id")):
        yield from _divided(list(of_session))


def _divided(intervals: Sequence[Row]) -> Iterator[_Share]:
    """The shares of one transferred session."""
    session = intervals[0]
    parts = [(each["ms"], (each["agent_id"], each["rate_cents"])) for each in intervals]
    minutes = prices(parts, session["free_seconds"])
    for agent_id in {session["last_agent_id"], *(agent for agent, _ in minutes)}:
        own = [cents for agent, cents in minutes if agent == agent_id]
        yield _Share(agent_id, session["quarter"], Tally(sessions=1, minutes=len(own), cents=sum(own)))


def _agents(db: Connection, shares: Iterable[_Share], ratings: Counts) -> list[dict[str, Any]]:
    """Those who had a session, by revenue."""
    tallies: defaultdict[int, Tally] = defaultdict(Tally)
    for share in shares:
        tallies[share.agent_id].update(share.tally)
    had_one = {agent_id: tally for agent_id, tally in tallies.items() if tally["sessions"]}
    names = stored.names(db, had_one)
    found = []
    for agent_id, tally in had_one.items():
        stars = _stars(row for row in ratings if row[0] == agent_id)
        rating = {"rating": _mean(stars), "ratings": stars.total()}
        found.append({"id": agent_id, "name": names[agent_id], **_earned(tally), **rating})
    return sorted(found, key=lambda agent: (-agent["revenue"], agent["name"], agent["id"]))


def _talk(tally: Mapping[str, int]) -> dict[str, Any]:
    waiting_seconds = tally["waiting_ms"] / 1000 / tally["accepted"] if tally["accepted"] else None
    return {
        "messages": tally["messages"],
        "sessions": tally["sessions"],
        "waiting_seconds": waiting_seconds,
    }


def _earned(tally: Mapping[str, int]) -> dict[str, Any]:
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
    return sum(tallies, Tally())
