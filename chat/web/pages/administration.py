"""What an administrator sees to: people, sessions, settings and statistics."""

from collections.abc import Callable
from dataclasses import fields
from typing import Annotated, Any

from flask import Blueprint, Response, url_for
from flask_babel import get_locale
from pydantic import Field

from chat import agents, archive, balances, blocks, payments, people, refunds, statistics, steps
from chat.errors import InvalidParameter, NotFound, Problem
from chat.mail import links
from chat.settings import Settings, variable
from chat.web import words
from chat.web.api.diagnosis import arrived
from chat.web.lines import lines
from chat.web.page import check_form, form, form_key, page, reader, saved, see
from chat.web.request import MAX_INTEGER, Body, Digits, Key, Query, current_runtime, path_id, query
from chat.web.typed import Amount

blueprint = Blueprint("administration", __name__, url_prefix="/admin")

PAGE_SIZE = 50
# What is done to a person with no more than a button.
SIMPLE = {
    "disable": people.disable,
    "enable": people.enable,
    "unblock": blocks.lift,
    "reset-code": people.reset_second_step,
}


class People(Query):
    """A search for people."""

    q: Annotated[str, Field(max_length=200)] = ""
    role: Annotated[str, Field(pattern="^(client|agent|admin|)$")] = ""
    before: Digits = MAX_INTEGER


class Sessions(Query):
    """A search for sessions."""

    q: Annotated[str, Field(max_length=200)] = ""
    status: Annotated[str, Field(pattern="^(waiting|active|paused|ended|)$")] = ""
    before: Digits = MAX_INTEGER


class Blocks(Query):
    """Which of a person's."""

    before: Digits = MAX_INTEGER


class Period(Query):
    """How many days back."""

    days: Annotated[Digits, Field(ge=1, le=366)] = 30


class Person(Body):
    """Somebody new, or what is changed of them."""

    role: Annotated[str, Field(pattern="^(client|agent|admin)$")] = "client"
    name: str = ""
    email: str = ""
    headline: str = ""
    rate: Amount | None = None
    share: Annotated[Digits, Field(le=100)] | None = None
    by_mail: Annotated[str, Field(pattern="^1$")] | None = None


class Invitation(Body):
    """For whom; with an address it goes there by mail."""

    role: Annotated[str, Field(pattern="^(client|agent)$")]
    mail_to: str = ""


class Entry(Body):
    """A change of a client's balance."""

    kind: balances.Kind
    amount: Amount
    reason: str = ""
    key: Key


class Block(Body):
    """Why a client is shut out."""

    reason: str = ""


class PayBack(Body):
    """What of a client's payment goes back."""

    payment_id: Digits
    cents: Digits
    key: Key


@blueprint.get("/people")
def list_people() -> Response:
    return _people_page()


@blueprint.post("/people")
def create_person() -> Response:
    runtime, user = current_runtime(), reader("admin")
    try:
        asked = form(Person)
        mail_in = str(get_locale()) if asked.by_mail and runtime.settings.has_mail else None
        who = asked.role, asked.name, asked.email, asked.rate or 0
        user_id, token = people.create(runtime, user, *who, mail_in)
    except Problem as problem:
        return _people_page(problem)
    if mail_in:
        return see("administration.show_person", user_id=user_id, notice="mailed")
    return _person_page(user_id, link=_link(token), status=201)


@blueprint.post("/invitations")
def invite() -> Response:
    runtime, user, asked = current_runtime(), reader("admin"), form(Invitation)
    if asked.mail_to:
        try:
            links.invite(runtime, user, asked.role, asked.mail_to, str(get_locale()))
        except InvalidParameter as problem:
            return _people_page(problem)
        return see("administration.list_people", notice="mailed")
    token = people.invite(runtime, user, asked.role)
    return _people_page(link=_link(token), status=201)


@blueprint.get("/people/<user_id>")
def show_person(user_id: str) -> Response:
    return _person_page(path_id(user_id))


@blueprint.post("/people/<user_id>")
def change_person(user_id: str) -> Response:
    runtime, user, person_id = current_runtime(), reader("admin"), path_id(user_id)

    def act() -> None:
        asked = form(Person)
        people.change(runtime, user, person_id, asked.name, asked.headline, asked.rate, asked.share)

    return _saved(person_id, act)


@blueprint.post("/people/<user_id>/<action>")
def act_on_person(user_id: str, action: str) -> Response:
    runtime, user, person_id = current_runtime(), reader("admin"), path_id(user_id)
    check_form()
    if action == "block":
        return _block(person_id)
    if action == "reset":
        return _person_page(person_id, link=_link(people.reset(runtime, user, person_id)))
    if action == "mail":
        links.send(runtime, user, person_id, str(get_locale()))
        return see("administration.show_person", user_id=person_id, notice="mailed")
    if action == "balance":
        return _change_balance(person_id)
    if action == "payment":
        return _pay_back(person_id)
    if action not in SIMPLE:
        raise NotFound
    SIMPLE[action](runtime, user, person_id)
    return see("administration.show_person", user_id=person_id, notice="saved")


@blueprint.get("/sessions")
def list_sessions() -> Response:
    runtime, user, asked = current_runtime(), reader("admin"), query(Sessions)
    found, has_more = archive.search(
        runtime, user, asked.q.strip(), asked.status or None, asked.before, PAGE_SIZE
    )
    return page("admin/sessions.html", sessions=found, has_more=has_more, asked=asked)


@blueprint.get("/sessions/<chat_session_id>")
def show_session(chat_session_id: str) -> Response:
    runtime, user = current_runtime(), reader("admin")
    found = archive.transcript(runtime, user, path_id(chat_session_id))
    shown = lines(found["messages"], found["session"]["events"])
    return page("admin/session.html", **found, lines=shown)


@blueprint.get("/settings")
def show_settings() -> Response:
    reader("admin")
    settings = current_runtime().settings
    rows = [
        {
            "variable": variable(field.name),
            "value": _shown(getattr(settings, field.name), field.metadata["is_secret"]),
            "is_default": getattr(settings, field.name) == field.default,
            **field.metadata,
        }
        for field in fields(Settings)
    ]
    return page("admin/settings.html", rows=rows)


@blueprint.get("/diagnosis")
def show_diagnosis() -> Response:
    reader("admin")
    seen = arrived()
    script = {"hold_seconds": seen["long_poll_seconds"], "words": words.for_diagnosis()}
    return page("admin/diagnosis.html", seen=seen, script=script)


@blueprint.get("/statistics")
def show_statistics() -> Response:
    user = reader("admin")
    runtime, days = current_runtime(), query(Period).days
    found = statistics.overview(runtime, days)
    return page(
        "admin/statistics.html",
        found=found,
        steps=steps.left(runtime, user),
        days=days,
        revenue=[(agent["name"], agent["revenue"]) for agent in found["agents"]],
        ratings=[(f"{each['stars']} ★", each["count"]) for each in found["ratings"]],
    )


def _people_page(problem: Problem | None = None, link: str | None = None, status: int = 200) -> Response:
    runtime, user, asked = current_runtime(), reader("admin"), query(People)
    found, has_more = people.search(
        runtime, user, asked.q.strip(), asked.role or None, asked.before, PAGE_SIZE
    )
    return page(
        "admin/people.html",
        status,
        problem,
        people=found,
        availability=agents.availability(runtime, found),
        has_more=has_more,
        asked=asked,
        link=link,
    )


def _person_page(
    user_id: int, problem: Problem | None = None, link: str | None = None, status: int = 200
) -> Response:
    runtime, user = current_runtime(), reader("admin")
    person = people.read(runtime, user, user_id)
    found, has_more = blocks.listed(runtime, user, user_id, query(Blocks).before, PAGE_SIZE)
    return page(
        "admin/person.html",
        status,
        problem,
        person=person,
        link=link,
        key=form_key(problem),
        payments=payments.of_client(runtime, user, user_id),
        blocks=found,
        has_more=has_more,
        shut_out=blocks.own(runtime, user, user_id),
    )


def _change_balance(user_id: int) -> Response:
    runtime, user = current_runtime(), reader("admin")

    def act() -> None:
        asked = form(Entry)
        balances.change(runtime, user, user_id, asked.kind, asked.amount, asked.reason, asked.key)

    return _saved(user_id, act)


def _block(user_id: int) -> Response:
    try:
        blocks.block(current_runtime(), reader("admin"), user_id, form(Block).reason)
    except InvalidParameter as problem:
        return _person_page(user_id, problem)
    return see("administration.show_person", user_id=user_id, notice="saved")


def _pay_back(user_id: int) -> Response:
    runtime, user = current_runtime(), reader("admin")

    def act() -> None:
        asked = form(PayBack)
        refunds.pay_back(runtime, user, asked.payment_id, asked.cents, asked.key)

    return _saved(user_id, act)


def _saved(user_id: int, act: Callable[[], None]) -> Response:
    return saved(
        act, lambda problem: _person_page(user_id, problem), "administration.show_person", user_id=user_id
    )


def _link(token: str) -> str:
    """Its whole address, to be given to whoever it is for."""
    return url_for("entrance.link_page", token=token, _external=True)


def _shown(value: Any, is_secret: bool) -> str:
    if is_secret:
        return "…" if value else ""
    if isinstance(value, bool):
        return str(int(value))
    if isinstance(value, tuple):
        return ", ".join(value)
    return f"{value:g}" if isinstance(value, float) else str(value)
