"""How requests went, and which agents are there."""

from typing import Annotated, Literal

from flask import Blueprint, Response
from pydantic import Field

from chat import answering, attendance
from chat.accounts import User
from chat.errors import Forbidden, NotFound, Overloaded
from chat.runtime import Runtime
from chat.web.answer import personal
from chat.web.contract import Operation
from chat.web.request import Digits, Query
from chat.web.tables import CSV, table
from chat.wire import Answering, Here

blueprint = Blueprint("answering", __name__, url_prefix="/api/chat/statistics")

Days = Annotated[Digits, Field(ge=1, le=366)]
ZoneName = Annotated[str, Field(max_length=64)]


class Format(Query):
    """Whole, or as a table."""

    format: Literal["json", "csv"] = "json"


class Asked(Format):
    """Of how many days of which time zone, of which agent (0 is all of them), and which of the tables."""

    days: Days = 30
    agent_id: Digits = Field(default=0, alias="agentId")
    zone: ZoneName = Field(default="", alias="timeZone")
    table: answering.Table = "agents"


@blueprint.get("")
@Operation(
    "How requests went: an agent's own, for an administrator all or an agent's",
    {200: (Answering, CSV)},
    query=Asked,
    refuses=(Forbidden, NotFound, Overloaded),
)
def show(runtime: Runtime, user: User, asked: Asked) -> Response:
    found = answering.of_period(runtime, user, asked.days, asked.agent_id or None, asked.zone)
    if asked.format == "csv":
        return table(answering.as_csv(found, asked.table), f"requests-{asked.table}")
    return personal(found)


@blueprint.get("/here")
@Operation(
    "Which agents are there now, for administrators", {200: (Here, CSV)}, query=Format, refuses=(Forbidden,)
)
def show_here(runtime: Runtime, user: User, asked: Format) -> Response:
    found = attendance.here(runtime, user)
    return table(attendance.as_csv(found), "here") if asked.format == "csv" else personal(found)
