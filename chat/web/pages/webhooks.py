"""Webhooks, for administrators."""

from collections.abc import Callable
from typing import Any, cast

from flask import Blueprint, Response, request

from chat import webhooks
from chat.errors import NotFound, Problem
from chat.store.rows import HookEvent
from chat.web.page import check_form, form, page, reader, see
from chat.web.request import MAX_INTEGER, Body, Digits, Flag, Query, current_runtime, path_id, query

blueprint = Blueprint("hooks", __name__, url_prefix="/admin/webhooks")
PAGE_SIZE = 50


class Webhook(Body):
    """Where to, and whether with words; the events are as many fields of one name."""

    label: str = ""
    url: str = ""
    words: Flag = False


class Listed(Query):
    """A page of deliveries."""

    before: Digits = MAX_INTEGER


@blueprint.get("")
def show() -> Response:
    return _page()


@blueprint.post("")
def add() -> Response:
    runtime, user = current_runtime(), reader("admin")
    try:
        asked = form(Webhook)
        webhook, secret = webhooks.add(runtime, user, asked.label, asked.url, _events(), asked.words)
    except Problem as problem:
        return _page(problem)
    return _page_of(webhook["id"], secret=secret, status=201)


@blueprint.get("/<webhook_id>")
def show_one(webhook_id: str) -> Response:
    return _page_of(path_id(webhook_id))


@blueprint.post("/<webhook_id>")
def change(webhook_id: str) -> Response:
    runtime, user, hook_id = current_runtime(), reader("admin"), path_id(webhook_id)
    try:
        asked = form(Webhook)
        webhooks.change(runtime, user, hook_id, asked.label, asked.url, _events(), asked.words)
    except NotFound:
        raise
    except Problem as problem:
        return _page_of(hook_id, problem)
    return see("hooks.show_one", webhook_id=hook_id, notice="saved")


@blueprint.post("/<webhook_id>/<action>")
def act(webhook_id: str, action: str) -> Response:
    runtime, user, hook_id = current_runtime(), reader("admin"), path_id(webhook_id)
    check_form()
    acts: dict[str, tuple[str, Callable[[], Any]]] = {
        "on": ("saved", lambda: webhooks.turn(runtime, user, hook_id, True)),
        "off": ("saved", lambda: webhooks.turn(runtime, user, hook_id, False)),
        "test": ("sent", lambda: webhooks.send_test(runtime, user, hook_id)),
    }
    if action == "rotate":
        return _page_of(hook_id, secret=webhooks.rotate(runtime, user, hook_id)[1])
    if action == "delete":
        webhooks.remove(runtime, user, hook_id)
        return see("hooks.show", notice="deleted")
    if action not in acts:
        raise NotFound
    notice, do = acts[action]
    do()
    return see("hooks.show_one", webhook_id=hook_id, notice=notice)


@blueprint.post("/<webhook_id>/deliveries/<delivery_id>/again")
def send_again(webhook_id: str, delivery_id: str) -> Response:
    runtime, user, hook_id = current_runtime(), reader("admin"), path_id(webhook_id)
    check_form()
    webhooks.send_again(runtime, user, hook_id, path_id(delivery_id))
    return see("hooks.show_one", webhook_id=hook_id, notice="sent")


def _events() -> list[HookEvent]:
    return cast(list[HookEvent], request.form.getlist("events"))


def _page(problem: Problem | None = None) -> Response:
    runtime, user = current_runtime(), reader("admin")
    found = webhooks.listed(runtime, user)
    return page(
        "admin/webhooks.html",
        problem=problem,
        webhooks=found,
        chosen=_events() if problem else webhooks.EVENTS,
        events=webhooks.EVENTS,
    )


def _page_of(
    webhook_id: int, problem: Problem | None = None, secret: str | None = None, status: int = 200
) -> Response:
    runtime, user = current_runtime(), reader("admin")
    webhook = webhooks.read(runtime, user, webhook_id)
    found, has_more = webhooks.deliveries(runtime, user, webhook_id, query(Listed).before, PAGE_SIZE)
    return page(
        "admin/webhook.html",
        status,
        problem,
        webhook=webhook,
        deliveries=found,
        has_more=has_more,
        secret=secret,
        chosen=_events() if problem else webhook["events"],
        events=webhooks.EVENTS,
    )
