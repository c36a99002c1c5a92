"""Agents, and what is paid to them in advance."""

from typing import Annotated, Literal

from flask import Blueprint, Response
from pydantic import Field

from chat import agents as domain
from chat import balances
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
    process,
    query,
    signed_in,
)

agents = Blueprint("agents", __name__)


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


@agents.get("/api/chat/agents")
def listed() -> Response:
    here, asked = process(), query(Listed)
    signed_in()
    cards, has_more = domain.listed(here.engine, asked.after_agent_id, asked.limit)
    return personal({"agents": cards, "has_more": has_more})


@agents.post("/api/chat/agents/me")
def change() -> Response:
    here, user, asked = process(), signed_in(), body(Change)
    card = domain.change(here.engine, user, asked.available, asked.rate_per_minute)
    return personal({"success": True, "agent": card})


@agents.get("/api/chat/balance")
def balance() -> Response:
    here, user, asked = process(), signed_in(), query(Entries)
    return personal(balances.of_user(here.engine, user, asked.before_entry_id, asked.limit))


@agents.post("/api/chat/balance")
def change_balance() -> Response:
    here, user, asked = process(), signed_in(), body(Entry)
    left = balances.change(here.engine, user, asked.user_id, asked.kind, asked.amount, asked.reason)
    return personal({"success": True, "balance": left}, 201)
