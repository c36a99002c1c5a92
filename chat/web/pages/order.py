"""Keeping order: a conversation is reported, a client blocked; and what an administrator sees of it."""

from typing import Annotated, Literal

from flask import Blueprint, Response
from pydantic import Field

from chat import audit, blocks, reports, reviews, timeline
from chat.accounts import User
from chat.errors import CrossSite, InvalidParameter, NotFound, Problem
from chat.store.rows import AuditKind, ReportReason
from chat.web.page import check_form, form, page, reader, see
from chat.web.request import MAX_INTEGER, Body, Digits, Flag, Query, current_runtime, path_id, query

blueprint = Blueprint("keeping", __name__)
REPORT = "/sessions/<chat_session_id>/report"
PAGE_SIZE = 50


class Report(Body):
    """What is wrong."""

    reason: ReportReason
    remark: str = ""


class Block(Body):
    """Why, for whoever blocks."""

    reason: str = ""


class Listed(Query):
    """A page of reports."""

    status: Annotated[str, Field(pattern="^(open|done)$")] = "open"
    before: Digits = MAX_INTEGER


class Acts(Query):
    """A page of the audit log."""

    q: Annotated[str, Field(max_length=200)] = ""
    kind: AuditKind | Literal[""] = ""
    before: Digits = MAX_INTEGER


class Note(Body):
    """What was done."""

    note: str = ""


class Review(Body):
    """Whether it is to be read."""

    hidden: Flag


@blueprint.get(REPORT)
def show(chat_session_id: str) -> Response:
    return _page(reader("client", "agent"), path_id(chat_session_id))


@blueprint.post(REPORT)
def report(chat_session_id: str) -> Response:
    user, session_id = reader("client", "agent"), path_id(chat_session_id)
    try:
        asked = form(Report)
        reports.report(current_runtime(), user, session_id, asked.reason, asked.remark)
    except Problem as problem:
        return _page(user, session_id, problem)
    return see("keeping.show", chat_session_id=session_id, notice="reported")


@blueprint.post("/sessions/<chat_session_id>/block")
def block(chat_session_id: str) -> Response:
    """The client of one's own conversation."""
    runtime, user, session_id = current_runtime(), reader("agent"), path_id(chat_session_id)
    client_id = timeline.read(runtime, user, session_id)["client"]["id"]
    try:
        blocks.block(runtime, user, client_id, form(Block).reason)
    except Problem as problem:
        return _page(user, session_id, problem)
    return see("keeping.show", chat_session_id=session_id, notice="blocked")


@blueprint.post("/blocks/<user_id>/lift")
def lift(user_id: str) -> Response:
    runtime, user = current_runtime(), reader("agent")
    check_form()
    blocks.lift(runtime, user, path_id(user_id))
    return see("profile.show", notice="unblocked")


@blueprint.get("/admin/reports")
def list_reports() -> Response:
    return _reports_page()


@blueprint.post("/admin/reports/<report_id>/done")
def finish(report_id: str) -> Response:
    user = reader("admin")
    try:
        reports.finish(current_runtime(), user, path_id(report_id), form(Note).note)
    except InvalidParameter as problem:
        return _reports_page(problem)
    return see("keeping.list_reports", notice="saved")


@blueprint.post("/admin/reviews/<chat_session_id>")
def change_review(chat_session_id: str) -> Response:
    user, session_id = reader("admin"), path_id(chat_session_id)
    agent_id = reviews.hide(current_runtime(), user, session_id, form(Review).hidden)
    return see("asking.show", agent_id=agent_id, notice="saved", _anchor=f"review{session_id}")


@blueprint.get("/admin/audit")
def list_acts() -> Response:
    runtime, user, asked = current_runtime(), reader("admin"), query(Acts)
    text, kind = asked.q.strip(), asked.kind or None
    found, has_more = audit.listed(runtime, user, text, None, kind, asked.before, PAGE_SIZE)
    return page("admin/audit.html", entries=found, has_more=has_more, asked=asked)


def _page(user: User, session_id: int, problem: Problem | None = None) -> Response:
    if isinstance(problem, NotFound | CrossSite):
        raise problem
    runtime = current_runtime()
    session = timeline.read(runtime, user, session_id)
    return page(
        "report.html",
        problem=problem,
        session=session,
        reports=reports.of_session(runtime, user, session_id),
        block=blocks.own(runtime, user, session["client"]["id"]) if user.role == "agent" else None,
    )


def _reports_page(problem: Problem | None = None) -> Response:
    runtime, user, asked = current_runtime(), reader("admin"), query(Listed)
    found, has_more = reports.listed(runtime, user, asked.status == "open", asked.before, PAGE_SIZE)
    return page("admin/reports.html", problem=problem, reports=found, has_more=has_more, asked=asked)
