"""The agents that a client may ask, and the asking."""

from flask import Blueprint, Response, g
from flask_babel import get_locale

from chat import agents, balances, billing, guests, messages, missed, sessions, timeline, transitions
from chat.accounts import User
from chat.errors import NotFound, Problem, RateChanged, existing
from chat.web.framed import framed, visitor
from chat.web.page import form, page, reader, see, written
from chat.web.request import MAX_INTEGER, Body, Digits, Query, caller, current_runtime, query, validated
from chat.web.typed import Amount, typed
from chat.wire import TimedSession

blueprint = Blueprint("asking", __name__)

PAGE_SIZE = 60


class Listed(Query):
    """A page of agents, for a request that was made before and that nobody took."""

    after: Digits = 0
    again: Digits = 0


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
    user, asked = _asker(), query(Listed)
    cards, has_more = agents.listed(current_runtime(), asked.after, PAGE_SIZE, user.id if user else None)
    answers = missed.to_client(current_runtime(), user) if user else []
    return page("agents.html", agents=cards, has_more=has_more, answers=answers, again=asked.again or None)


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
    return None if framed() and visitor() is None else reader("client")


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
        "max_rate": typed(session["max_rate"], session["currency"]),
        "spending_limit": "" if limit is None else typed(limit, session["currency"]),
    }
