"""What users say of themselves, and what they have."""

from typing import Annotated

from flask import Blueprint, Response
from pydantic import Field

from chat import accounts, agents, balances, people
from chat.accounts import User
from chat.errors import Problem
from chat.web.page import form, page, reader, see
from chat.web.request import MAX_INTEGER, Body, Digits, Query, caller, current_runtime, query
from chat.web.typed import Amount

blueprint = Blueprint("profile", __name__)


class Profile(Body):
    """Their own data."""

    name: str = ""
    language: Annotated[str, Field(pattern="^(en|fr)$")] | None = None
    headline: str = ""
    rate: Amount | None = None


class Password(Body):
    """The old and the new one."""

    password: str = ""
    new_password: str = ""


class Entries(Query):
    """A page of the ledger."""

    before: Digits = MAX_INTEGER


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


@blueprint.post("/profile/password")
def change_password() -> Response:
    runtime, user = current_runtime(), reader()
    try:
        asked = form(Password)
        accounts.change_password(runtime, user, asked.password, asked.new_password, caller())
    except Problem as problem:
        return _page(user, problem)
    return see("profile.show", notice="password")


@blueprint.get("/balance")
def balance() -> Response:
    runtime, user, asked = current_runtime(), reader("client"), query(Entries)
    return page("balance.html", account=balances.of_user(runtime, user, asked.before, 50))


def _page(user: User, problem: Problem | None = None) -> Response:
    return page("profile.html", problem=problem, person=people.own(current_runtime(), user))
