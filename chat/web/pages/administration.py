"""What an administrator sees to: people, sessions, settings and statistics."""

from dataclasses import fields
from typing import Annotated, Any

from flask import Blueprint, Response, url_for
from flask_babel import get_timezone
from pydantic import Field

from chat import archive, balances, people, statistics
from chat.errors import NotFound, Problem
from chat.settings import Settings, variable
from chat.web import words
from chat.web.diagnosis import arrived
from chat.web.page import Amount, check_form, form, page, reader, see
from chat.web.request import MAX_INTEGER, Body, Digits, Query, path_id, process, query

administration = Blueprint("administration", __name__, url_prefix="/admin")

PAGE_SIZE = 50


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


class Invitation(Body):
    """For whom."""

    role: Annotated[str, Field(pattern="^(client|agent)$")]


class Entry(Body):
    """A change of a client's balance."""

    kind: Annotated[str, Field(pattern="^(top_up|refund)$")]
    amount: Amount
    reason: str = ""


@administration.get("/people")
def list_people() -> Response:
    return _people_page()


@administration.post("/people")
def create_person() -> Response:
    here, user = process(), reader("admin")
    try:
        asked = form(Person)
        user_id, token = people.create(
            here.engine, user, asked.role, asked.name, asked.email, asked.rate or 0
        )
    except Problem as problem:
        return _people_page(problem)
    return _person_page(user_id, link=_link(token), status=201)


@administration.post("/invitations")
def invite() -> Response:
    here, user, asked = process(), reader("admin"), form(Invitation)
    token = people.invite(here.engine, user, asked.role)
    return _people_page(link=_link(token), status=201)


@administration.get("/people/<user_id>")
def show_person(user_id: str) -> Response:
    return _person_page(path_id(user_id))


@administration.post("/people/<user_id>")
def change_person(user_id: str) -> Response:
    here, user, person_id = process(), reader("admin"), path_id(user_id)
    try:
        asked = form(Person)
        people.change(here.engine, user, person_id, asked.name, asked.headline, asked.rate)
    except Problem as problem:
        return _person_page(person_id, problem)
    return see("administration.show_person", user_id=person_id, notice="saved")


@administration.post("/people/<user_id>/<action>")
def act_on_person(user_id: str, action: str) -> Response:
    here, user, person_id = process(), reader("admin"), path_id(user_id)
    check_form()
    if action == "reset":
        return _person_page(person_id, link=_link(people.reset(here.engine, user, person_id)))
    if action == "balance":
        return _change_balance(person_id)
    if action not in ("disable", "enable"):
        raise NotFound
    act = people.disable if action == "disable" else people.enable
    act(here.engine, user, person_id)
    return see("administration.show_person", user_id=person_id, notice="saved")


@administration.get("/sessions")
def list_sessions() -> Response:
    here, user, asked = process(), reader("admin"), query(Sessions)
    found, has_more = here.threads.call(
        lambda: archive.search(
            here.engine, user, asked.q.strip(), asked.status or None, asked.before, PAGE_SIZE
        )
    )
    return page("admin/sessions.html", sessions=found, has_more=has_more, asked=asked)


@administration.get("/sessions/<chat_session_id>")
def show_session(chat_session_id: str) -> Response:
    here, user = process(), reader("admin")
    found = archive.transcript(here.engine, user, path_id(chat_session_id))
    return page("admin/session.html", **found)


@administration.get("/settings")
def show_settings() -> Response:
    reader("admin")
    settings = process().settings
    rows = [
        {
            "variable": variable(field.name),
            "value": _shown(getattr(settings, field.name)),
            "is_default": getattr(settings, field.name) == field.default,
            **field.metadata,
        }
        for field in fields(Settings)
    ]
    return page("admin/settings.html", rows=rows)


@administration.get("/diagnosis")
def show_diagnosis() -> Response:
    reader("admin")
    seen = arrived()
    script = {"hold_seconds": seen["long_poll_seconds"], "words": words.for_diagnosis()}
    return page("admin/diagnosis.html", seen=seen, script=script)


@administration.get("/statistics")
def show_statistics() -> Response:
    reader("admin")
    here, days = process(), query(Period).days
    zone = get_timezone()
    found = here.threads.call(lambda: statistics.overview(here.engine, days, zone))
    return page(
        "admin/statistics.html",
        found=found,
        days=days,
        revenue=[(agent["name"], agent["revenue"]) for agent in found["agents"]],
        ratings=[(f"{each['stars']} ★", each["count"]) for each in found["ratings"]],
    )


def _people_page(problem: Problem | None = None, link: str | None = None, status: int = 200) -> Response:
    here, user, asked = process(), reader("admin"), query(People)
    found, has_more = people.search(
        here.engine, user, asked.q.strip(), asked.role or None, asked.before, PAGE_SIZE
    )
    return page(
        "admin/people.html",
        status,
        problem,
        people=found,
        has_more=has_more,
        asked=asked,
        link=link,
    )


def _person_page(
    user_id: int, problem: Problem | None = None, link: str | None = None, status: int = 200
) -> Response:
    here, user = process(), reader("admin")
    person = people.read(here.engine, user, user_id)
    return page("admin/person.html", status, problem, person=person, link=link)


def _change_balance(user_id: int) -> Response:
    here, user = process(), reader("admin")
    try:
        asked = form(Entry)
        balances.change(here.engine, user, user_id, asked.kind, asked.amount, asked.reason)
    except Problem as problem:
        return _person_page(user_id, problem)
    return see("administration.show_person", user_id=user_id, notice="saved")


def _link(token: str) -> str:
    """Its whole address, to be given to whoever it is for."""
    return url_for("entrance.link_page", token=token, _external=True)


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return str(int(value))
    return f"{value:g}" if isinstance(value, float) else str(value)
