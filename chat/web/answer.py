"""JSON answers."""

import gzip
from collections.abc import Mapping

from flask import Response, request

from chat.documents import encode

# It is data: no browser is to run it, or to show it to another site's page.
INERT = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
}
PUBLIC = {"Content-Type": "application/json", **INERT}
PERSONAL = {**PUBLIC, "Cache-Control": "no-store", "Vary": "Cookie"}


def json(content: Mapping[str, object], status: int = 200, headers: Mapping[str, str] = PUBLIC) -> Response:
    """An answer; with the default headers one that is the same for everyone."""
    return Response(encode(content), status, headers)


def personal(content: Mapping[str, object], status: int = 200) -> Response:
    """An answer meant for one user, which nobody may keep."""
    return json(content, status, PERSONAL)


def compressed(response: Response) -> Response:
    """A page or a file, gzipped where the browser takes that; what it holds of secrets is salted."""
    if response.status_code != 304 and request.accept_encodings["gzip"]:
        response.direct_passthrough = False
        response.set_data(gzip.compress(response.get_data(), mtime=0))
        response.headers["Content-Encoding"] = "gzip"
    response.vary.add("Accept-Encoding")
    return response
