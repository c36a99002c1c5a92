"""What users say of themselves, and what they have."""

from typing import Annotated

from flask import Blueprint, Response
from pydantic import Field

from chat import accounts, agents, blocks, people, tokens
from chat.accounts import User
from chat.errors import NotFound, Problem
from chat.web.page import form, page, reader, see
from chat.web.pages.paying import balance_page
from chat.web.request import MAX_INTEGER, Body, Digits, Flag, Query, caller, current_runtime, query
from chat.web.typed import Amount

blueprint = Blueprint("profile", __name__)


PAGE_SIZE = 50


class Blocks(Query):
    """Which of them."""

    before: Digits = MAX_INTEGER


class Profile(Body):
    """Their own data."""

    name: str = ""
    language: Annotated[str, Field(pattern="^(en|fr)$")] | None = None
    headline: str = ""
    rate: Amount | None = None


class Mails(Body):
    """Whether they are told by mail."""

    mails: Annotated[str, Field(pattern="^[01]$")]


class Password(Body):
    """The old and the new one."""

    password: str = ""
    new_password: str = ""
    with_tokens: Flag = False


@blueprint.get("/profile")
def show() -> Response:
    return _page(reader())


@blueprint.post("/profile")
def change() -> Response:
    runtime, user = current_runtime(), reader()
    try:
        asked = form(Profile)
        accounts.change_profile(runtime, user, asked.name, asked.language, asked.headline)
        if user.role == "agent" and asked.rate is not None:
            agents.change(runtime, user, None, asked.rate)
    except Problem as problem:
        return _page(user, problem)
    return see("profile.show", notice="saved")


@blueprint.post("/profile/mails")
def switch_mails() -> Response:
    runtime, user, asked = current_runtime(), reader("client", "agent"), form(Mails)
    if not runtime.settings.has_mail:
        raise NotFound
    accounts.set_mailed(runtime, user, asked.mails == "1")
    return see("profile.show", notice="saved")


@blueprint.post("/profile/password")
def change_password() -> Response:
    runtime, user = current_runtime(), reader()
    try:
        asked = form(Password)
        accounts.change_password(
            runtime, user, asked.password, asked.new_password, caller(), asked.with_tokens
        )
    except Problem as problem:
        return _page(user, problem)
    return see("profile.show", notice="password_and_tokens" if asked.with_tokens else "password")


@blueprint.get("/balance")
def balance() -> Response:
    return balance_page(reader("client"))


def _page(user: User, problem: Problem | None = None) -> Response:
    runtime, before = current_runtime(), query(Blocks).before
    is_agent = user.role == "agent"
    own, has_more = blocks.listed(runtime, user, user.id, before, PAGE_SIZE) if is_agent else ([], False)
    return page(
        "profile.html",
        problem=problem,
        person=people.own(runtime, user),
        tokens=tokens.listed(runtime, user.id),
        blocks=own,
        has_more=has_more,
    )
