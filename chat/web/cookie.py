"""The cookies that keep a browser signed in."""

from flask import Response, request

from chat.web.request import COOKIES, current_runtime

DAY_SECONDS = 86_400


def keep(response: Response, token: str) -> Response:
    """The browser keeps the token."""
    max_age = current_runtime().settings.token_days * DAY_SECONDS
    for name in _names():
        response.set_cookie(
            name,
            token,
            max_age=max_age,
            path=path(),
            httponly=True,
            secure=request.is_secure,
            samesite="Lax",
        )
    return response


def forget(response: Response) -> Response:
    """The browser forgets it."""
    for name in _names():
        response.delete_cookie(name, path=path(), httponly=True, secure=request.is_secure, samesite="Lax")
    return response


def path() -> str:
    """Where cookies of ours are sent to: not to what else is on the host, beside a prefix."""
    return request.script_root or "/"


def _names() -> tuple[str, ...]:
    """A browser takes the first over TLS only, and for the whole host only."""
    return COOKIES if request.is_secure and path() == "/" else COOKIES[1:]
