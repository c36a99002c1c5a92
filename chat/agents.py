"""Agents: what a minute with them costs, and whether they take requests."""

from collections.abc import Mapping
from typing import Any

from chat.accounts import User
from chat.database import Connection, Row
from chat.engine import Engine
from chat.errors import AgentUnavailable, Forbidden, NotFound
from chat.money import Cents
from chat.presence import ONLINE_MS
from chat.settings import Settings
from chat.store import server, users


def listed(engine: Engine, after_id: int, limit: int) -> tuple[list[dict[str, Any]], bool]:
    """Agents with higher ids, as everybody may see them; and whether there are more."""

    def read(db: Connection) -> list[dict[str, Any]]:
        now = server.now(db)
        rows = users.agents(db, after_id, limit + 1)
        return [_card(row, engine.rules, now) for row in rows]

    cards = engine.database.read(read)
    return cards[:limit], len(cards) > limit


def available(db: Connection, rules: Settings, agent_id: int) -> Row:
    """The agent's row; raises NotFound, AgentUnavailable."""
    rows = users.agents(db, 0, 1, only_id=agent_id)
    if not rows:
        raise NotFound
    if _state(rows[0], rules) == "away":
        raise AgentUnavailable
    return rows[0]


def change(engine: Engine, agent: User, is_available: bool | None, rate_cents: int | None) -> dict[str, Any]:
    """The agent's own switch and rate; the rate counts from the next session on."""
    if agent.role != "agent":
        raise Forbidden("Only an agent has a rate and takes requests.")

    def store(db: Connection) -> dict[str, Any]:
        if is_available is not None:
            users.set_available(db, agent.id, is_available)
        if rate_cents is not None:
            users.set_rate(db, agent.id, rate_cents)
        (row,) = users.agents(db, 0, 1, only_id=agent.id)
        return _card(row, engine.rules, server.now(db))

    card: dict[str, Any] = engine.database.write(store)
    return card


def _card(row: Mapping[str, Any], rules: Settings, now: int) -> dict[str, Any]:
    return {
        "id": row["id"],
        "name": row["name"],
        "headline": row["headline"],
        "rate_per_minute": Cents(row["rate_cents"]),
        "currency": rules.currency,
        "status": _state(row, rules),
        "is_online": now - row["seen_at"] < ONLINE_MS,
        "rating": None if row["rating"] is None else round(row["rating"], 1),
        "ratings": row["ratings"],
    }


def _state(row: Mapping[str, Any], rules: Settings) -> str:
    """`available`, `busy` with as many sessions as they may have, or `away`; who is busy may be asked."""
    if not row["is_available"]:
        return "away"
    return "busy" if row["open_sessions"] >= rules.sessions_per_agent else "available"
