"""Keeping order: whom agents block, what is reported, and what administrators did."""

from typing import Annotated, Literal

from flask import Blueprint, Response
from pydantic import Field

from chat import audit, blocks, reports
from chat.accounts import User
from chat.errors import Forbidden, NotFound, Overloaded, PersonErased, ReportOpen
from chat.runtime import Runtime
from chat.store.rows import AuditKind, ReportReason
from chat.web.answer import personal
from chat.web.contract import Operation
from chat.web.request import MAX_INTEGER, Body, Digits, Id, PageSize, Query, Text, written
from chat.wire import Audit, Blocks, Done, Reported, Reports

blueprint = Blueprint("order", __name__, url_prefix="/api/chat")
REPORTS = "/sessions/<chat_session_id>/reports"


class Blocked(Query):
    """Whose: an administrator may ask for any agent's, or for who blocks a client."""

    user_id: Digits | None = Field(default=None, alias="userId")
    before_block_id: Digits = Field(default=MAX_INTEGER, alias="beforeBlockId")
    limit: PageSize = 50


class NewBlock(Body):
    """Whom, and why, for whoever blocks."""

    client_id: Id
    reason: Annotated[Text, Field(max_length=blocks.REASON_CHARACTERS)] = ""


class NewReport(Body):
    """What is wrong."""

    reason: ReportReason
    remark: Annotated[Text, written(reports.REMARK_CHARACTERS)]


class Listed(Query):
    """A page of them."""

    status: Literal["open", "done"] = "open"
    before_report_id: Digits = Field(default=MAX_INTEGER, alias="beforeReportId")
    limit: PageSize = 50


class Acts(Query):
    """A page of the audit log; of a person that is who did it, or to whom it was done."""

    user_id: Digits | None = Field(default=None, alias="userId")
    kind: AuditKind | None = None
    before_id: Digits = Field(default=MAX_INTEGER, alias="beforeEntryId")
    limit: PageSize = 100


class Note(Body):
    """What was done, for administrators."""

    note: Annotated[Text, Field(max_length=reports.REMARK_CHARACTERS)] = ""


@blueprint.get("/blocks")
@Operation("Whom an agent blocks", {200: Blocks}, query=Blocked, refuses=(Forbidden,))
def list_blocks(runtime: Runtime, user: User, asked: Blocked) -> Response:
    user_id = user.id if asked.user_id is None else asked.user_id
    found, has_more = blocks.listed(runtime, user, user_id, asked.before_block_id, asked.limit)
    return personal({"blocks": found, "has_more": has_more})


@blueprint.post("/blocks")
@Operation(
    "An agent blocks a client, or an administrator does for all agents",
    {200: Done},
    body=NewBlock,
    refuses=(Forbidden, NotFound, PersonErased, Overloaded),
)
def block(runtime: Runtime, user: User, asked: NewBlock) -> Response:
    blocks.block(runtime, user, asked.client_id, asked.reason)
    return personal({"success": True})


@blueprint.post("/blocks/<user_id>/lift")
@Operation("The client may ask again", {200: Done}, refuses=(Forbidden, Overloaded))
def lift(runtime: Runtime, user: User, client_id: int) -> Response:
    blocks.lift(runtime, user, client_id)
    return personal({"success": True})


@blueprint.get(REPORTS)
@Operation("What you have reported of it", {200: Reports})
def list_own(runtime: Runtime, user: User, session_id: int) -> Response:
    return personal({"reports": reports.of_session(runtime, user, session_id), "has_more": False})


@blueprint.post(REPORTS)
@Operation(
    "Either side reports a conversation", {201: Reported}, body=NewReport, refuses=(ReportOpen, Overloaded)
)
def report(runtime: Runtime, user: User, session_id: int, asked: NewReport) -> Response:
    made = reports.report(runtime, user, session_id, asked.reason, asked.remark)
    return personal({"success": True, "report": made}, 201)


@blueprint.get("/reports")
@Operation("All reports, for administrators", {200: Reports}, query=Listed, refuses=(Forbidden,))
def list_reports(runtime: Runtime, user: User, asked: Listed) -> Response:
    found, has_more = reports.listed(
        runtime, user, asked.status == "open", asked.before_report_id, asked.limit
    )
    return personal({"reports": found, "has_more": has_more})


@blueprint.post("/reports/<report_id>/done")
@Operation(
    "An administrator has seen to it", {200: Reported}, body=Note, refuses=(Forbidden, NotFound, Overloaded)
)
def finish(runtime: Runtime, user: User, report_id: int, asked: Note) -> Response:
    return personal({"success": True, "report": reports.finish(runtime, user, report_id, asked.note)})


@blueprint.get("/audit")
@Operation("What administrators did", {200: Audit}, query=Acts, refuses=(Forbidden, Overloaded))
def list_acts(runtime: Runtime, user: User, asked: Acts) -> Response:
    found, has_more = audit.listed(runtime, user, "", asked.user_id, asked.kind, asked.before_id, asked.limit)
    return personal({"entries": found, "has_more": has_more})
