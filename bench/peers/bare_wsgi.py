"""A bare WSGI function: what gunicorn takes before anything is done. The POST stores its message."""

import json
from collections.abc import Callable
from typing import Any

from bench.peers import store

NOTHING = b'{"messages":[],"session":{"status":"active"},"longPolling":false}'


def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
    """Always the same to a GET."""
    status, body = "200 OK", NOTHING
    if environ["REQUEST_METHOD"] == "POST":
        sent = json.load(environ["wsgi.input"])
        message_id = store.insert(sent["chat_session_id"], "client", sent["message"])
        status, body = "201 Created", b'{"success":true,"messageId":%d}' % message_id
    start_response(status, [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
    return [body]
