"""Agents, and what is paid to them in advance."""

from typing import Annotated, Literal

from flask import Blueprint, Response
from pydantic import Field

from chat import agents, balances
from chat.web.answer import personal
from chat.web.request import (
    MAX_INTEGER,
    Amount,
    Body,
    Digits,
    Id,
    Query,
    Text,
    body,
    current_runtime,
    query,
    signed_in,
)

blueprint = Blueprint("agents", __name__)


class Listed(Query):
    """A page of agents."""

    after_agent_id: Digits = Field(default=0, alias="afterAgentId")
    limit: Annotated[Digits, Field(ge=1, le=100)] = 100


class Change(Body):
    """What an agent changes of themselves; what is left out stays."""

    available: Annotated[bool, Field(strict=True)] | None = None
    rate_per_minute: Amount | None = None


class Entries(Query):
    """A page of the ledger."""

    before_entry_id: Digits = Field(default=MAX_INTEGER, alias="beforeEntryId")
    limit: Annotated[Digits, Field(ge=1, le=100)] = 100


class Entry(Body):
    """A change of a client's balance."""

    user_id: Id
    kind: Literal["top_up", "refund"]
    amount: Amount
    reason: Text


@blueprint.get("/api/chat/agents")
def listed() -> Response:
    runtime, asked = current_runtime(), query(Listed)
    signed_in()
    cards, has_more = agents.listed(runtime, asked.after_agent_id, asked.limit)
    return personal({"agents": cards, "has_more": has_more})


@blueprint.post("/api/chat/agents/me")
def change() -> Response:
    runtime, user, asked = current_runtime(), signed_in(), body(Change)
    card = agents.change(runtime, user, asked.available, asked.rate_per_minute)
    return personal({"success": True, "agent": card})


@blueprint.get("/api/chat/balance")
def balance() -> Response:
    runtime, user, asked = current_runtime(), signed_in(), query(Entries)
    return personal(balances.of_user(runtime, user, asked.before_entry_id, asked.limit))


@blueprint.post("/api/chat/balance")
def change_balance() -> Response:
    runtime, user, asked = current_runtime(), signed_in(), body(Entry)
    left = balances.change(runtime, user, asked.user_id, asked.kind, asked.amount, asked.reason)
    return personal({"success": True, "balance": left}, 201)
