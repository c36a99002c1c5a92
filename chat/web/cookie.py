"""The cookie that keeps a browser signed in."""

from flask import Response, request

from chat.web.request import COOKIE, current_runtime

DAY_SECONDS = 86_400


def keep(response: Response, token: str) -> Response:
    """The browser keeps the token."""
    response.set_cookie(
        COOKIE,
        token,
        max_age=current_runtime().settings.token_days * DAY_SECONDS,
        httponly=True,
        secure=request.is_secure,
        samesite="Lax",
    )
    return response


def forget(response: Response) -> Response:
    """The browser forgets it."""
    response.delete_cookie(COOKIE, httponly=True, secure=request.is_secure, samesite="Lax")
    return response
