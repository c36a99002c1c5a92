"""What users say of themselves, and what they have."""

from typing import Annotated

from flask import Blueprint, Response
from pydantic import Field

from chat import accounts, balances, people
from chat import agents as agents_domain
from chat.accounts import User
from chat.errors import Problem
from chat.web.page import Amount, form, page, reader, see
from chat.web.request import MAX_INTEGER, Body, Digits, Query, process, query

profile = Blueprint("profile", __name__)


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


@profile.get("/profile")
def show() -> Response:
    return _page(reader())


@profile.post("/profile")
def change() -> Response:
    here, user = process(), reader()
    try:
        asked = form(Profile)
        accounts.change_profile(here.database, user, asked.name, asked.language, asked.headline)
        if user.role == "agent" and asked.rate is not None:
            agents_domain.change(here.engine, user, None, asked.rate)
    except Problem as problem:
        return _page(user, problem)
    return see("profile.show", notice="saved")


@profile.post("/profile/password")
def change_password() -> Response:
    here, user = process(), reader()
    try:
        asked = form(Password)
        accounts.change_password(
            here.database, here.hub, here.threads, user, asked.password, asked.new_password
        )
    except Problem as problem:
        return _page(user, problem)
    return see("profile.show", notice="password")


@profile.get("/balance")
def balance() -> Response:
    here, user, asked = process(), reader("client"), query(Entries)
    return page("balance.html", account=balances.of_user(here.engine, user, asked.before, 50))


def _page(user: User, problem: Problem | None = None) -> Response:
    return page("profile.html", problem=problem, person=people.own(process().engine, user))
