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
from chat.settings import Settings
from chat.store.rows import AgentRow
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
    runtime: Runtime, reader: User | None, wanted: Wanted, after_id: int, page: int, limit: int
) -> tuple[list[ListedAgent], bool]:
    """A page of agents, as this reader may see them; and whether there are more.

    All of them go on after an id; those that are wanted, by the number of the page, from 1.
    """
    client_id = _client_id(reader)
    if wanted != Wanted():
        return runtime.database.read_slowly(lambda db: _found(db, runtime, wanted, client_id, page, limit))

    def read(db: Connection) -> list[ListedAgent]:
        now = store.server.now(db)
        rows = store.users.agents(db, after_id, limit + 1, client_id=client_id)
        return [_with_wait(db, agents.card(row, runtime.settings, now)) for row in rows]

    cards = runtime.database.read(read)
    return cards[:limit], len(cards) > limit


def shown(runtime: Runtime, reader: User | None, agent_id: int, before_id: int, limit: int) -> AgentPage:
    """One agent, with the newest reviews of sessions with lower ids; raises NotFound."""

    def read(db: Connection) -> AgentPage:
        now, client_id = store.server.now(db), _client_id(reader)
        rows = store.users.agents(db, agent_id - 1, 1, only_id=agent_id, client_id=client_id)
        if not rows:
            raise NotFound
        said, has_more = reviews.of_agent(db, reader, agent_id, before_id, limit)
        plan = profiles.hours_of(rows[0], runtime.settings)
        return {
            **_with_wait(db, agents.card(rows[0], runtime.settings, now)),
            "time_zone": plan.zone,
            "hours": profiles.week_of(rows[0]),
            "special_days": profiles.special_days_of(rows[0]),
            "holidays": plan.holidays or None,
            "openings": _openings(plan, now),
            "reviews": said,
            "has_more": has_more,
        }

    return runtime.database.read(read)


def _client_id(reader: User | None) -> int | None:
    """Whose view it is, where that makes a difference: whom agents block."""
    return reader.id if reader and reader.role == "client" else None


def languages(runtime: Runtime) -> set[str]:
    """All that somebody speaks who can be asked."""
    return runtime.database.read(store.profiles.languages)


def _found(
    db: Connection, runtime: Runtime, wanted: Wanted, client_id: int | None, page: int, limit: int
) -> tuple[list[ListedAgent], bool]:
    now, settings = store.server.now(db), runtime.settings
    rows = store.users.agents(
        db, 0, -1, client_id=client_id, language=wanted.language, most_cents=wanted.most_cents
    )
    if wanted.when == "here":
        rows = [each for each in rows if agents.may_be_asked(each, settings, now)]
    elif wanted.when == "open":
        rows = [each for each in rows if _is_open(each, settings, now)]
    if wanted.order == "wait":
        waited = {each["id"]: _wait(db, each["id"]) for each in rows}
        rows.sort(key=lambda row: waited[row["id"]])
    elif wanted.order:
        rows.sort(key=ORDERS[wanted.order])
    first = (page - 1) * limit
    cards = [_with_wait(db, agents.card(each, settings, now)) for each in rows[first : first + limit]]
    return cards, len(rows) > first + limit


ORDERS: dict[str, Callable[[AgentRow], Any]] = {
    "price": lambda row: (row["rate_cents"], row["id"]),
    # Of two with the same stars whoever has more of them; without any last.
    "rating": lambda row: (-round(row["rating"] or 0, 1), -row["ratings"], row["id"]),
}


def _is_open(row: AgentRow, settings: Settings, now: int) -> bool:
    found = hours.standing(profiles.hours_of(row, settings), now)
    return found is not None and found.is_open


def _wait(db: Connection, agent_id: int) -> tuple[bool, int, int]:
    """Who has no measure comes last."""
    wait = waits.expected(db, agent_id)
    return wait is None, wait["half_within_seconds"] if wait else 0, agent_id


def _with_wait(db: Connection, card: Agent) -> ListedAgent:
    return {**card, "expected_wait": waits.expected(db, card["id"])}


def _openings(plan: Hours, now: int) -> list[Span]:
    """Of the next days; or, where there are none in them, the first."""
    if not plan.are_said:
        return []
    found = hours.openings(plan, now)
    near = list(islice(takewhile(lambda each: each[0] < now + NEXT_DAYS * DAY_MS, found), MOST_OPENINGS))
    near = near or list(islice(hours.openings(plan, now), 1))
    return [{"starts_at": clock.text(start), "ends_at": clock.text(end)} for start, end in near]
