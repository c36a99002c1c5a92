"""Signing in and out."""

from typing import Annotated

from flask import Blueprint, Response, request
from pydantic import Field

from chat import accounts
from chat.accounts import User
from chat.errors import TooManyRequests
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
    credentials = body(Credentials)
    token, user = signed(credentials.email, credentials.password)
    return keep(
        personal({"token": token, "user": {"id": user.id, "role": user.role, "name": user.name}}), token
    )


@login.post("/api/auth/logout")
def log_out() -> Response:
    here, user = process(), signed_in()
    accounts.log_out(here.database, here.hub, user.token_hash)
    return forget(personal({"success": True}))


def signed(email: str, password: str) -> tuple[str, User]:
    """A new token and its user; raises InvalidCredentials, TooManyRequests, Overloaded."""
    here = process()
    if not here.logins.take(email.strip().lower()):
        raise TooManyRequests("Too many attempts for this account; wait a minute.")
    return accounts.log_in(here.database, here.threads, email, password, here.settings.token_days)


def keep(response: Response, token: str) -> Response:
    """The browser keeps the token."""
    response.set_cookie(
        COOKIE,
        token,
        max_age=process().settings.token_days * DAY_SECONDS,
        httponly=True,
        secure=request.is_secure,
        samesite="Lax",
    )
    return response


def forget(response: Response) -> Response:
    """The browser forgets it."""
    response.delete_cookie(COOKIE, httponly=True, secure=request.is_secure, samesite="Lax")
    return response
