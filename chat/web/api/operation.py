"""What a monitor asks."""

import os

from flask import Blueprint, Response

from chat.store import revision
from chat.web.answer import json
from chat.web.request import current_runtime

blueprint = Blueprint("operation", __name__)


@blueprint.get("/healthz")
def healthz() -> Response:
    """This worker answers, and how many polls it holds."""
    held = current_runtime().hub.waiter_count()
    return json({"status": "ok", "worker": os.getpid(), "held_polls": held})


@blueprint.get("/readyz")
def readyz() -> Response:
    """The database answers too; 503 otherwise."""
    current_runtime().database.read(revision.head)
    return json({"status": "ok"})
