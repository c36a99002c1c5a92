"""What websites show: the script of the button, and the frame that it opens; and what a guest can have."""

from typing import Literal
from urllib.parse import urlsplit

from flask import Blueprint, Response, current_app, make_response, render_template, request
from flask_babel import force_locale, get_locale

from chat import guests, widgets
from chat.errors import OriginNotAllowed, Problem
from chat.store.rows import WidgetRow
from chat.web.answer import compressed
from chat.web.page import CONTENT_SECURITY_POLICY, SAFETY, form, page, reader, see
from chat.web.request import Body, Query, current_runtime, query

blueprint = Blueprint("widget", __name__)

# Of others' pages: they may load it, and nothing else of ours.
SCRIPT = {
    "Content-Type": "text/javascript; charset=utf-8",
    "Cache-Control": "public, max-age=600",
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "cross-origin",
}


class Shown(Query):
    """In the language of the page around."""

    language: Literal["en", "fr"] = "en"


class Kept(Body):
    """Where the link goes."""

    email: str = ""


@blueprint.get("/widget.js")
def script() -> Response:
    # In a block: twice on a page, the second must not find the names of the first.
    code = current_app.extensions["static"].bundle("js/widget.js")
    return compressed(Response(f"{{\n{code}}}\n", headers=SCRIPT))


@blueprint.get("/widget/<key>")
def frame(key: str) -> Response:
    """The only document that others may frame; nobody's: it has no cookie, and nothing of its visitor."""
    widget, language = widgets.find(current_runtime(), key), query(Shown).language
    _check_referrer(widget)
    with force_locale(language):
        content = {"settings": current_runtime().settings, "widget": widget}
        response = make_response(render_template("widget.html", **content))
    response.headers.update(SAFETY)
    ancestors = f"frame-ancestors 'self' {widget['origins']}"
    policy = CONTENT_SECURITY_POLICY.replace("frame-ancestors 'none'", ancestors)
    response.headers |= {"Content-Security-Policy": policy, "Cache-Control": "no-cache"}
    response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    # It cannot name several origins; whatever knows `frame-ancestors` does not look at it. The other is of
    # windows, and browsers complain of it where there is no TLS.
    del response.headers["X-Frame-Options"], response.headers["Cross-Origin-Opener-Policy"]
    return compressed(response)


@blueprint.get("/keeping")
def keeping_page() -> Response:
    return _keeping_page()


@blueprint.post("/keeping")
def keep() -> Response:
    runtime, user = current_runtime(), reader("client")
    try:
        guests.keep(runtime, user, form(Kept).email, str(get_locale()))
    except Problem as problem:
        return _keeping_page(problem)
    return see("widget.keeping_page", notice="keeping_sent")


def _keeping_page(problem: Problem | None = None) -> Response:
    runtime, user = current_runtime(), reader("client")
    is_offered = guests.may_keep(runtime) and guests.is_guest(runtime, user)
    return page("keeping.html", problem=problem, is_offered=is_offered)


def _check_referrer(widget: WidgetRow) -> None:
    """Raises OriginNotAllowed where the browser says that another site's page asks.

    It need not say; then the policy is what keeps the frame empty.
    """
    said = urlsplit(request.headers.get("Referer", ""))
    if said.netloc and said.netloc != request.host:
        origin = f"{said.scheme}://{said.netloc}"
        if origin not in widget["origins"].split():
            raise OriginNotAllowed(f"The page is of {origin}.")
