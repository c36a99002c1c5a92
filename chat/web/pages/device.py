"""What makes the site an app of a device: its manifest, and the script that shows what is pushed."""

from typing import Literal

from flask import Blueprint, Response, current_app, url_for
from flask_babel import force_locale
from flask_babel import gettext as _

from chat.documents import encode
from chat.web.answer import INERT
from chat.web.request import Query, query

blueprint = Blueprint("device", __name__)

# As static/css/tokens.css has it.
GROUND = "#faf8f5"
ICONS = (("192", "192x192", "any"), ("512", "512x512", "any"), ("maskable-512", "512x512", "maskable"))
# Both are small, and asked for each time.
ASKED = {**INERT, "Cache-Control": "no-cache"}
# It fetches nothing but our own API.
WORKER_POLICY = "default-src 'none'; connect-src 'self'; frame-ancestors 'none'"


class Described(Query):
    """In the language of the page."""

    language: Literal["en", "fr"] = "en"


@blueprint.get("/manifest.webmanifest")
def manifest() -> Response:
    language, start = query(Described).language, url_for("entrance.start")
    with force_locale(language):
        content = {
            "id": start,
            "name": "Tête-à-tête",
            "short_name": "Tête-à-tête",
            "description": _("Consultations in writing, one to one."),
            "lang": language,
            "dir": "ltr",
            "start_url": start,
            "scope": start,
            "display": "standalone",
            "background_color": GROUND,
            "theme_color": GROUND,
            "icons": [
                {"src": _icon(name), "sizes": sizes, "type": "image/png", "purpose": purpose}
                for name, sizes, purpose in ICONS
            ],
        }
    return Response(encode(content), headers={**ASKED, "Content-Type": "application/manifest+json"})


@blueprint.get("/sw.js")
def service_worker() -> Response:
    """Of the whole site, because it is at its root."""
    script = current_app.extensions["static"].bundle("js/service-worker.js")
    headers = {**ASKED, "Content-Type": "text/javascript", "Content-Security-Policy": WORKER_POLICY}
    return Response(script, headers=headers)


def _icon(name: str) -> str:
    return url_for("static", filename=f"icons/{name}.png")
