"""The agents that a client may ask, and the asking."""

from typing import Annotated

from flask import Blueprint, Response, g
from flask_babel import get_locale
from pydantic import BeforeValidator, Field

from chat import (
    agents,
    balances,
    billing,
    directory,
    guests,
    messages,
    missed,
    sessions,
    timeline,
    transitions,
)
from chat.accounts import User
from chat.directory import Order, Wanted, When
from chat.errors import InvalidParameter, NotFound, Problem, RateChanged, existing
from chat.web import typed
from chat.web.framed import framed, visitor
from chat.web.language import spoken
from chat.web.page import form, page, reader, see, written
from chat.web.request import (
    MAX_INTEGER,
    Body,
    Digits,
    Query,
    caller,
    current_runtime,
    path_id,
    query,
    validated,
)
from chat.web.typed import Amount
from chat.wire import TimedSession

blueprint = Blueprint("asking", __name__)

PAGE_SIZE = 60
REVIEWS = 20
# What a form sends of a choice that is not made.
OrNone = BeforeValidator(lambda value: value or None)


class Listed(Query):
    """Which agents, for a request that was made before and that nobody took.

    All after one, or a page of those who are wanted.
    """

    after: Digits = 0
    again: Digits = 0
    language: Annotated[str | None, OrNone, Field(max_length=10)] = None
    when: Annotated[When | None, OrNone] = None
    most: str = ""
    sort: Annotated[Order | None, OrNone] = None
    page: Annotated[Digits, Field(ge=1, le=100_000)] = 1


class Shown(Query):
    """Which part of what was said of an agent."""

    before: Digits = MAX_INTEGER


class Asked(Query):
    """Which agent (0 is any), and which request of theirs that nobody took is made again."""

    agent_id: Digits = 0
    again: Digits = 0


class Request(Body):
    """What a client asks for: of an agent at the rate that the page showed, or of any at a maximum."""

    agent_id: Digits = 0
    rate_cents: Digits | None = None
    max_rate: Amount | None = None
    message: str | None = None
    spending_limit: Amount | None = None
    # Of somebody who is nobody yet, in a widget's frame.
    name: str = ""
    email: str = ""


@blueprint.get("/agents")
def listed() -> Response:
    runtime, user, asked = current_runtime(), _asker(), query(Listed)
    problem, most_cents = None, None
    if asked.most.strip():
        try:
            most_cents = typed.read(asked.most, runtime.settings.currency)
        except InvalidParameter as wrong:
            problem = wrong
    wanted = Wanted(asked.language, asked.when, most_cents, asked.sort)
    cards, has_more = directory.listed(runtime, user, wanted, asked.after, asked.page, PAGE_SIZE)
    return page(
        "agents.html",
        problem=problem,
        agents=cards,
        has_more=has_more,
        answers=missed.to_client(runtime, user) if user else [],
        again=asked.again or None,
        asked=asked,
        is_chosen=wanted != Wanted(),
        languages=spoken(directory.languages(runtime)),
    )


@blueprint.get("/agents/<agent_id>")
def show(agent_id: str) -> Response:
    runtime, user = current_runtime(), None if _is_nobody() else reader()
    found = directory.shown(runtime, user, path_id(agent_id, "agent_id"), query(Shown).before, REVIEWS)
    return page("agent.html", agent=found)


@blueprint.get("/sessions/new")
def request_page() -> Response:
    asked = query(Asked)
    return _request_page(_asker(), asked.agent_id, again=asked.again)


@blueprint.post("/sessions")
def ask() -> Response:
    user, token = _asker(), None
    # Also of a form that is refused: it must not come back as one to any agent.
    agent_id = validated(Asked, {"agent_id": written().get("agent_id") or "0"}).agent_id
    if "any" in written():  # Whoever is free first, in place of the one who is not.
        return _request_page(user, 0)
    try:
        asked = form(Request)
        if user is None:
            token, user = _welcome(asked)
        session = _request(user, agent_id, asked)
        response = see("conversations.show", chat_session_id=session["id"])
    except Problem as problem:
        response = _request_page(user, agent_id, problem)
    return _with_token(response, token) if token else response


def _asker() -> User | None:
    """A client; in a widget's frame also somebody who is nobody until they ask."""
    return None if _is_nobody() else reader("client")


def _is_nobody() -> bool:
    """In a widget's frame, before they ask for anything."""
    return framed() is not None and visitor() is None


def _welcome(asked: Request) -> tuple[str, User]:
    """The token of a new guest, and who they are; for the rest of the request it is they who ask."""
    key = existing(framed())["key"]
    token, g.user = guests.create(
        current_runtime(), key, asked.name, asked.email, str(get_locale()), caller()
    )
    return token, g.user


def _with_token(response: Response, token: str) -> Response:
    """For static/js/widget/frame.js, which goes on with it; of a redirect no script could read it."""
    response.headers["Chat-Token"] = token
    if response.status_code == 303:
        response.status_code = 201
    return response


def _request(user: User, agent_id: int, asked: Request) -> TimedSession:
    runtime = current_runtime()
    if agent_id and asked.rate_cents is None:
        raise RateChanged("The form does not say which rate it showed.")
    # Left blank is a client who wants no limit.
    is_named = "spending_limit" in written()
    limit = asked.spending_limit if is_named else runtime.spending_limit
    most = asked.rate_cents if agent_id else asked.max_rate
    session, _ = transitions.request(runtime, user, agent_id or None, asked.message, limit, most)
    return session


def _request_page(
    user: User | None, agent_id: int, problem: Problem | None = None, again: int = 0
) -> Response:
    runtime, card = current_runtime(), None
    if agent_id:
        cards, _ = agents.listed(runtime, agent_id - 1, 1, user.id if user else None)
        if not cards or cards[0]["id"] != agent_id:
            raise NotFound
        card = cards[0]
    is_prepaid = runtime.settings.prepaid
    return page(
        "request.html",
        problem=problem,
        agent=card,
        before=_before(user, again) if again and user else {},
        rates=None if agent_id else agents.rates(runtime),
        balance=balances.of_user(runtime, user, MAX_INTEGER, 1)["balance"] if is_prepaid and user else None,
        may_keep=guests.may_keep(runtime),
        missing=problem.extra.get("missing") if problem else None,
        default_limit=runtime.spending_limit,
        terms=sessions.increments(billing.terms(runtime.settings)),
    )


def _before(user: User, again: int) -> dict[str, str]:
    """The form as it was filled in for a request that nobody took; raises NotFound."""
    runtime = current_runtime()
    words = runtime.database.read(lambda db: messages.of_request(db, user, again))
    session = timeline.read(runtime, user, again)
    limit = session["spending_limit"]
    return {
        "message": words,
        "max_rate": typed.typed(session["max_rate"], session["currency"]),
        "spending_limit": "" if limit is None else typed.typed(limit, session["currency"]),
    }
