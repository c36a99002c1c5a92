"""What a monitor asks: JSON, also of what is wrong."""

import os
from hmac import compare_digest

from flask import Blueprint, Response, request

from chat import health, limits, metrics
from chat.errors import NotFound, NotReady
from chat.version import VERSION
from chat.web.answer import INERT, json
from chat.web.proxies import told_by_proxies
from chat.web.request import current_runtime

blueprint = Blueprint("operation", __name__)


@blueprint.get("/healthz")
def healthz() -> Response:
    """This worker answers, and how many polls it holds."""
    held = current_runtime().hub.waiter_count()
    return json({"status": "ok", "version": VERSION, "worker": os.getpid(), "held_polls": held})


@blueprint.get("/readyz")
def readyz() -> Response:
    """The database can be read and written, and there is room; 503 with what is wrong otherwise."""
    checks = health.checks(current_runtime())
    wrong = [f"{name}: {found}" for name, found in checks.items() if found != health.OK]
    if wrong:
        raise NotReady("; ".join(wrong), checks=checks)
    return json({"status": "ok", "checks": checks})


@blueprint.get("/metrics")
def show_metrics() -> Response:
    """For Prometheus; to others it is not here."""
    if not _may_look():
        raise NotFound
    headers = {**INERT, "Content-Type": metrics.CONTENT_TYPE, "Cache-Control": "no-store"}
    return Response(metrics.exposition(current_runtime()), headers=headers)


def _may_look() -> bool:
    """Who has the token; where there is none, this machine itself, not through a proxy on it."""
    if token := current_runtime().settings.metrics_token:
        given = request.headers.get("Authorization", "").encode("latin-1")
        return compare_digest(given, f"Bearer {token}".encode())
    return limits.is_here(request.remote_addr or "") and not told_by_proxies(request.headers)
