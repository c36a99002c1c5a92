"""The agents that a client may ask, and the asking."""

from flask import Blueprint, Response

from chat import agents, transitions
from chat.errors import NotFound, Problem
from chat.web.page import form, page, reader, see, written
from chat.web.request import Body, Digits, Query, current_runtime, query, validated
from chat.web.typed import Amount

blueprint = Blueprint("asking", __name__)

PAGE_SIZE = 60


class Listed(Query):
    """A page of agents."""

    after: Digits = 0


class Asked(Query):
    """Which agent; 0 is any."""

    agent_id: Digits = 0


class Request(Body):
    """What a client asks for."""

    agent_id: Digits = 0
    message: str | None = None
    spending_limit: Amount | None = None


@blueprint.get("/agents")
def listed() -> Response:
    reader("client")
    cards, has_more = agents.listed(current_runtime(), query(Listed).after, PAGE_SIZE)
    return page("agents.html", agents=cards, has_more=has_more)


@blueprint.get("/sessions/new")
def request_page() -> Response:
    reader("client")
    return _request_page(query(Asked).agent_id)


@blueprint.post("/sessions")
def ask() -> Response:
    runtime, user = current_runtime(), reader("client")
    # Also of a form that is refused: it must not come back as one to any agent.
    agent_id = validated(Asked, {"agent_id": written().get("agent_id") or "0"}).agent_id
    try:
        asked = form(Request)
        session, _ = transitions.request(runtime, user, agent_id or None, asked.message, asked.spending_limit)
    except Problem as problem:
        return _request_page(agent_id, problem)
    return see("conversations.show", chat_session_id=session["id"])


def _request_page(agent_id: int, problem: Problem | None = None) -> Response:
    card = None
    if agent_id:
        cards, _ = agents.listed(current_runtime(), agent_id - 1, 1)
        if not cards or cards[0]["id"] != agent_id:
            raise NotFound
        card = cards[0]
    return page("request.html", problem=problem, agent=card)
