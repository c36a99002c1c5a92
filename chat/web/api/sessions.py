"""Chat sessions: the inbox, asking for one, and what can be done with one."""

import re
from collections.abc import Callable
from typing import Annotated

from flask import Blueprint, Response
from pydantic import BeforeValidator, ConfigDict, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

from chat import inbox, receipts, sessions, timeline, transitions
from chat.accounts import User
from chat.documents import encode
from chat.errors import (
    AgentAbsent,
    AgentUnavailable,
    CursorReset,
    Forbidden,
    InsufficientBalance,
    NobodyForClient,
    NotForClient,
    NotFound,
    OfferChanged,
    Overloaded,
    Problem,
    RateChanged,
    SessionEnded,
    SpendingLimitReached,
    WrongStatus,
)
from chat.inbox import Inbox
from chat.runtime import Runtime
from chat.web.answer import personal
from chat.web.contract import Operation
from chat.web.held import ALWAYS, NOT_HELD, Answer, Held, LongPoll
from chat.web.request import (
    MAX_INTEGER,
    WRITTEN,
    Amount,
    Body,
    Digits,
    Id,
    PageSize,
    Text,
    caller,
)
from chat.wire import Answered, History, Listing, Receipt, TimedSession

blueprint = Blueprint("sessions", __name__, url_prefix="/api/chat/sessions")
SESSION = "/<chat_session_id>"
# What every change of a session may be refused for.
REFUSALS = (Forbidden, SessionEnded, WrongStatus, Overloaded)
PEERS = re.compile(r"\d{1,19}:[a-z]{1,10}(,\d{1,19}:[a-z]{1,10}){0,999}")


def _peers(value: str) -> dict[str, str]:
    """`45:typing,46:online`, as a dict."""
    if value and not PEERS.fullmatch(value):
        raise PydanticCustomError("peers", "must be like 45:typing,46:online, or empty")
    return dict(each.split(":") for each in value.split(",")) if value else {}


class Listed(LongPoll):
    """The query string of the inbox; with `status=ended` it is the history."""

    cursor: Digits | None = None
    status: Annotated[str, Field(pattern="^ended$")] | None = None
    before_session_id: Digits = Field(default=MAX_INTEGER, alias="beforeSessionId")
    limit: PageSize = 100
    peers: (
        Annotated[
            dict[str, str],
            BeforeValidator(_peers),
            WithJsonSchema({"type": "string", "pattern": f"^({PEERS.pattern})?$"}),
        ]
        | None
    ) = None


class Request(Body):
    """What a client asks for: of an agent at the rate that was shown, or of any at a maximum."""

    # One of the two is there, and not null.
    model_config = ConfigDict(
        json_schema_extra={
            "anyOf": [
                {"required": [name], "properties": {name: {"type": kind}}}
                for name, kind in (("agent_id", "integer"), ("max_rate", "number"))
            ]
        }
    )

    agent_id: Id | None = None
    rate_per_minute: Amount | None = None
    max_rate: Amount | None = None
    message: Annotated[Text, WRITTEN] | None = None
    spending_limit: Amount | None = None

    @property
    def shown_rate(self) -> int | None:
        """What a minute with this agent may cost, as far as the client says: cents."""
        said = [each for each in (self.rate_per_minute, self.max_rate) if each is not None]
        return min(said, default=None)


class Limit(Body):
    """What a client will spend at most; null is no limit."""

    spending_limit: Amount | None


class Transfer(Body):
    """Who goes on, and a note for them that the client does not see."""

    agent_id: Id
    text: Annotated[Text, WRITTEN] | None = None


class Agreement(Body):
    """Who goes on, and what a minute with them costs: as it was offered."""

    agent_id: Id
    rate_per_minute: Amount


class Rating(Body):
    """How it was."""

    rating: Annotated[int, Field(strict=True, ge=1, le=5)]
    comment: Annotated[str, Field(strict=True, max_length=1000)] | None = None
    public: Annotated[bool, Field(strict=True)] = False


@blueprint.get("")
@Operation(
    "The inbox, at once or as soon as something changes; or the history",
    {200: Listing | History},
    query=Listed,
    refuses=(CursorReset,),
)
def listed(runtime: Runtime, user: User, asked: Listed) -> Response:
    cursor, limit = asked.cursor, asked.limit
    if asked.status == "ended":
        cards, has_more = inbox.history(runtime, user, asked.before_session_id, limit)
        return personal({"sessions": cards, "has_more": has_more})
    seconds, client = asked.seconds(runtime.settings), caller()
    is_held, peers = asked.is_long_poll, asked.peers

    def read() -> Answer:
        if not is_held or cursor is None:
            is_live = peers is not None
            page = runtime.database.read(lambda db: inbox.fetch(db, runtime, user, cursor, limit, is_live))
            return Answer(encode(_content(page)))
        page = inbox.wait(runtime, user, cursor, limit, seconds, client, peers)
        return Answer(encode(_content(page)), ALWAYS if page.was_held else NOT_HELD)

    return Held(read)


@blueprint.post("")
@Operation(
    "A client asks for a session",
    {201: Answered, 200: Answered},
    body=Request,
    refuses=(
        *(Forbidden, NotFound, AgentUnavailable, AgentAbsent, NotForClient, NobodyForClient),
        *(RateChanged, InsufficientBalance, Overloaded),
    ),
)
def ask(runtime: Runtime, user: User, asked: Request) -> Response:
    # Null is a client who wants none; left out, it is the operator's.
    is_named = "spending_limit" in asked.model_fields_set
    limit = asked.spending_limit if is_named else runtime.spending_limit
    most = asked.max_rate if asked.agent_id is None else asked.shown_rate
    session, is_old = transitions.request(runtime, user, asked.agent_id, asked.message, limit, most)
    more = {"duplicate": True} if is_old else {}
    return _answer(session, 200 if is_old else 201, **more)


@blueprint.get(SESSION)
@Operation("One session", {200: Answered})
def show(runtime: Runtime, user: User, session_id: int) -> Response:
    return _answer(timeline.read(runtime, user, session_id))


def _transition(
    name: str, summary: str, act: Callable[[Runtime, User, int], TimedSession], *more: type[Problem]
) -> None:
    """A route for what needs no more than who does it to which session."""

    @Operation(summary, {200: Answered}, refuses=(*REFUSALS, *more))
    def view(runtime: Runtime, user: User, session_id: int) -> Response:
        return _answer(act(runtime, user, session_id))

    blueprint.add_url_rule(f"{SESSION}/{name}", name.rpartition("/")[2], view, methods=["POST"])


_transition("accept", "The agent takes a request", transitions.accept)
_transition("decline", "The agent refuses a request", transitions.decline)
_transition("cancel", "The client takes a request back", transitions.cancel)
_transition("end", "Either side ends it", transitions.end)
_transition("pause", "Either side stops the clock", transitions.pause)
_transition("transfer/refuse", "The client stays with the agent", transitions.refuse_transfer)
_transition(
    "resume", "Whoever paused it goes on", transitions.resume, SpendingLimitReached, InsufficientBalance
)


@blueprint.post(f"{SESSION}/limit")
@Operation(
    "The client's spending limit",
    {200: Answered},
    body=Limit,
    refuses=(*REFUSALS, SpendingLimitReached, InsufficientBalance),
)
def limit(runtime: Runtime, user: User, session_id: int, asked: Limit) -> Response:
    return _answer(transitions.limit(runtime, user, session_id, asked.spending_limit))


@blueprint.post(f"{SESSION}/transfer")
@Operation(
    "Another agent goes on, at once if they cost no more",
    {200: Answered},
    body=Transfer,
    refuses=(*REFUSALS, AgentUnavailable, AgentAbsent, NotForClient),
)
def transfer(runtime: Runtime, user: User, session_id: int, asked: Transfer) -> Response:
    return _answer(transitions.transfer(runtime, user, session_id, asked.agent_id, asked.text or ""))


@blueprint.post(f"{SESSION}/transfer/agree")
@Operation(
    "The client agrees to the dearer agent, as offered",
    {200: Answered},
    body=Agreement,
    refuses=(*REFUSALS, OfferChanged, AgentUnavailable, AgentAbsent, NotForClient),
)
def agree(runtime: Runtime, user: User, session_id: int, asked: Agreement) -> Response:
    agreed = transitions.agree_to_transfer(runtime, user, session_id, asked.agent_id, asked.rate_per_minute)
    return _answer(agreed)


@blueprint.post(f"{SESSION}/rating")
@Operation("How it was, from the client, after the end", {200: Answered}, body=Rating, refuses=REFUSALS)
def rate(runtime: Runtime, user: User, session_id: int, asked: Rating) -> Response:
    return _answer(transitions.rate(runtime, user, session_id, asked.rating, asked.comment, asked.public))


@blueprint.get(f"{SESSION}/receipt")
@Operation("The bill in full", {200: Receipt})
def receipt(runtime: Runtime, user: User, session_id: int) -> Response:
    return personal(receipts.of_session(runtime, user, session_id))


def _answer(session: TimedSession, status: int = 200, **more: bool) -> Response:
    content = {"session": sessions.untimed(session), "server_time": session["server_time"]}
    return personal({"success": True, **content, **more}, status)


def _content(page: Inbox) -> Listing:
    content: Listing = {
        "sessions": page.sessions,
        "removed": page.removed,
        "longPolling": page.was_held,
        "cursor": page.cursor,
        "has_more": page.has_more,
        "server_time": page.server_time,
    }
    if page.peers is not None:
        content["peers"] = page.peers
    return content
