"""Webhooks, for administrators."""

from typing import Annotated

from flask import Blueprint, Response
from pydantic import Field

from chat import webhooks
from chat.accounts import User
from chat.errors import Forbidden, Overloaded, TooMany
from chat.runtime import Runtime
from chat.store.rows import HookEvent
from chat.web.answer import personal
from chat.web.contract import Operation
from chat.web.request import MAX_INTEGER, Body, Digits, PageSize, Query, Text, described, written
from chat.wire import ChangedWebhook, Deliveries, Done, NewWebhook, Webhooks

blueprint = Blueprint("webhooks", __name__, url_prefix="/api/chat/webhooks")
ONE = "/<webhook_id>"

Label = Annotated[Text, written(webhooks.LABEL_CHARACTERS)]
Url = Annotated[Text, described(webhooks.USUAL_URL, webhooks.URL_CHARACTERS)]
Events = Annotated[list[HookEvent], Field(min_length=1, max_length=len(webhooks.EVENTS))]
Words = Annotated[bool, Field(strict=True)]


class NewHook(Body):
    """Where to, and what of; with the words of messages or without."""

    label: Label
    url: Url
    events: Events
    with_words: Words = False


class Change(Body):
    """What is another from now on."""

    label: Label | None = None
    url: Url | None = None
    events: Events | None = None
    with_words: Words | None = None


class Page(Query):
    """A page of deliveries."""

    before_id: Digits = Field(default=MAX_INTEGER, alias="beforeDeliveryId")
    limit: PageSize = 50


@blueprint.get("")
@Operation("All webhooks", {200: Webhooks}, refuses=(Forbidden,))
def listed(runtime: Runtime, user: User) -> Response:
    return personal({"webhooks": webhooks.listed(runtime, user)})


@blueprint.post("")
@Operation(
    "Add a webhook; its secret is told this once",
    {201: NewWebhook},
    body=NewHook,
    refuses=(Forbidden, TooMany, Overloaded),
)
def add(runtime: Runtime, user: User, asked: NewHook) -> Response:
    webhook, secret = webhooks.add(runtime, user, asked.label, asked.url, asked.events, asked.with_words)
    return personal({"success": True, "webhook": webhook, "secret": secret}, 201)


@blueprint.post(ONE)
@Operation("Change a webhook", {200: ChangedWebhook}, body=Change, refuses=(Forbidden, Overloaded))
def change(runtime: Runtime, user: User, webhook_id: int, asked: Change) -> Response:
    webhook = webhooks.change(
        runtime, user, webhook_id, asked.label, asked.url, asked.events, asked.with_words
    )
    return personal({"success": True, "webhook": webhook})


@blueprint.post(f"{ONE}/on")
@Operation("Turn a webhook on", {200: ChangedWebhook}, refuses=(Forbidden, Overloaded))
def turn_on(runtime: Runtime, user: User, webhook_id: int) -> Response:
    return personal({"success": True, "webhook": webhooks.turn(runtime, user, webhook_id, True)})


@blueprint.post(f"{ONE}/off")
@Operation("Turn a webhook off", {200: ChangedWebhook}, refuses=(Forbidden, Overloaded))
def turn_off(runtime: Runtime, user: User, webhook_id: int) -> Response:
    return personal({"success": True, "webhook": webhooks.turn(runtime, user, webhook_id, False)})


@blueprint.post(f"{ONE}/rotate")
@Operation(
    "Another secret, told this once; the one before is good for a day more",
    {200: NewWebhook},
    refuses=(Forbidden, Overloaded),
)
def rotate(runtime: Runtime, user: User, webhook_id: int) -> Response:
    webhook, secret = webhooks.rotate(runtime, user, webhook_id)
    return personal({"success": True, "webhook": webhook, "secret": secret})


@blueprint.post(f"{ONE}/delete")
@Operation("Remove a webhook", {200: Done}, refuses=(Forbidden, Overloaded))
def remove(runtime: Runtime, user: User, webhook_id: int) -> Response:
    webhooks.remove(runtime, user, webhook_id)
    return personal({"success": True})


@blueprint.post(f"{ONE}/test")
@Operation("Send a test, after what waits", {200: Done}, refuses=(Forbidden, Overloaded))
def send_test(runtime: Runtime, user: User, webhook_id: int) -> Response:
    webhooks.send_test(runtime, user, webhook_id)
    return personal({"success": True})


@blueprint.get(f"{ONE}/deliveries")
@Operation("What it was sent, and how that went", {200: Deliveries}, query=Page, refuses=(Forbidden,))
def list_deliveries(runtime: Runtime, user: User, webhook_id: int, asked: Page) -> Response:
    found, has_more = webhooks.deliveries(runtime, user, webhook_id, asked.before_id, asked.limit)
    return personal({"deliveries": found, "has_more": has_more})


@blueprint.post(f"{ONE}/deliveries/<delivery_id>/again")
@Operation("Send one again, with the same id", {200: Done}, refuses=(Forbidden, Overloaded))
def send_again(runtime: Runtime, user: User, webhook_id: int, delivery_id: int) -> Response:
    webhooks.send_again(runtime, user, webhook_id, delivery_id)
    return personal({"success": True})
