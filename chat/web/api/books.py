"""Questions about receipts, credits, and the books as a table."""

from typing import Annotated

from flask import Blueprint, Response
from pydantic import Field

from chat import credits, exports
from chat.accounts import User
from chat.errors import Forbidden, IdempotencyMismatch, Overloaded
from chat.runtime import Runtime
from chat.web.answer import personal
from chat.web.contract import Operation
from chat.web.request import Body, Query, RequiredKey, Text, Units, in_currency, required_key, written
from chat.web.tables import CSV, table
from chat.wire import CreditedBack, Remarked

blueprint = Blueprint("bookkeeping", __name__)
RECEIPT = "/api/chat/sessions/<chat_session_id>/receipt"


class Remark(Body):
    """What is asked or answered."""

    remark: Annotated[Text, written(credits.REMARK_CHARACTERS)]


class Credit(Body):
    """How much is given back, and why."""

    amount: Units
    reason: Annotated[Text, written(credits.REASON_CHARACTERS)]


class Asked(Query):
    """Of which month; without it, of all."""

    month: Annotated[str, Field(pattern=f"^{exports.MONTH.pattern}$")] | None = None


@blueprint.post(f"{RECEIPT}/remarks")
@Operation(
    "The client asks about a receipt, or agent or administrator answer",
    {201: Remarked},
    body=Remark,
    refuses=(Overloaded,),
)
def ask(runtime: Runtime, user: User, session_id: int, asked: Remark) -> Response:
    remark = credits.ask(runtime, user, session_id, asked.remark)
    return personal({"success": True, "remark": remark}, 201)


@blueprint.post(f"{RECEIPT}/credits")
@Operation(
    "An administrator gives back some of a receipt, or all; the header Idempotency-Key is a must",
    {201: CreditedBack, 200: CreditedBack},
    body=Credit,
    headers=RequiredKey,
    refuses=(Forbidden, IdempotencyMismatch, Overloaded),
)
def credit(runtime: Runtime, user: User, session_id: int, asked: Credit) -> Response:
    key, currency = required_key(), credits.currency_of(runtime, user, session_id)
    cents = in_currency(asked.amount, currency)
    note, is_old = credits.credit(runtime, user, session_id, cents, asked.reason, key)
    more = {"duplicate": True} if is_old else {}
    return personal({"success": True, "credit": note, **more}, 200 if is_old else 201)


@blueprint.get("/api/chat/books.csv")
@Operation(
    "Receipts, credits and the ledger of a month, for administrators",
    {200: CSV},
    query=Asked,
    refuses=(Forbidden, Overloaded),
)
def save(runtime: Runtime, user: User, asked: Asked) -> Response:
    name = f"books-{asked.month}" if asked.month else "books"
    return table(exports.table(runtime, user, asked.month), name)
