"""The way in: start, sign-in, sign-up, invitations, the first administrator; and the way out."""

from flask import Blueprint, Response, request, url_for
from flask_babel import get_locale
from pydantic import Field

from chat import accounts, people, store, totp
from chat.errors import (
    CodeWrong,
    FormExpired,
    InvalidCredentials,
    InvalidParameter,
    NotFound,
    Problem,
    TooManyRequests,
)
from chat.mail import links
from chat.web import language
from chat.web.cookie import forget, keep, path
from chat.web.framed import visitor
from chat.web.page import START, check_form, form, local, page, see, see_path
from chat.web.pages.second_step import second_step_page
from chat.web.request import Body, caller, current_runtime, tokens

blueprint = Blueprint("entrance", __name__)

YEAR_SECONDS = 31_536_000


class Credentials(Body):
    """What a user knows."""

    email: str = ""
    password: str = ""
    next: str = ""


class Person(Body):
    """Somebody new; an invitation or a set-up code may bring them."""

    name: str = ""
    email: str = ""
    password: str = ""
    code: str = ""


class Forgotten(Body):
    """Who wants a link."""

    email: str = ""


class SecondStep(Body):
    """The code, and of which sign-in."""

    step: str = ""
    code: str = ""
    next: str = ""


class Choice(Body):
    """A language, and the page to go on with."""

    language: str = Field(pattern="^(en|fr)$")
    next: str = ""


@blueprint.get("/")
def start() -> Response:
    if user := visitor():
        return see(START[user.role])
    if _setup_code() is not None and not current_runtime().database.read(store.users.count):
        return see("entrance.setup_page")
    return page("home.html")


@blueprint.get("/login")
def login_page() -> Response:
    if user := visitor():
        return see(START[user.role])
    return page("login.html", next=request.args.get("next", ""))


@blueprint.post("/login")
def log_in() -> Response:
    credentials = form(Credentials)
    try:
        return _signed_in(credentials.email, credentials.password, credentials.next)
    except Problem as problem:
        return page("login.html", problem=problem, next=credentials.next)


@blueprint.post("/login/code")
def take_second_step() -> Response:
    step = form(SecondStep)
    try:
        token, user, codes = accounts.take_second_step(current_runtime(), step.step, step.code, caller())
    except FormExpired:
        return see("entrance.login_page", notice="too_late", next=step.next)
    except (CodeWrong, TooManyRequests) as problem:
        return second_step_page(step.step, step.next, problem)
    next_page = local(step.next) or url_for(START[user.role])
    if codes:
        return keep(page("recovery_codes.html", codes=codes, next=next_page), token)
    return keep(see_path(next_page), token)


@blueprint.get("/forgotten")
def forgotten_page() -> Response:
    if not current_runtime().settings.has_mail:
        raise NotFound
    return page("forgotten.html")


@blueprint.post("/forgotten")
def ask_link() -> Response:
    try:
        links.ask(current_runtime(), form(Forgotten).email, str(get_locale()), caller())
    except (InvalidParameter, TooManyRequests) as problem:
        return page("forgotten.html", problem=problem)
    return see("entrance.login_page", notice="link_sent")


@blueprint.get("/signup")
def signup_page() -> Response:
    return page("signup.html")


@blueprint.post("/signup")
def sign_up() -> Response:
    runtime, person = current_runtime(), form(Person)
    try:
        if runtime.settings.sign_up != "open":
            raise NotFound
        accounts.sign_up(runtime, person.name, person.email, person.password, caller())
        return _signed_in(person.email, person.password)
    except Problem as problem:
        return page("signup.html", problem=problem)


@blueprint.get("/setup")
def setup_page() -> Response:
    if _setup_code() is None:
        raise NotFound
    return page("setup.html", code=request.args.get("code", ""))


@blueprint.post("/setup")
def set_up() -> Response:
    runtime, person = current_runtime(), form(Person)
    if _setup_code() is None:
        raise NotFound
    try:
        people.set_up(runtime, person.code, person.name, person.email, person.password, caller())
        return _signed_in(person.email, person.password)
    except Problem as problem:
        return page("setup.html", problem=problem, code=person.code)


@blueprint.get("/links/<token>")
def link_page(token: str) -> Response:
    return page("link.html", link=people.link(current_runtime(), token))


@blueprint.post("/links/<token>")
def follow_link(token: str) -> Response:
    runtime, person = current_runtime(), form(Person)
    link = people.link(runtime, token)
    try:
        email = people.follow_link(runtime, token, person.name, person.email, person.password, caller())
        return _signed_in(email, person.password)
    except Problem as problem:
        return page("link.html", problem=problem, link=link)


@blueprint.post("/logout")
def log_out() -> Response:
    check_form()
    if visitor():
        accounts.log_out(current_runtime(), *map(accounts.hash_token, tokens()))
    return forget(see("entrance.login_page", notice="signed_out"))


@blueprint.post("/language")
def choose_language() -> Response:
    choice = form(Choice)
    response = see_path(local(choice.next) or url_for("entrance.start"))
    response.set_cookie(
        language.COOKIE,
        choice.language,
        YEAR_SECONDS,
        path=path(),
        secure=request.is_secure,
        samesite="Lax",
    )
    return response


def _signed_in(email: str, password: str, next_page: str = "") -> Response:
    """A new token, and the page that was asked for before."""
    if not email.strip() or not password:
        raise InvalidCredentials
    runtime = current_runtime()
    row = accounts.check_password(runtime, email, password, caller())
    if row["totp_key"] or totp.is_required(runtime.settings, row["role"]):
        return second_step_page(totp.begin(runtime, row)[0], next_page)
    token, user = accounts.let_in(runtime, row, caller())
    return keep(see_path(local(next_page) or url_for(START[user.role])), token)


def _setup_code() -> str | None:
    return current_runtime().database.read(store.server.setup_code)
