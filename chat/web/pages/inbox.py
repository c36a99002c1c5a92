"""An agent's own pages: the inbox, the switch, canned replies and earnings."""

from typing import Annotated

from flask import Blueprint, Response
from flask_babel import get_timezone
from pydantic import Field

from chat import agents, replies, statistics
from chat.errors import Problem
from chat.web.page import check_form, form, page, reader, see
from chat.web.pages.conversations import inbox_page
from chat.web.request import Body, Digits, Query, path_id, process, query

inbox = Blueprint("inbox", __name__)


class Availability(Body):
    """The switch, as its button sends it."""

    available: Annotated[str, Field(pattern="^[01]$")]


class Reply(Body):
    """A canned reply."""

    shortcut: str = ""
    message: str = ""


class Period(Query):
    """How many days back."""

    days: Annotated[Digits, Field(ge=1, le=366)] = 30


@inbox.get("/inbox")
def show() -> Response:
    return inbox_page(reader("agent"))


@inbox.post("/availability")
def switch() -> Response:
    user, asked = reader("agent"), form(Availability)
    agents.change(process().engine, user, asked.available == "1", None)
    return see("inbox.show")


@inbox.get("/replies")
def list_replies() -> Response:
    return _replies_page()


@inbox.post("/replies")
def save_reply() -> Response:
    user = reader("agent")
    try:
        asked = form(Reply)
        replies.save(process().engine, user, asked.shortcut, asked.message)
    except Problem as problem:
        return _replies_page(problem)
    return see("inbox.list_replies", notice="saved")


@inbox.post("/replies/<reply_id>/delete")
def delete_reply(reply_id: str) -> Response:
    user = reader("agent")
    check_form()
    replies.delete(process().engine, user, path_id(reply_id))
    return see("inbox.list_replies", notice="deleted")


@inbox.get("/earnings")
def earnings() -> Response:
    here, user, days = process(), reader("agent"), query(Period).days
    zone = get_timezone()
    found = here.threads.call(lambda: statistics.earnings(here.engine, user, days, zone))
    return page("earnings.html", earnings=found, days=days)


def _replies_page(problem: Problem | None = None) -> Response:
    found = replies.of_agent(process().engine, reader("agent"))
    return page("replies.html", problem=problem, replies=found)
