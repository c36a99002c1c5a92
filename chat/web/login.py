"""Signing in and out."""

from typing import Annotated

from flask import Blueprint, Response, request
from pydantic import Field

from chat import accounts
from chat.errors import Overloaded, TooManyRequests
from chat.native import QueueFull
from chat.web.answer import personal
from chat.web.request import COOKIE, Body, body, process, signed_in

login = Blueprint("login", __name__)

DAY_SECONDS = 86_400


class Credentials(Body):
    """What a user knows."""

    email: Annotated[str, Field(strict=True, min_length=1, max_length=254)]
    password: Annotated[str, Field(strict=True, min_length=1, max_length=1000)]


@login.post("/api/auth/login")
def log_in() -> Response:
    here, credentials = process(), body(Credentials)
    if not here.logins.take(credentials.email.lower()):
        raise TooManyRequests("Too many attempts for this account; wait a minute.")
    days = here.settings.token_days
    try:
        token, user = accounts.log_in(
            here.database,
            here.threads,
            credentials.email,
            credentials.password,
            days,
        )
    except QueueFull:
        raise Overloaded from None
    response = personal({"token": token, "user": {"id": user.id, "role": user.role, "name": user.name}})
    response.set_cookie(
        COOKIE,
        token,
        max_age=days * DAY_SECONDS,
        httponly=True,
        secure=request.is_secure,
        samesite="Lax",
    )
    return response


@login.post("/api/auth/logout")
def log_out() -> Response:
    here, user = process(), signed_in()
    accounts.log_out(here.database, here.hub, user.token_hash)
    response = personal({"success": True})
    response.delete_cookie(COOKIE, httponly=True, secure=request.is_secure, samesite="Lax")
    return response
