"""Agents: what a minute with them costs, and whether they take requests."""

from chat import store
from chat.accounts import User
from chat.database.connection import Connection
from chat.errors import AgentUnavailable, Forbidden, NotForClient, NotFound
from chat.live.presence import ONLINE_MS
from chat.money import Cents
from chat.runtime import Runtime
from chat.settings import Settings
from chat.store.rows import AgentRow
from chat.wire import Agent, Availability


def listed(
    runtime: Runtime, after_id: int, limit: int, client_id: int | None = None
) -> tuple[list[Agent], bool]:
    """Agents with higher ids, as this client (or everybody) may see them; and whether there are more."""

    def read(db: Connection) -> list[Agent]:
        now = store.server.now(db)
        rows = store.users.agents(db, after_id, limit + 1, client_id=client_id)
        return [_card(row, runtime.settings, now) for row in rows]

    cards = runtime.database.read(read)
    return cards[:limit], len(cards) > limit


def rates(runtime: Runtime) -> tuple[Cents, Cents] | None:
    """The lowest and the highest rate of those who take requests; None when nobody does."""
    found = runtime.database.read(store.users.rates)
    return found and (Cents(found[0]), Cents(found[1]))


def available(db: Connection, settings: Settings, agent_id: int, client_id: int) -> AgentRow:
    """The agent's row; raises NotFound, AgentUnavailable, NotForClient."""
    rows = store.users.agents(db, 0, 1, only_id=agent_id, client_id=client_id)
    if not rows:
        raise NotFound
    if not rows[0]["is_for_client"]:
        raise NotForClient
    if _state(rows[0], settings) == "away":
        raise AgentUnavailable
    return rows[0]


def change(runtime: Runtime, agent: User, is_available: bool | None, rate_cents: int | None) -> Agent:
    """The agent's own switch and rate; the rate counts from the next session on."""
    if agent.role != "agent":
        raise Forbidden("Only an agent has a rate and takes requests.")

    def write(db: Connection) -> Agent:
        if is_available is not None:
            store.users.set_available(db, agent.id, is_available)
        if rate_cents is not None:
            store.users.set_rate(db, agent.id, rate_cents)
        (row,) = store.users.agents(db, 0, 1, only_id=agent.id)
        return _card(row, runtime.settings, store.server.now(db))

    return runtime.database.write(write)


def _card(row: AgentRow, settings: Settings, now: int) -> Agent:
    return {
        "id": row["id"],
        "name": row["name"],
        "headline": row["headline"],
        "rate_per_minute": Cents(row["rate_cents"]),
        "currency": settings.currency,
        "status": _state(row, settings),
        "is_for_you": bool(row["is_for_client"]),
        "is_online": now - row["seen_at"] < ONLINE_MS,
        "rating": None if row["rating"] is None else round(row["rating"], 1),
        "ratings": row["ratings"],
    }


def _state(row: AgentRow, settings: Settings) -> Availability:
    """`available`, `busy` with as many sessions as they may have, or `away`; who is busy may be asked."""
    if not row["is_available"]:
        return "away"
    return "busy" if row["open_sessions"] >= settings.sessions_per_agent else "available"
