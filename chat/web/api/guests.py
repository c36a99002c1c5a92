"""Guests of a widget: what the frame of a website does with the first request, for programs."""

from typing import Annotated

from flask import Blueprint, Response
from flask_babel import get_locale
from pydantic import Field

from chat import guests
from chat.errors import CrossSite, NotFound, Overloaded, TooManyRequests
from chat.runtime import Runtime
from chat.web.answer import personal
from chat.web.contract import Operation
from chat.web.request import Body, Text, caller, check_origin, written
from chat.wire import SignedIn

blueprint = Blueprint("guests", __name__)


class NewGuest(Body):
    """By which widget they come, and what they are called; with an email a link to keep it all goes there."""

    key: Annotated[Text, Field(min_length=1, max_length=64)]
    name: Annotated[Text, written(100)]
    email: Annotated[Text, Field(max_length=254)] | None = None


@blueprint.post("/api/auth/guests")
@Operation(
    "Come as a guest, by the key of a widget",
    {201: SignedIn},
    body=NewGuest,
    refuses=(NotFound, CrossSite, TooManyRequests, Overloaded),
    user=None,
)
def create(runtime: Runtime, asked: NewGuest) -> Response:
    check_origin()
    language = str(get_locale())
    token, user = guests.create(runtime, asked.key, asked.name, asked.email or "", language, caller())
    return personal({"token": token, "user": {"id": user.id, "role": user.role, "name": user.name}}, 201)
