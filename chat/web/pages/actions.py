"""What the forms of a conversation ask for, beside sending: one function an action."""

from collections.abc import Callable
from typing import Annotated

from pydantic import Field

from chat import transitions
from chat.accounts import User
from chat.runtime import Runtime
from chat.web.page import form
from chat.web.request import Body, Digits, Flag
from chat.web.typed import Amount
from chat.wire import TimedSession


class Transfer(Body):
    """Who goes on, and a note for them."""

    agent_id: Digits
    text: str = ""


class Agreement(Body):
    """Who goes on, and what a minute with them costs: as the page showed it."""

    agent_id: Digits
    rate_cents: Digits


class Limit(Body):
    """What the client will spend at most; blank is no limit."""

    spending_limit: Amount | None = None


class Rating(Body):
    """How it was."""

    rating: Annotated[Digits, Field(ge=1, le=5)]
    comment: Annotated[str, Field(max_length=1000)] | None = None
    public: Flag = False


def _limit(runtime: Runtime, user: User, session_id: int) -> TimedSession:
    return transitions.limit(runtime, user, session_id, form(Limit).spending_limit)


def _transfer(runtime: Runtime, user: User, session_id: int) -> TimedSession:
    asked = form(Transfer)
    return transitions.transfer(runtime, user, session_id, asked.agent_id, asked.text)


def _rate(runtime: Runtime, user: User, session_id: int) -> TimedSession:
    asked = form(Rating)
    return transitions.rate(runtime, user, session_id, asked.rating, asked.comment, asked.public)


def _agree(runtime: Runtime, user: User, session_id: int) -> TimedSession:
    asked = form(Agreement)
    return transitions.agree_to_transfer(runtime, user, session_id, asked.agent_id, asked.rate_cents)


ACTIONS: dict[str, Callable[[Runtime, User, int], TimedSession]] = {
    "accept": transitions.accept,
    "decline": transitions.decline,
    "cancel": transitions.cancel,
    "end": transitions.end,
    "pause": transitions.pause,
    "resume": transitions.resume,
    "limit": _limit,
    "transfer": _transfer,
    "agree": _agree,
    "refuse": transitions.refuse_transfer,
    "rating": _rate,
}
# After these there is nothing left for the agent to see.
LEAVING = ("decline",)
