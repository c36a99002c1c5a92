"""Agents, and what is paid to them in advance."""

from typing import Annotated, Literal

from flask import Blueprint, Response
from pydantic import Field

from chat import agents, balances, billing, sessions
from chat.accounts import User
from chat.errors import Forbidden, IdempotencyMismatch, InsufficientBalance, NotFound, Overloaded
from chat.runtime import Runtime
from chat.web.answer import personal
from chat.web.contract import Operation
from chat.web.request import (
    MAX_INTEGER,
    Amount,
    Body,
    Digits,
    Id,
    PageSize,
    Query,
    RequiredKey,
    Some,
    Text,
    required_key,
    written,
)
from chat.wire import Agents, Balance, ChangedAgent, NewBalance

blueprint = Blueprint("agents", __name__)


class Listed(Query):
    """A page of agents."""

    after_agent_id: Digits = Field(default=0, alias="afterAgentId")
    limit: PageSize = 100


class Change(Body):
    """What an agent changes of themselves; what is left out stays."""

    available: Annotated[bool, Field(strict=True)] | None = None
    rate_per_minute: Amount | None = None


class Entries(Query):
    """A page of the ledger."""

    before_entry_id: Digits = Field(default=MAX_INTEGER, alias="beforeEntryId")
    limit: PageSize = 100


class Entry(Body):
    """A change of a client's balance."""

    user_id: Id
    kind: Literal["top_up", "refund"]
    amount: Some
    reason: Annotated[Text, written(500)]


@blueprint.get("/api/chat/agents")
@Operation("All agents", {200: Agents}, query=Listed)
def listed(runtime: Runtime, user: User, asked: Listed) -> Response:
    client_id = user.id if user.role == "client" else None
    cards, has_more = agents.listed(runtime, asked.after_agent_id, asked.limit, client_id)
    increments = sessions.increments(billing.terms(runtime.settings))
    return personal({"agents": cards, "increments": increments, "has_more": has_more})


@blueprint.post("/api/chat/agents/me")
@Operation(
    "An agent changes their own switch and rate",
    {200: ChangedAgent},
    body=Change,
    refuses=(Forbidden, Overloaded),
)
def change(runtime: Runtime, user: User, asked: Change) -> Response:
    card = agents.change(runtime, user, asked.available, asked.rate_per_minute)
    return personal({"success": True, "agent": card})


@blueprint.get("/api/chat/balance")
@Operation("Your prepaid balance and its ledger", {200: Balance}, query=Entries)
def balance(runtime: Runtime, user: User, asked: Entries) -> Response:
    return personal(balances.of_user(runtime, user, asked.before_entry_id, asked.limit))


@blueprint.post("/api/chat/balance")
@Operation(
    "An administrator tops up a client's balance, or pays some back; the header Idempotency-Key is a must",
    {201: NewBalance, 200: NewBalance},
    body=Entry,
    headers=RequiredKey,
    refuses=(Forbidden, NotFound, InsufficientBalance, IdempotencyMismatch, Overloaded),
)
def change_balance(runtime: Runtime, user: User, asked: Entry) -> Response:
    left, duplicate = balances.change(
        runtime, user, asked.user_id, asked.kind, asked.amount, asked.reason, required_key()
    )
    changed: NewBalance = {"success": True, "balance": left}
    if duplicate:
        return personal({**changed, "duplicate": True})
    return personal(changed, 201)
