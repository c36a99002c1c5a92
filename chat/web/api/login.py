"""Signing in and out."""

from typing import Annotated

from flask import Blueprint, Response
from pydantic import Field

from chat import accounts
from chat.web.answer import personal
from chat.web.cookie import forget, keep
from chat.web.request import Body, address, body, current_runtime, signed_in, tokens

blueprint = Blueprint("login", __name__)


class Credentials(Body):
    """What a user knows."""

    email: Annotated[str, Field(strict=True, min_length=1, max_length=254)]
    password: Annotated[str, Field(strict=True, min_length=1, max_length=1000)]


@blueprint.post("/api/auth/login")
def log_in() -> Response:
    credentials = body(Credentials)
    token, user = accounts.log_in(current_runtime(), credentials.email, credentials.password, address())
    return keep(
        personal({"token": token, "user": {"id": user.id, "role": user.role, "name": user.name}}), token
    )


@blueprint.post("/api/auth/logout")
def log_out() -> Response:
    runtime = current_runtime()
    signed_in()
    accounts.log_out(runtime, *map(accounts.hash_token, tokens()))
    return forget(personal({"success": True}))
