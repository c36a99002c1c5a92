"""The frame of a widget, on somebody's website: who asks from there, and for which widget.

The document of the frame is the only one of ours that others may frame, and has nothing of anybody. Its
script fetches the pages, with the token of its visitor as a bearer and the widget's key in `Chat-Widget`,
which no other site's page can send.
"""

from flask import g, request

from chat import widgets
from chat.accounts import User
from chat.errors import NotAuthenticated
from chat.store.rows import WidgetRow
from chat.web.request import cookies, current_runtime, signed_in

# What no handshake of a browser can carry is the bearer.
TRANSPORTS = {"ws": "longpoll", "auto": "sse"}


def framed() -> WidgetRow | None:
    """The widget for whose frame this page is; raises NotFound where its key is none, or revoked."""
    if "widget" not in g:
        g.widget = None  # Also of the page that says so.
        if key := request.headers.get("Chat-Widget"):
            g.widget = widgets.find(current_runtime(), key)
    widget: WidgetRow | None = g.widget
    return widget


def transport() -> str:
    """How this page hears of news."""
    chosen = current_runtime().settings.transport
    return TRANSPORTS.get(chosen, chosen) if framed() else chosen


def visitor() -> User | None:
    """Who looks at the page, if they are signed in; a program looks at none."""
    if "user" not in g:
        g.user = None
        is_told = "Authorization" in request.headers if framed() else cookies()
        try:
            user = signed_in() if is_told else None
        except NotAuthenticated:
            user = None
        g.user = None if user and user.is_program else user
    found: User | None = g.user
    return found
