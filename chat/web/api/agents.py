"""Agents, and what is paid to them in advance."""

import re
from typing import Annotated, Any, Literal

from flask import Blueprint, Response, request
from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

from chat import agents, balances, billing, directory, profiles, reviews, sessions
from chat.accounts import User
from chat.directory import Order, Wanted, When
from chat.errors import (
    BodyTooLarge,
    Forbidden,
    IdempotencyMismatch,
    InsufficientBalance,
    NotFound,
    Overloaded,
    PictureTooLarge,
    UnreadablePicture,
)
from chat.hours import DAYS, MAX_SPANS, MAX_SPECIAL_DAYS
from chat.profiles import Changes
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
    described,
    required_key,
    written,
)
from chat.wire import AgentPage, Agents, Balance, ChangedAgent, Done, NewBalance

blueprint = Blueprint("agents", __name__)


NUMBER = re.compile(r"[0-9]{1,9}(\.[0-9]{1,3})?")
# As it is told; forms take more ways to write one.
SPAN = {"type": "string", "pattern": "^([01]\\d|2[0-3]):[0-5]\\d-(([01]\\d|2[0-3]):[0-5]\\d|24:00)$"}
SPANS = {"type": "array", "items": SPAN, "maxItems": MAX_SPANS}
WEEK = {"type": "object", "properties": dict.fromkeys(DAYS, SPANS), "additionalProperties": False}
CODE = {"type": "string", "enum": list(profiles.LANGUAGES)}
CODES = {"type": "array", "items": CODE}
DATE = {"type": "string", "format": "date"}
DAY_APART = {
    "type": "object",
    "properties": {"first": DATE, "last": DATE, "hours": SPANS},
    "required": ["first"],
}
DAYS_APART = {"type": "array", "items": DAY_APART, "maxItems": MAX_SPECIAL_DAYS}


def _number(value: Any) -> Any:
    """Of a query, in which all is text."""
    return float(value) if isinstance(value, str) and NUMBER.fullmatch(value) else None


def _language(value: str) -> str:
    if value not in profiles.LANGUAGES:
        raise PydanticCustomError("language", "must be one of the codes that are known")
    return value


Language = Annotated[str, AfterValidator(_language), WithJsonSchema(CODE)]


class Listed(Query):
    """A page of agents: of all after an id, of those that are wanted by its number."""

    after_agent_id: Digits = Field(default=0, alias="afterAgentId")
    limit: PageSize = 100
    language: Language | None = None
    when: When | None = None
    max_rate: Annotated[Amount, BeforeValidator(_number)] | None = Field(default=None, alias="maxRate")
    sort: Order | None = None
    page: Annotated[Digits, Field(ge=1, le=100_000)] = 1


class Shown(Query):
    """A page of what was said of an agent."""

    before_session_id: Digits = Field(default=MAX_INTEGER, alias="beforeSessionId")
    limit: PageSize = 20


class SpecialDays(BaseModel):
    """Dates with hours of their own; without a `last` one day."""

    first: Text
    last: Text | None = None
    hours: list[Text] = []


class Change(Body):
    """What an agent changes of themselves; what is left out stays."""

    available: Annotated[bool, Field(strict=True)] | None = None
    rate_per_minute: Amount | None = None
    headline: Annotated[Text, Field(max_length=200)] | None = None
    languages: Annotated[list[Text], WithJsonSchema(CODES)] | None = None
    time_zone: Annotated[Text, described("[A-Za-z]+(/[A-Za-z_-]+)*", 60)] | None = None
    hours: Annotated[dict[str, list[Text]], WithJsonSchema(WEEK)] | None = None
    special_days: Annotated[list[SpecialDays], WithJsonSchema(DAYS_APART)] | None = None
    holidays: Annotated[Text, described("([A-Z]{2}(-[A-Za-z0-9]+)?)?", 20)] | None = None


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
@Operation(
    "Agents: all, or those that are wanted, in an order", {200: Agents}, query=Listed, refuses=(Overloaded,)
)
def listed(runtime: Runtime, user: User, asked: Listed) -> Response:
    wanted = Wanted(asked.language, asked.when, asked.max_rate, asked.sort)
    cards, has_more = directory.listed(runtime, user, wanted, asked.after_agent_id, asked.page, asked.limit)
    increments = sessions.increments(billing.terms(runtime.settings))
    return personal({"agents": cards, "increments": increments, "has_more": has_more})


@blueprint.get("/api/chat/agents/<agent_id>")
@Operation("An agent, their next hours, and what clients said", {200: AgentPage}, query=Shown)
def show(runtime: Runtime, user: User, agent_id: int, asked: Shown) -> Response:
    return personal(directory.shown(runtime, user, agent_id, asked.before_session_id, asked.limit))


CHANGING = Operation(
    "An agent changes what is said of them, their switch and rate",
    {200: ChangedAgent},
    body=Change,
    refuses=(Forbidden, Overloaded),
)


def _change(runtime: Runtime, user: User, asked: Change) -> Response:
    days = asked.special_days
    changes = Changes(
        asked.languages,
        asked.time_zone,
        asked.hours,
        None if days is None else [(each.first, each.last or "", each.hours) for each in days],
        asked.holidays,
    )
    card = agents.change(runtime, user, asked.available, asked.rate_per_minute, asked.headline, changes)
    return personal({"success": True, "agent": card})


@blueprint.patch("/api/chat/agents/me")
@CHANGING
def patch(runtime: Runtime, user: User, asked: Change) -> Response:
    return _change(runtime, user, asked)


@blueprint.post("/api/chat/agents/me")
@CHANGING
def change(runtime: Runtime, user: User, asked: Change) -> Response:
    return _change(runtime, user, asked)


@blueprint.post("/api/chat/agents/me/picture")
@Operation(
    "An agent's picture, as the body is: JPEG, PNG, GIF or WebP",
    {200: Done},
    refuses=(Forbidden, BodyTooLarge, PictureTooLarge, UnreadablePicture, Overloaded),
)
def set_picture(runtime: Runtime, user: User) -> Response:
    limit = runtime.settings.max_body_bytes
    content = request.environ["wsgi.input"].read(limit + 1)
    if len(content) > limit:
        raise BodyTooLarge(f"At most {limit} bytes.")
    profiles.set_picture(runtime, user, content)
    return personal({"success": True})


@blueprint.post("/api/chat/reviews/<chat_session_id>/hide")
@Operation("An administrator hides what was said of an agent", {200: Done}, refuses=(Forbidden, Overloaded))
def hide_review(runtime: Runtime, user: User, chat_session_id: int) -> Response:
    reviews.hide(runtime, user, chat_session_id, True)
    return personal({"success": True})


@blueprint.post("/api/chat/reviews/<chat_session_id>/show")
@Operation("An administrator shows it again", {200: Done}, refuses=(Forbidden, Overloaded))
def show_review(runtime: Runtime, user: User, chat_session_id: int) -> Response:
    reviews.hide(runtime, user, chat_session_id, False)
    return personal({"success": True})


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
