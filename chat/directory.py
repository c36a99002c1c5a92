"""The agents that can be looked for, and all that is told of one."""

from collections.abc import Callable
from itertools import islice, takewhile
from typing import Any, Literal, NamedTuple

from chat import agents, clock, hours, profiles, reviews, store, waits
from chat.accounts import DAY_MS, User
from chat.database.connection import Connection
from chat.errors import NotFound
from chat.hours import Hours
from chat.runtime import Runtime
from chat.wire import Agent, AgentPage, ListedAgent, Span

When = Literal["here", "open"]
Order = Literal["price", "rating", "wait"]
# What a page tells of the next hours: of so many days, and not more than so many.
NEXT_DAYS = 7
MOST_OPENINGS = 21


class Wanted(NamedTuple):
    """Who speaks a language, is `here` to be asked or `open` by their hours, costs no more; in an order."""

    language: str | None = None
    when: When | None = None
    most_cents: int | None = None
    order: Order | None = None


def listed(
    runtime: Runtime, reader: User, wanted: Wanted, after_id: int, page: int, limit: int
) -> tuple[list[ListedAgent], bool]:
    """A page of agents, as this reader may see them; and whether there are more.

    All of them go on after an id; those that are wanted, by the number of the page, from 1.
    """
    client_id = reader.id if reader.role == "client" else None
    if wanted != Wanted():
        return runtime.database.read_slowly(lambda db: _found(db, runtime, wanted, client_id, page, limit))

    def read(db: Connection) -> list[ListedAgent]:
        now = store.server.now(db)
        rows = store.users.agents(db, after_id, limit + 1, client_id=client_id)
        return [_with_wait(db, agents.card(row, runtime.settings, now)) for row in rows]

    cards = runtime.database.read(read)
    return cards[:limit], len(cards) > limit


def shown(runtime: Runtime, reader: User, agent_id: int, before_id: int, limit: int) -> AgentPage:
    """One agent, with the newest reviews of sessions with lower ids; raises NotFound."""

    def read(db: Connection) -> AgentPage:
        now, client_id = store.server.now(db), reader.id if reader.role == "client" else None
        rows = store.users.agents(db, agent_id - 1, 1, only_id=agent_id, client_id=client_id)
        if not rows:
            raise NotFound
        said, has_more = reviews.of_agent(db, reader, agent_id, before_id, limit)
        plan = profiles.hours_of(rows[0], runtime.settings)
        return {
            **_with_wait(db, agents.card(rows[0], runtime.settings, now)),
            "time_zone": plan.zone,
            "hours": {
                day: hours.written(spans) for day, spans in zip(hours.DAYS, plan.week, strict=False) if spans
            },
            "special_days": [
                {"first": str(each.first), "last": str(each.last), "hours": hours.written(each.spans)}
                for each in plan.special
            ],
            "holidays": plan.holidays or None,
            "openings": _openings(plan, now),
            "reviews": said,
            "has_more": has_more,
        }

    return runtime.database.read(read)


def languages(runtime: Runtime) -> set[str]:
    """All that somebody speaks who can be asked."""
    return runtime.database.read(store.profiles.languages)


def _found(
    db: Connection, runtime: Runtime, wanted: Wanted, client_id: int | None, page: int, limit: int
) -> tuple[list[ListedAgent], bool]:
    now = store.server.now(db)
    rows = store.users.agents(
        db, 0, -1, client_id=client_id, language=wanted.language, most_cents=wanted.most_cents
    )
    cards = [agents.card(row, runtime.settings, now) for row in rows]
    if wanted.when == "here":
        cards = [each for each in cards if each["is_for_you"] and each["status"] in ("available", "busy")]
    elif wanted.when == "open":
        cards = [each for each in cards if each["opening"] and each["opening"]["is_open"]]
    first = (page - 1) * limit
    if wanted.order == "wait":  # Only then of all.
        timed = sorted((_with_wait(db, each) for each in cards), key=_wait)
        return timed[first : first + limit], len(timed) > first + limit
    if wanted.order:
        cards.sort(key=ORDERS[wanted.order])
    return [_with_wait(db, each) for each in cards[first : first + limit]], len(cards) > first + limit


ORDERS: dict[str, Callable[[Agent], Any]] = {
    "price": lambda agent: (agent["rate_per_minute"], agent["id"]),
    # Of two with the same stars whoever has more of them; without any last.
    "rating": lambda agent: (-(agent["rating"] or 0), -agent["ratings"], agent["id"]),
}


def _wait(agent: ListedAgent) -> tuple[bool, int, int]:
    """Who has no measure comes last."""
    wait = agent["expected_wait"]
    return (wait is None, wait["half_within_seconds"] if wait else 0, agent["id"])


def _with_wait(db: Connection, card: Agent) -> ListedAgent:
    return {**card, "expected_wait": waits.expected(db, card["id"])}


def _openings(plan: Hours, now: int) -> list[Span]:
    """Of the next days; or, where there are none in them, the first."""
    found = hours.openings(plan, now) if any((*plan.week, *plan.special)) else iter(())
    near = list(islice(takewhile(lambda each: each[0] < now + NEXT_DAYS * DAY_MS, found), MOST_OPENINGS))
    near = near or list(islice(hours.openings(plan, now), 1))
    return [{"starts_at": clock.text(start), "ends_at": clock.text(end)} for start, end in near]
