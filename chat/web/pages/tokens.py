"""API tokens: made and revoked by whoever they sign in."""

from typing import Annotated

from flask import Blueprint, Response
from pydantic import Field

from chat import tokens
from chat.errors import Problem
from chat.web.page import check_form, form, page, reader, see
from chat.web.request import Body, Digits, caller, current_runtime, path_id

blueprint = Blueprint("api_tokens", __name__, url_prefix="/profile/tokens")
# What is offered.
DAYS = (30, 90, tokens.USUAL_DAYS, 3 * tokens.USUAL_DAYS)


class NewToken(Body):
    """What it is for, until when, and the password."""

    label: str = ""
    days: Annotated[Digits, Field(ge=1, le=tokens.MOST_DAYS)] = tokens.USUAL_DAYS
    password: str = ""


@blueprint.get("")
def show() -> Response:
    return _page()


@blueprint.post("")
def create() -> Response:
    runtime, user = current_runtime(), reader()
    try:
        asked = form(NewToken)
        token, _ = tokens.create(runtime, user, asked.label, asked.days, asked.password, caller())
    except Problem as problem:
        return _page(problem)
    return _page(made=token, status=201)


@blueprint.post("/<token_id>/revoke")
def revoke(token_id: str) -> Response:
    runtime, user = current_runtime(), reader()
    check_form()
    tokens.revoke(runtime, user, path_id(token_id))
    return see("api_tokens.show", notice="revoked")


def _page(problem: Problem | None = None, made: str | None = None, status: int = 200) -> Response:
    runtime, user = current_runtime(), reader()
    own = tokens.listed(runtime, user.id)
    return page("tokens.html", status, problem, tokens=own, made=made, offered=DAYS)
