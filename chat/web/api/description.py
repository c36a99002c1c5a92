"""What this API is, for programs."""

from typing import Any

from flask import Blueprint, Response, current_app, request

from chat.documents import encode
from chat.runtime import Runtime
from chat.web import openapi
from chat.web.answer import compressed
from chat.web.contract import Operation

blueprint = Blueprint("description", __name__)

HEADERS = {"Content-Type": "application/json", "Cache-Control": "public, max-age=300"}


@blueprint.get("/api/openapi.json")
@Operation("This document", {200: dict[str, Any]}, user=None)
def describe(runtime: Runtime) -> Response:
    kept = current_app.extensions
    if "openapi" not in kept:
        kept["openapi"] = encode(openapi.document(current_app))
    response = Response(kept["openapi"], headers=HEADERS)
    response.add_etag()
    response.make_conditional(request)
    return compressed(response)
