"""A client's balance, and topping it up through the payment provider."""

from typing import Annotated

from flask import Blueprint, Response
from pydantic import Field

from chat import balances, payments
from chat.accounts import User
from chat.errors import Problem
from chat.web.api.payments import back_to
from chat.web.page import form, form_key, page, reader, see
from chat.web.request import MAX_INTEGER, Body, Digits, Key, Query, current_runtime, path_id, query
from chat.web.typed import Amount

blueprint = Blueprint("paying", __name__, url_prefix="/balance/top-ups")

# Offered by a button each, in minor units: 10.00 EUR, 1000 JPY, 1.000 KWD and more.
OFFERED = (1000, 2000, 5000, 10_000)
# A page that waits for the provider asks so often, this many seconds apart.
TIMES = 40
SECONDS = 3


class Entries(Query):
    """A page of the ledger."""

    before: Digits = MAX_INTEGER


class TopUp(Body):
    """What the client wants to pay."""

    amount: Amount = 0
    offered: Amount | None = None
    key: Key


class Returned(Query):
    """For the how manieth time the page asks since the provider led back to it; 0 is before."""

    returned: Annotated[Digits, Field(le=TIMES)] = 0


@blueprint.post("")
def begin() -> Response:
    runtime, user = current_runtime(), reader("client")
    try:
        asked = form(TopUp)
        payment, _ = payments.create(runtime, user, asked.offered or asked.amount, asked.key, back_to)
    except Problem as problem:
        return balance_page(user, problem)
    # A browser would not follow a form to another site: the page there has a link.
    return see("paying.show", payment_id=payment["id"])


@blueprint.get("/<payment_id>")
def show(payment_id: str) -> Response:
    runtime, user, times = current_runtime(), reader("client"), query(Returned).returned
    payment = payments.show(runtime, user, path_id(payment_id))
    is_waiting = payment["status"] == "open" and times > 0
    response = page("paying.html", payment=payment, is_waiting=is_waiting)
    if is_waiting and times < TIMES:
        address = f"?returned={times + 1}"
        response.headers["Refresh"] = f"{SECONDS}; url={address}"
    return response


def balance_page(user: User, problem: Problem | None = None) -> Response:
    """What the client has, and how it is topped up."""
    runtime, asked = current_runtime(), query(Entries)
    account = balances.of_user(runtime, user, asked.before, 50)
    provider, offered = payments.offered_by(runtime), OFFERED
    return page(
        "balance.html",
        problem=problem,
        account=account,
        provider=provider,
        offered=offered,
        open_top_ups=payments.open_of(runtime, user),
        key=form_key(problem),
    )
