"""Signing in and out."""

from typing import Annotated

from flask import Blueprint, Response
from pydantic import Field

from chat import accounts
from chat.accounts import User
from chat.errors import (
    CodeNeeded,
    CodeWrong,
    InvalidCredentials,
    Overloaded,
    SecondStepRequired,
    TooManyRequests,
)
from chat.runtime import Runtime
from chat.web.answer import personal
from chat.web.contract import Operation
from chat.web.cookie import forget, keep
from chat.web.request import Body, caller, tokens
from chat.wire import Done, SignedIn

blueprint = Blueprint("login", __name__)


class Credentials(Body):
    """What a user knows."""

    email: Annotated[str, Field(strict=True, min_length=1, max_length=254)]
    password: Annotated[str, Field(strict=True, min_length=1, max_length=1000)]
    code: Annotated[str, Field(strict=True, max_length=100)] | None = None


@blueprint.post("/api/auth/login")
@Operation(
    "Sign in",
    {200: SignedIn},
    body=Credentials,
    refuses=(
        *(InvalidCredentials, CodeNeeded, CodeWrong, SecondStepRequired),
        *(TooManyRequests, Overloaded),
    ),
    user=None,
)
def log_in(runtime: Runtime, credentials: Credentials) -> Response:
    token, user = accounts.log_in(
        runtime, credentials.email, credentials.password, caller(), credentials.code
    )
    return keep(
        personal({"token": token, "user": {"id": user.id, "role": user.role, "name": user.name}}), token
    )


@blueprint.post("/api/auth/logout")
@Operation("Sign out: the token is revoked", {200: Done}, refuses=(Overloaded,))
def log_out(runtime: Runtime, user: User) -> Response:
    accounts.log_out(runtime, *map(accounts.hash_token, tokens()))
    return forget(personal({"success": True}))
