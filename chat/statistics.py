"""What the administrator and the agents see of the past: counts by day, earnings, ratings.

A session is counted on the day that it was asked for; its money and its rating on the day that it ended, a
credit on the day of its note, for who bears it. Minutes are the billed ones, each the agent's that it began
with. A transferred session is one of each agent who has a minute of it, and of the one that it ended with.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from datetime import date
from typing import TypedDict
from zoneinfo import ZoneInfo

from chat import periods, shares, store
from chat.accounts import User
from chat.database.connection import Connection
from chat.money import Cents
from chat.periods import Period, day_of
from chat.runtime import Runtime
from chat.shares import Share, Tally
from chat.store.statistics import Counts

STARS = (5, 4, 3, 2, 1)


class Talk(TypedDict):
    """How much was talked; `waiting_seconds` is the mean until a request was accepted."""

    messages: int
    sessions: int
    waiting_seconds: float | None


class DayOfTalk(Talk):
    day: date


class Earned(TypedDict):
    """What clients paid, what of it is the agents', and with how many billed minutes of how many sessions."""

    revenue: Cents
    share: Cents
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
    """What an agent sees: `total` is their share in the days shown, `all_time` ever."""

    days: list[DayEarned]
    total: Cents
    revenue: Cents
    minutes: int
    sessions: int
    all_time: Cents


def overview(runtime: Runtime, days: int) -> Overview:
    """The last `days` days of the server's zone, today included: by day, agent and rating, and in all."""
    zone = ZoneInfo(runtime.settings.time_zone)

    def read(db: Connection) -> Overview:
        period = periods.last(days, store.server.now(db), zone)
        by_day = _by_day(db, period, zone)
        currency = store.server.currency(db)
        ended = list(shares.of_ended(db, period.since, period.until, currency))
        ratings = store.statistics.ratings(db, period.since, period.until)
        agents = _agents(db, ended, ratings)
        count, cents = store.statistics.ended(db, period.since, period.until)
        credits = store.statistics.credited(db, period.since, period.until, currency, None)
        credited = sum(cents for _, _, cents, _ in credits)
        return {
            "days": [{"day": day, **_talk(by_day[day])} for day in period.days],
            "agents": agents,
            "ratings": [{"stars": stars, "count": _stars(ratings)[stars]} for stars in STARS],
            "totals": {
                **_talk(_sum(by_day.values())),
                "ended": count,
                "revenue": Cents(cents - credited),
                "minutes": sum(agent["minutes"] for agent in agents),
                "rating": _mean(_stars(ratings)),
            },
        }

    return runtime.database.read_slowly(read)


def earnings(runtime: Runtime, agent: User, days: int) -> Earnings:
    """What the agent earned on each of the last `days` days, in them together, and ever."""
    zone = ZoneInfo(runtime.settings.time_zone)

    def read(db: Connection) -> tuple[Period, list[Share]]:
        period = periods.last(days, store.server.now(db), zone)
        return period, list(shares.of_agent(db, 0, period.until, store.server.currency(db), agent.id))

    period, own = runtime.database.read_slowly(read)
    by_day = {day: Tally() for day in period.days}
    for share in own:
        if (day := day_of(share.quarter, zone)) in by_day:
            by_day[day].update(share.tally)
    total = _earned(_sum(by_day.values()))
    return {
        "days": [{"day": day, **_earned(tally)} for day, tally in by_day.items()],
        "total": total["share"],
        "revenue": total["revenue"],
        "minutes": total["minutes"],
        "sessions": total["sessions"],
        "all_time": Cents(sum(share.tally["share"] for share in own)),
    }


def _by_day(db: Connection, period: Period, zone: ZoneInfo) -> defaultdict[date, Tally]:
    """What was sent and asked for on each day on which something was."""
    found: defaultdict[date, Tally] = defaultdict(Tally)
    for quarter, count in store.statistics.messages(db, period.since, period.until):
        found[day_of(quarter, zone)]["messages"] += count
    for quarter, count, accepted, *_, waiting_ms in store.requests.by_quarter(db, period.since, period.until):
        found[day_of(quarter, zone)].update(sessions=count, accepted=accepted, waiting_ms=waiting_ms)
    return found


def _agents(db: Connection, ended: Iterable[Share], ratings: Counts) -> list[AgentEarned]:
    """Those who had a session, or gave some of one back, by revenue."""
    tallies: defaultdict[int, Tally] = defaultdict(Tally)
    for share in ended:
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
        "share": Cents(tally["share"]),
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
