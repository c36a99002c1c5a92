"""Receipts: what is asked about one, what is given back of it; and the books of the house."""

import secrets

from flask import Blueprint, Response, request

from chat import credits, exports, receipts
from chat.errors import CrossSite, DatabaseUnavailable, NotFound, Problem
from chat.web.page import form, page, reader, see
from chat.web.request import Body, Key, current_runtime, path_id
from chat.web.typed import read

blueprint = Blueprint("books", __name__)
RECEIPT = "/sessions/<chat_session_id>/receipt"


class Remark(Body):
    """What is asked or answered."""

    remark: str = ""


class Credit(Body):
    """How much is given back, and why; with the key of its form, sent twice it is given once."""

    amount: str = ""
    reason: str = ""
    key: Key


@blueprint.get(RECEIPT)
def receipt(chat_session_id: str) -> Response:
    return _receipt_page(path_id(chat_session_id))


@blueprint.post(f"{RECEIPT}/remarks")
def ask(chat_session_id: str) -> Response:
    runtime, user, session_id = current_runtime(), reader(), path_id(chat_session_id)
    try:
        credits.ask(runtime, user, session_id, form(Remark).remark)
    except Problem as problem:
        return _receipt_page(session_id, problem)
    return see("books.receipt", chat_session_id=session_id, notice="asked", _anchor="remarks")


@blueprint.post(f"{RECEIPT}/credits")
def credit(chat_session_id: str) -> Response:
    runtime, user, session_id = current_runtime(), reader("admin"), path_id(chat_session_id)
    try:
        asked = form(Credit)
        cents = read(asked.amount, credits.currency_of(runtime, user, session_id))
        credits.credit(runtime, user, session_id, cents, asked.reason, asked.key)
    except Problem as problem:
        return _receipt_page(session_id, problem)
    return see("books.receipt", chat_session_id=session_id, notice="credited")


@blueprint.get("/admin/books")
def show() -> Response:
    runtime, user = current_runtime(), reader("admin")
    return page(
        "admin/books.html", months=exports.months(runtime, user), asked=credits.unanswered(runtime, user)
    )


def _receipt_page(session_id: int, problem: Problem | None = None) -> Response:
    """With a problem, what was wrong and what was written."""
    if isinstance(problem, NotFound | CrossSite):
        raise problem
    found = receipts.of_session(current_runtime(), reader(), session_id)
    # While nobody knows whether it was stored, it is the same one.
    is_unknown = isinstance(problem, DatabaseUnavailable)
    key = (is_unknown and request.form.get("key")) or secrets.token_urlsafe(16)
    return page("receipt.html", problem=problem, receipt=found, session=found["session"], key=key)
