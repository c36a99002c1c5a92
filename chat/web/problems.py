"""The one handler of errors: problem+json (RFC 9457) under /api/, a page elsewhere."""

import logging
from http import HTTPStatus

from flask import Flask, Response, request
from flask.globals import request_ctx
from werkzeug.exceptions import HTTPException

from chat import counts
from chat.errors import (
    AddressTooLong,
    BodyTooLarge,
    ExpectationFailed,
    HeadersTooLarge,
    InvalidRequest,
    MethodNotAllowed,
    NotAuthenticated,
    NotFound,
    Overloaded,
    Problem,
    RequestTimeout,
    StorageFull,
    UnknownMethod,
)
from chat.logs import request_id
from chat.web.answer import INERT, json
from chat.web.page import make_safe, page, see, visitor_if_known, written

# What a request can be before anybody has read it: broken, late or too long.
UNREADABLE = {
    kind.status: kind
    for kind in (
        InvalidRequest,
        NotFound,
        RequestTimeout,
        AddressTooLong,
        ExpectationFailed,
        HeadersTooLarge,
        UnknownMethod,
    )
}

# Of a file on its way.
UNTAKEN = {kind.status: kind for kind in (Overloaded, StorageFull)}

# What asks for these reads no pages.
MONITORED = ("/healthz", "/readyz", "/metrics")

log = logging.getLogger(__name__)


def register(app: Flask) -> None:
    """Answer every error of `app` from the catalogue."""
    app.register_error_handler(Problem, _answer)
    app.register_error_handler(HTTPException, _answer_http)
    app.register_error_handler(OverflowError, _answer_overflow)
    app.register_error_handler(Exception, _answer_unexpected)
    app.after_request(make_safe)
    # For the worker, which reads the requests.
    outside = (
        f"All of this site is below {app.extensions['chat'].settings.prefix}/: a proxy must leave that there."
    )
    refusals = {**UNREADABLE, **UNTAKEN}
    app.extensions["refusal"] = lambda status: answer(refusals[status](outside if status == 404 else ""))


def answer(problem: Problem) -> Response:
    """A problem as JSON, as RFC 9457 has it."""
    counts.add("errors", problem.code)
    content = {
        "type": f"urn:tete-a-tete:problem:{problem.code}",
        "code": problem.code,
        "status": problem.status,
        "title": problem.title,
        **({"detail": problem.detail} if problem.detail else {}),
        **problem.extra,
    }
    headers = {
        "Content-Type": "application/problem+json",
        "Cache-Control": "no-store",
        **INERT,
        **problem.all_headers(),
    }
    return json(content, problem.status, headers)


def answer_to(error: Exception) -> Response:
    """The answer to any error, for where Flask's handlers do not reach."""
    if isinstance(error, Problem):
        return answer(error)
    return answer(_unexpected(error))


def _answer(problem: Problem) -> Response:
    # For a Host that cannot be one no page is made: there is no address for its links.
    path = request.path
    if path.startswith("/api/") or path in MONITORED or request_ctx.url_adapter is None:
        return answer(problem)
    # A message that was written before the sign-in ended is shown instead, to be copied.
    is_framed = "Chat-Widget" in request.headers  # Its script begins anew.
    if isinstance(problem, NotAuthenticated) and not is_framed and not written().get("message"):
        asked = f"{request.script_root}{request.full_path.rstrip('?')}"
        return see("entrance.login_page", **({"next": asked} if request.method == "GET" else {}))
    visitor_if_known()
    counts.add("errors", problem.code)
    return page("error.html", problem=problem)


def _answer_http(error: HTTPException) -> Response:
    """What Flask itself refuses: no route, wrong method, a malformed request."""
    kinds = {kind.status: kind for kind in (NotFound, MethodNotAllowed, BodyTooLarge)}
    status = HTTPStatus(error.code or 500)
    kind = kinds.get(status, InvalidRequest if status < 500 else Problem)
    response = _answer(kind())
    if allowed := getattr(error, "valid_methods", None):
        response.headers["Allow"] = ", ".join(sorted(allowed))
    return response


def _answer_overflow(error: OverflowError) -> Response:
    """A date in a header that is beyond all calendars."""
    return _answer(InvalidRequest())


def _answer_unexpected(error: Exception) -> Response:
    return _answer(_unexpected(error))


def _unexpected(error: Exception) -> Problem:
    """The number is what somebody can tell the operator."""
    log.error("A request failed", exc_info=error)
    number = request_id()
    return Problem(**({"request_id": number} if number else {}))
