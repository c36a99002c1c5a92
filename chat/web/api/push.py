"""Devices that are told of something while nobody looks, and who looks."""

from typing import Annotated

from flask import Blueprint, Response, request
from flask_babel import get_locale
from pydantic import Field, WithJsonSchema

from chat import push
from chat.accounts import User
from chat.errors import Forbidden, NotFound, Overloaded
from chat.runtime import Runtime
from chat.web.answer import personal
from chat.web.contract import Operation
from chat.web.request import Body, Text, described
from chat.wire import Done, PushKey

blueprint = Blueprint("push", __name__, url_prefix="/api/chat")

Endpoint = Annotated[Text, Field(min_length=1, max_length=push.LONGEST_ENDPOINT)]


class Keys(Body):
    """As the browser's `PushSubscription` gives them: a point of P-256 and a secret, in base64url."""

    p256dh: Annotated[Text, described("[A-Za-z0-9_-]{87}", 87)]
    auth: Annotated[Text, described("[A-Za-z0-9_-]{22}", 22)]


class Device(Body):
    """Where it takes pushes."""

    endpoint: Endpoint


class NewDevice(Body):
    """The same with its keys, and what it had before."""

    endpoint: Annotated[Text, described(push.ENDPOINT.pattern, push.LONGEST_ENDPOINT)]
    # In its place: the description of a body has no parts that are described elsewhere.
    keys: Annotated[Keys, WithJsonSchema(Keys.model_json_schema())]
    replaces: Endpoint | None = None


class Looking(Body):
    """Whether somebody looks at this page, which has a name among those of the sign-in."""

    page: Annotated[Text, Field(min_length=1, max_length=64)]
    looking: Annotated[bool, Field(strict=True)]


@blueprint.get("/push")
@Operation("The key that subscriptions to pushes are made with", {200: PushKey})
def show_key(runtime: Runtime, user: User) -> Response:
    return personal({"public_key": push.public_key(runtime)})


@blueprint.post("/push/subscribe")
@Operation(
    "Tell this device; again it changes nothing",
    {201: Done, 200: Done},
    body=NewDevice,
    refuses=(Forbidden, NotFound, Overloaded),
)
def subscribe(runtime: Runtime, user: User, asked: NewDevice) -> Response:
    keys, page = asked.keys, (request.host.partition(":")[0], str(get_locale()))
    is_new = push.subscribe(runtime, user, asked.endpoint, keys.p256dh, keys.auth, *page, asked.replaces)
    return personal({"success": True}, 201 if is_new else 200)


@blueprint.post("/push/unsubscribe")
@Operation("Tell this device nothing more", {200: Done}, body=Device, refuses=(Overloaded,))
def unsubscribe(runtime: Runtime, user: User, asked: Device) -> Response:
    push.unsubscribe(runtime, user, asked.endpoint)
    return personal({"success": True})


@blueprint.post("/push/test")
@Operation("Send this device something to see", {200: Done}, body=Device, refuses=(NotFound, Overloaded))
def send_test(runtime: Runtime, user: User, asked: Device) -> Response:
    push.send_test(runtime, user, asked.endpoint)
    return personal({"success": True})


@blueprint.post("/looking")
@Operation(
    "You look at a page, or do not any more: nobody is pushed who looks",
    {200: Done},
    body=Looking,
    refuses=(Overloaded,),
)
def look(runtime: Runtime, user: User, asked: Looking) -> Response:
    push.look(runtime, user, asked.page, asked.looking)
    return personal({"success": True})
