"""Agents: what a minute with them costs, and whether they take requests."""

from collections.abc import Iterable

from chat import clock, hours, profiles, sessions, store, texts
from chat.accounts import User
from chat.changes import Change, arrive, publish
from chat.database.connection import Connection
from chat.errors import AgentAbsent, AgentUnavailable, Forbidden, NotForClient, NotFound
from chat.money import Cents
from chat.profiles import Changes
from chat.runtime import Runtime
from chat.settings import Settings
from chat.store.rows import AgentRow, UserRow
from chat.wire import Agent, Availability, Opening


def listed(
    runtime: Runtime, after_id: int, limit: int, client_id: int | None = None
) -> tuple[list[Agent], bool]:
    """Agents with higher ids, as this client (or everybody) may see them; and whether there are more."""

    def read(db: Connection) -> list[Agent]:
        now = store.server.now(db)
        rows = store.users.agents(db, after_id, limit + 1, client_id=client_id)
        return [card(row, runtime.settings, now) for row in rows]

    cards = runtime.database.read(read)
    return cards[:limit], len(cards) > limit


def availability(runtime: Runtime, people: Iterable[UserRow]) -> dict[int, Availability]:
    """Whether these agents are there and take requests, by their ids; not how many they have."""
    now = runtime.database.read(store.server.now)
    return {each["id"]: _state(each, 0, runtime.settings, now) for each in people}


def rates(runtime: Runtime) -> tuple[Cents, Cents] | None:
    """The lowest and the highest rate of those who are there and take requests; None when nobody does."""
    absence_ms = runtime.settings.absence_seconds * 1000
    found = runtime.database.read(lambda db: store.users.rates(db, store.server.now(db) - absence_ms))
    return found and (Cents(found[0]), Cents(found[1]))


def available(db: Connection, settings: Settings, agent_id: int, client_id: int) -> AgentRow:
    """The row of an agent who is there and takes requests; raises NotFound, NotForClient, AgentUnavailable,
    AgentAbsent."""
    rows = store.users.agents(db, 0, 1, only_id=agent_id, client_id=client_id)
    if not rows:
        raise NotFound
    if not rows[0]["is_for_client"]:
        raise NotForClient
    state = _state(rows[0], rows[0]["open_sessions"], settings, store.server.now(db))
    if state == "away":
        raise AgentUnavailable
    if state == "absent":
        raise AgentAbsent
    return rows[0]


def change(
    runtime: Runtime,
    agent: User,
    is_available: bool | None,
    rate_cents: int | None,
    headline: str | None = None,
    changes: Changes | None = None,
) -> Agent:
    """The agent's own switch and rate, which counts from the next session on; and what their page says.

    Raises Forbidden, InvalidParameter.
    """
    if agent.role != "agent":
        raise Forbidden("Only an agent has a rate and takes requests.")
    said = None if headline is None else texts.checked(headline, "headline", 200, shortest=0)
    columns = changes.columns() if changes else {}

    def write(db: Connection) -> tuple[list[Change], Agent]:
        arrived = arrive(db, runtime.settings, [agent.id])
        if is_available is not None:
            store.users.set_available(db, agent.id, is_available)
        if rate_cents is not None:
            store.users.set_rate(db, agent.id, rate_cents)
        if said is not None:
            store.users.update(db, agent.id, headline=said)
        profiles.save(db, agent.id, columns)
        (row,) = store.users.agents(db, 0, 1, only_id=agent.id)
        return arrived, card(row, runtime.settings, store.server.now(db))

    arrived, changed = runtime.database.write(write)
    publish(runtime, arrived)
    return changed


def card(row: AgentRow, settings: Settings, now: int) -> Agent:
    """An agent, on the wire."""
    return {
        "id": row["id"],
        "name": row["name"],
        "headline": row["headline"],
        "languages": (row["languages"] or "").split(),
        "picture": row["portrait"] and f"{settings.prefix}/portraits/{row['portrait']}",
        "opening": _opening(row, settings, now),
        "rate_per_minute": Cents(row["rate_cents"]),
        "currency": settings.currency,
        "status": _state(row, row["open_sessions"], settings, now),
        "is_for_you": bool(row["is_for_client"]),
        "is_online": sessions.is_there(row["seen_at"], settings, now),
        "rating": None if row["rating"] is None else round(row["rating"], 1),
        "ratings": row["ratings"],
    }


def may_be_asked(row: AgentRow, settings: Settings, now: int) -> bool:
    """By this client, now."""
    is_there = _state(row, row["open_sessions"], settings, now) in ("available", "busy")
    return is_there and bool(row["is_for_client"])


def _opening(row: AgentRow, settings: Settings, now: int) -> Opening | None:
    found = hours.standing(profiles.hours_of(row, settings), now)
    return found and {
        "is_open": found.is_open,
        "until": clock.text_or_none(found.until),
        "opens_at": clock.text_or_none(found.opens_at),
    }


def _state(row: AgentRow | UserRow, open_sessions: int, settings: Settings, now: int) -> Availability:
    return sessions.availability(row["is_available"], row["seen_at"], open_sessions, settings, now)
