"""What an agent earns and was paid: for themselves, and for the administrator who pays them."""

from flask import Blueprint, Response

from chat import earnings, statistics
from chat.accounts import User
from chat.errors import Problem
from chat.web.api.answering import Days
from chat.web.page import form, form_key, page, reader, saved
from chat.web.request import Body, Key, Query, current_runtime, path_id, query
from chat.web.tables import table
from chat.web.typed import Amount

blueprint = Blueprint("statements", __name__)


class Period(Query):
    """How many days back."""

    days: Days = 30


class Payment(Body):
    """What was paid, or came back; the `key` is its form's, so that it is recorded once."""

    kind: earnings.Kind
    amount: Amount
    reason: str = ""
    key: Key


@blueprint.get("/earnings")
def show() -> Response:
    runtime, user, days = current_runtime(), reader("agent"), query(Period).days
    found = statistics.earnings(runtime, user, days)
    statement = earnings.statement(runtime, user, user.id)
    return page("earnings.html", earnings=found, days=days, statement=statement)


@blueprint.get("/earnings.csv")
def save() -> Response:
    user = reader("agent")
    return _table(user, user.id)


@blueprint.get("/admin/people/<user_id>/earnings")
def show_agent(user_id: str) -> Response:
    return _page(path_id(user_id))


@blueprint.get("/admin/people/<user_id>/earnings.csv")
def save_agent(user_id: str) -> Response:
    return _table(reader("admin"), path_id(user_id))


@blueprint.post("/admin/people/<user_id>/payouts")
def pay_out(user_id: str) -> Response:
    runtime, user, agent_id = current_runtime(), reader("admin"), path_id(user_id)

    def act() -> None:
        asked = form(Payment)
        earnings.pay_out(runtime, user, agent_id, asked.kind, asked.amount, asked.reason, asked.key)

    return saved(act, lambda problem: _page(agent_id, problem), "statements.show_agent", user_id=agent_id)


def _page(agent_id: int, problem: Problem | None = None) -> Response:
    found = earnings.statement(current_runtime(), reader("admin"), agent_id)
    return page("admin/earnings.html", problem=problem, statement=found, key=form_key(problem))


def _table(user: User, agent_id: int) -> Response:
    return table(
        earnings.as_csv(earnings.statement(current_runtime(), user, agent_id)), f"earnings-{agent_id}"
    )
