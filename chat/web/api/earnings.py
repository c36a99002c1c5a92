"""What agents earn, and what they were paid."""

from typing import Annotated, Literal

from flask import Blueprint, Response
from pydantic import Field

from chat import earnings
from chat.accounts import User
from chat.errors import Forbidden, IdempotencyMismatch, NotFound, Overloaded
from chat.runtime import Runtime
from chat.web.answer import personal
from chat.web.contract import Operation
from chat.web.request import Body, Digits, Id, Query, RequiredKey, Some, Text, required_key, written
from chat.web.tables import CSV, table
from chat.wire import PaidOut, Statement

blueprint = Blueprint("earnings", __name__)


class Asked(Query):
    """Whose (0 is one's own), and how."""

    agent_id: Digits = Field(default=0, alias="agentId")
    format: Literal["json", "csv"] = "json"


class Payment(Body):
    """What an agent was paid, or what of it came back."""

    agent_id: Id
    kind: earnings.Kind = "payout"
    amount: Some
    reason: Annotated[Text, written(500)]


@blueprint.get("/api/chat/earnings")
@Operation(
    "Your earnings by month, as an agent; an administrator names whose",
    {200: (Statement, CSV)},
    query=Asked,
    refuses=(NotFound, Overloaded),
)
def show(runtime: Runtime, user: User, asked: Asked) -> Response:
    found = earnings.statement(runtime, user, asked.agent_id or user.id)
    if asked.format == "csv":
        return table(earnings.as_csv(found), f"earnings-{found['agent']['id']}")
    return personal(found)


@blueprint.post("/api/chat/payouts")
@Operation(
    "An administrator records what an agent was paid, or gave back; the header Idempotency-Key is a must",
    {201: PaidOut, 200: PaidOut},
    body=Payment,
    headers=RequiredKey,
    refuses=(Forbidden, NotFound, IdempotencyMismatch, Overloaded),
)
def pay_out(runtime: Runtime, user: User, asked: Payment) -> Response:
    payout, is_old = earnings.pay_out(
        runtime, user, asked.agent_id, asked.kind, asked.amount, asked.reason, required_key()
    )
    paid: PaidOut = {"success": True, "payout": payout}
    return personal({**paid, "duplicate": True}) if is_old else personal(paid, 201)
