"""An agent's desk: the inbox, the switch and canned replies."""

from typing import Annotated

from flask import Blueprint, Response
from pydantic import Field

from chat import agents, missed, replies
from chat.errors import AlreadyAnswered, InvalidParameter, Problem
from chat.web.page import check_form, form, page, reader, see
from chat.web.pages.talk import inbox_page
from chat.web.request import MAX_INTEGER, Body, Digits, Query, current_runtime, path_id, query

blueprint = Blueprint("desk", __name__)

PAGE_SIZE = 50


class Availability(Body):
    """The switch, as its button sends it."""

    available: Annotated[str, Field(pattern="^[01]$")]


class Missed(Query):
    """A page of missed requests."""

    before: Digits = MAX_INTEGER


class Answer(Body):
    """What the agent writes to one."""

    answer: str = ""


class Reply(Body):
    """A canned reply."""

    shortcut: str = ""
    message: str = ""


@blueprint.get("/inbox")
def show() -> Response:
    return inbox_page(reader("agent"))


@blueprint.post("/availability")
def switch() -> Response:
    user, asked = reader("agent"), form(Availability)
    agents.change(current_runtime(), user, asked.available == "1", None)
    return see("desk.show")


@blueprint.get("/missed")
def list_missed() -> Response:
    return _missed_page()


@blueprint.post("/missed/<chat_session_id>/answer")
def answer_missed(chat_session_id: str) -> Response:
    user, session_id = reader("agent"), path_id(chat_session_id)
    try:
        missed.answer(current_runtime(), user, session_id, form(Answer).answer)
    except (InvalidParameter, AlreadyAnswered) as problem:
        return _missed_page(problem, session_id)
    return see("desk.list_missed", notice="asked")


@blueprint.get("/replies")
def list_replies() -> Response:
    return _replies_page()


@blueprint.post("/replies")
def save_reply() -> Response:
    user = reader("agent")
    try:
        asked = form(Reply)
        replies.save(current_runtime(), user, asked.shortcut, asked.message)
    except Problem as problem:
        return _replies_page(problem)
    return see("desk.list_replies", notice="saved")


@blueprint.post("/replies/<reply_id>/delete")
def delete_reply(reply_id: str) -> Response:
    user = reader("agent")
    check_form()
    replies.delete(current_runtime(), user, path_id(reply_id))
    return see("desk.list_replies", notice="deleted")


def _replies_page(problem: Problem | None = None) -> Response:
    found = replies.of_agent(current_runtime(), reader("agent"))
    return page("replies.html", problem=problem, replies=found)


def _missed_page(problem: Problem | None = None, answered_id: int | None = None) -> Response:
    runtime, user = current_runtime(), reader("agent")
    found, has_more = missed.listed(runtime, user, query(Missed).before, PAGE_SIZE)
    return page(
        "missed.html",
        problem=problem,
        missed=found,
        has_more=has_more,
        answered_id=answered_id,
        days=missed.DAYS,
        characters=missed.CHARACTERS,
    )
