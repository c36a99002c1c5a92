"""What a browser opens, and what a monitor asks."""

import os

from flask import Blueprint, Response, render_template

from chat.store import revision
from chat.web.answer import json
from chat.web.request import process

pages = Blueprint("pages", __name__)


@pages.get("/")
def home() -> str:
    return render_template("home.html", settings=process().settings, max_waiters=process().hub.max_waiters)


@pages.get("/healthz")
def healthz() -> Response:
    """This worker answers, and how many polls it holds."""
    held = process().hub.waiter_count()
    return json({"status": "ok", "worker": os.getpid(), "held_polls": held})


@pages.get("/readyz")
def readyz() -> Response:
    """The database answers too; 503 otherwise."""
    process().database.read(revision.head)
    return json({"status": "ok"})
