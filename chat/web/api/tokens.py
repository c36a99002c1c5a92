"""API tokens: what programs of somebody sign in with."""

from typing import Annotated

from flask import Blueprint, Response
from pydantic import Field

from chat import tokens
from chat.accounts import User
from chat.errors import Forbidden, InvalidCredentials, Overloaded, TooMany, TooManyRequests
from chat.runtime import Runtime
from chat.web.answer import personal
from chat.web.contract import Operation
from chat.web.request import Body, Text, caller, written
from chat.wire import ApiTokens, Done, NewApiToken

blueprint = Blueprint("tokens", __name__, url_prefix="/api/auth/tokens")


class NewToken(Body):
    """What it is for, until when, and the password of whoever makes it."""

    label: Annotated[Text, written(tokens.LABEL_CHARACTERS)]
    days: Annotated[int, Field(strict=True, ge=1, le=tokens.MOST_DAYS)] = tokens.USUAL_DAYS
    password: Annotated[Text, Field(min_length=1, max_length=1000)]


@blueprint.get("")
@Operation("Your API tokens", {200: ApiTokens})
def listed(runtime: Runtime, user: User) -> Response:
    return personal({"tokens": tokens.listed(runtime, user.id)})


@blueprint.post("")
@Operation(
    "Make an API token; it is told this once",
    {201: NewApiToken},
    body=NewToken,
    refuses=(Forbidden, InvalidCredentials, TooMany, TooManyRequests, Overloaded),
)
def create(runtime: Runtime, user: User, asked: NewToken) -> Response:
    token, shown = tokens.create(runtime, user, asked.label, asked.days, asked.password, caller())
    return personal({"success": True, "token": token, "api_token": shown}, 201)


@blueprint.post("/<token_id>/revoke")
@Operation("It ends at once, and what is held with it", {200: Done}, refuses=(Forbidden, Overloaded))
def revoke(runtime: Runtime, user: User, token_id: int) -> Response:
    tokens.revoke(runtime, user, token_id)
    return personal({"success": True})
