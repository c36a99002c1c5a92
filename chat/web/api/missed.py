"""Requests to any agent that nobody took, and the answers to them."""

from typing import Annotated

from flask import Blueprint, Response
from pydantic import Field

from chat import missed
from chat.accounts import User
from chat.errors import AlreadyAnswered, Forbidden, Overloaded
from chat.runtime import Runtime
from chat.web.answer import personal
from chat.web.contract import Operation
from chat.web.request import MAX_INTEGER, Body, Digits, PageSize, Query, Text, written
from chat.wire import Done, LateAnswers, MissedOnes

blueprint = Blueprint("missed", __name__, url_prefix="/api/chat")


class Listed(Query):
    """A page of them."""

    before_session_id: Digits = Field(default=MAX_INTEGER, alias="beforeSessionId")
    limit: PageSize = 50


class Answer(Body):
    """What the agent writes."""

    answer: Annotated[Text, written(missed.CHARACTERS)]


@blueprint.get("/missed")
@Operation("Requests to any agent that nobody took", {200: MissedOnes}, query=Listed, refuses=(Forbidden,))
def listed(runtime: Runtime, user: User, asked: Listed) -> Response:
    found, has_more = missed.listed(runtime, user, asked.before_session_id, asked.limit)
    return personal({"missed": found, "has_more": has_more})


@blueprint.post("/missed/<chat_session_id>/answer")
@Operation(
    "An agent writes to its client, once",
    {201: Done},
    body=Answer,
    refuses=(Forbidden, AlreadyAnswered, Overloaded),
)
def answer(runtime: Runtime, user: User, session_id: int, asked: Answer) -> Response:
    missed.answer(runtime, user, session_id, asked.answer)
    return personal({"success": True}, 201)


@blueprint.get("/answers")
@Operation("What agents wrote to a client's requests", {200: LateAnswers}, refuses=(Forbidden,))
def to_client(runtime: Runtime, user: User) -> Response:
    return personal({"answers": missed.to_client(runtime, user)})
