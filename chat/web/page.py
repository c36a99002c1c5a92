"""Pages: who reads one, what a form brings, and how HTML is answered."""

import hmac
import secrets
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, TypeVar
from urllib.parse import unquote, urlencode

from flask import Response, g, make_response, redirect, render_template, request, url_for
from werkzeug.datastructures import Headers
from werkzeug.exceptions import HTTPException

from chat import inbox, store
from chat.accounts import User
from chat.database.connection import Connection
from chat.errors import (
    CrossSite,
    DatabaseUnavailable,
    Forbidden,
    FormExpired,
    NotAuthenticated,
    PaymentUnavailable,
    Problem,
)
from chat.inbox import Inbox
from chat.web import words
from chat.web.answer import INERT, compressed
from chat.web.framed import framed, transport, visitor
from chat.web.language import instant
from chat.web.request import Body, check_origin, current_runtime, validated

Form = TypeVar("Form", bound=Body)

# No inline script or style, nothing from elsewhere, and no frame of others around it.
CONTENT_SECURITY_POLICY = (
    # blob: is a picture that is about to be sent.
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
    "connect-src 'self'; manifest-src 'self'; worker-src 'self'; "
    "form-action 'self'; frame-src 'self'; base-uri 'none'; frame-ancestors 'none'"
)
SAFETY = Headers(
    {
        "Content-Security-Policy": CONTENT_SECURITY_POLICY,
        "X-Content-Type-Options": "nosniff",
        # Not no-referrer: browsers would then say `Origin: null` of our own forms.
        "Referrer-Policy": "same-origin",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        # For browsers that do not know `frame-ancestors`.
        "X-Frame-Options": "DENY",
    }
)
# Their addresses are secrets, told to nobody: not to our own pages and their log either.
SECRET_ADDRESSES = ("entrance.link_page", "entrance.follow_link", "entrance.setup_page", "entrance.set_up")
# Shown in a frame of our own pages.
FRAMED = ("conversations.news",)
# One page differs by person and language, and nobody may keep it.
PERSONAL = {"Cache-Control": "no-store", "Vary": "Cookie, Accept-Language"}
INBOX_SIZE = 100
# What is further away has another clock, or another weekday, of that name before it.
CLOCK_ALONE, WEEKDAY_ALONE = timedelta(hours=12), timedelta(days=6)
# The endpoint that each role begins with.
START = {"client": "asking.listed", "agent": "desk.show", "admin": "figures.show_house"}


def visitor_if_known() -> None:
    """For the page of an error, which must come also when nobody can be looked up."""
    try:
        visitor()
    except Problem:
        g.user = None


def reader(*roles: str) -> User:
    """Who looks at the page; raises NotAuthenticated, and Forbidden when their role is none of these."""
    user = visitor()
    if user is None:
        raise NotAuthenticated
    if roles and user.role not in roles:
        raise Forbidden
    return user


def csrf_token(user: User, salt: str | None = None) -> str:
    """What forms of this sign-in carry: another site cannot read it, and it ends with the sign-in.

    Each page has another `salt`, so that the length of a compressed page tells nothing of it.
    """
    salt = salt or secrets.token_hex(8)
    signature = hmac.digest(user.token_hash, salt.encode(), "sha256")
    return f"{salt}.{signature.hex()}"


def form(model: type[Form]) -> Form:
    """What the form brings, without what was left blank.

    Raises CrossSite, FormExpired, InvalidParameter with the `field`.
    """
    check_form()
    # Browsers count a line break as one character, and send two.
    filled = {name: value.replace("\r\n", "\n") for name, value in request.form.items() if value.strip()}
    return validated(model, filled)


def written() -> Mapping[str, str]:
    """What the form brings, to be shown again; nothing of one that is too long, or from elsewhere."""
    try:
        check_origin()
        return request.form
    except (CrossSite, HTTPException):
        return {}


def check_form() -> None:
    """Raises CrossSite or FormExpired when it is not from a page of ours, of this sign-in."""
    check_origin()
    if user := visitor():
        sent = request.form.get("csrf", "")
        expected = csrf_token(user, sent.partition(".")[0])
        if not hmac.compare_digest(sent.encode(), expected.encode()):
            raise FormExpired


def form_key(problem: Problem | None = None) -> str:
    """So that a form does it once: a new one, or the same while nobody knows whether it did."""
    is_unknown = isinstance(problem, DatabaseUnavailable | PaymentUnavailable)
    return (is_unknown and request.form.get("key")) or secrets.token_urlsafe(16)


def page(template: str, status: int = 200, problem: Problem | None = None, **content: Any) -> Response:
    """The page; with a `problem`, what it says and its status."""
    user = visitor()
    if user and user.role != "admin" and "live" not in content and problem is None:
        content["live"] = live(user, current_runtime().database.read(lambda db: listed(db, user)))
    if user and content.get("live"):
        content["live"]["is_told"] = current_runtime().database.read(
            lambda db: store.push.is_told(db, user.token_hash)
        )
    html = render_template(
        template,
        user=user,
        settings=current_runtime().settings,
        framed=framed(),
        csrf=csrf_token(user) if user else "",
        words=words,
        first_question=first_question,
        current_path=current_path(),
        problem_text=_problem_text(problem),
        problem_field=problem.extra.get("field") if problem else None,
        problem_number=problem.extra.get("request_id") if problem else None,
        may_resume=problem is not None and problem.extra.get("may_resume"),
        notice=words.NOTICES.get(request.args.get("notice", "")),
        values=written(),
        portraits=_portraits,
        nearness=_nearness,
        **content,
    )
    response = make_response(html, problem.status if problem else status)
    response.headers.update(PERSONAL)
    if problem:
        response.headers.extend(problem.all_headers())
    return compressed(response)


def make_safe(response: Response) -> Response:
    """Redirects get the headers of a page, files those of data; data and what is held have their own."""
    if type(response) is Response and "X-Content-Type-Options" not in response.headers:
        response.headers.extend(INERT if request.endpoint == "static" else SAFETY)
        if request.endpoint in SECRET_ADDRESSES:
            response.headers["Referrer-Policy"] = "strict-origin"
        if request.endpoint in FRAMED:
            ours = CONTENT_SECURITY_POLICY.replace("frame-ancestors 'none'", "frame-ancestors 'self'")
            response.headers |= {"Content-Security-Policy": ours, "X-Frame-Options": "SAMEORIGIN"}
    return response


def listed(db: Connection, user: User) -> Inbox:
    """The user's open conversations, as a live inbox has them."""
    return inbox.fetch(db, current_runtime(), user, None, INBOX_SIZE, True)


def live(user: User, listed: Inbox) -> dict[str, Any]:
    """What the page's scripts go on from: it was read together with what the page shows."""
    return {
        "user": {"id": user.id, "role": user.role},
        "cursor": listed.cursor,
        "server_time": listed.server_time,
        "peers": listed.peers,
        "open": {
            str(each["id"]): (each["status"], each["unread"], each["last_message_id"])
            for each in listed.sessions
        },
        "transport": transport(),
        "hold_seconds": current_runtime().settings.long_poll_seconds,
        "heartbeat_seconds": current_runtime().settings.heartbeat_seconds,
        "words": words.for_scripts(user.role),
    }


def first_question(live: Mapping[str, Any]) -> str:
    """The query with which static/js/poller.js begins, to the letter: by it a browser knows it again."""
    peers = ",".join(f"{session_id}:{peer}" for session_id, peer in live["peers"].items())
    return urlencode({"cursor": live["cursor"], "peers": peers})


def current_path() -> str:
    """Of this page, with the prefix that all are served below."""
    return f"{request.script_root}{request.path}"


def see(endpoint: str, **values: Any) -> Response:
    """After a form: the browser opens this page; `notice` is what it says there."""
    return see_path(url_for(endpoint, **values))


def see_path(path: str) -> Response:
    """The same for a path, which must be `local`."""
    response = redirect(path, 303)
    response.headers.update(PERSONAL)
    return make_response(response)


def saved(
    act: Callable[[], object], again: Callable[[Problem], Response], endpoint: str, **values: Any
) -> Response:
    """Do what a form asks for, and show its page anew; or the form `again`, with what was wrong."""
    try:
        act()
    except Problem as problem:
        return again(problem)
    return see(endpoint, **values, notice="saved")


def local(path: str) -> str:
    """The path if it is one of this site's, or else nothing."""
    is_ours = path.startswith(f"{request.script_root}/") and not path.startswith(("//", "/\\"))
    # With .. a browser would leave the prefix.
    is_ours = is_ours and ".." not in unquote(path.partition("?")[0]).split("/")
    return path if is_ours and path.isprintable() and "\\" not in path else ""


def _portraits() -> dict[int, str]:
    """The hashes of everybody's pictures, read once a page."""
    if "portraits" not in g:
        g.portraits = current_runtime().database.read(store.portraits.hashes)
    found: dict[int, str] = g.portraits
    return found


def _nearness(at: str) -> str:
    """How an instant to come is told, in whatever zone: its time alone, with the weekday, or whole."""
    away = instant(at) - instant(current_runtime().database.read(store.server.now))
    return "clock" if away < CLOCK_ALONE else "weekday" if away < WEEKDAY_ALONE else "moment"


def _problem_text(problem: Problem | None) -> str | None:
    if problem is None:
        return None
    return words.of_problem(problem.code, problem.extra.get("field"), problem.extra.get("least"))
