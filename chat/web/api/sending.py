"""POST: a message."""

from typing import Annotated

from flask import Blueprint, Response, request
from pydantic import Field

from chat import messages
from chat.accounts import User
from chat.errors import (
    IdempotencyMismatch,
    InvalidParameter,
    NotFound,
    Overloaded,
    SessionEnded,
    TooManyRequests,
)
from chat.runtime import Runtime
from chat.web.answer import personal
from chat.web.contract import Operation
from chat.web.request import WRITTEN, Body, Id, Key, Text, caller, validated
from chat.wire import Sent

blueprint = Blueprint("sending", __name__)


class Message(Body):
    """What a client sends."""

    chat_session_id: Id
    message: Annotated[Text, WRITTEN]
    client_message_id: Key | None = None


class IdempotencyKey(Body):
    """The same key, as a header."""

    idempotency_key: Key = Field(alias="Idempotency-Key")


@blueprint.post("/api/chat/message")
@Operation(
    "Send a message; with a key it is safe to send again",
    {201: Sent, 200: Sent},
    body=Message,
    headers=IdempotencyKey,
    refuses=(NotFound, SessionEnded, IdempotencyMismatch, TooManyRequests, Overloaded),
)
def send(runtime: Runtime, user: User, message: Message) -> Response:
    message_id, duplicate = messages.send(
        runtime,
        user,
        message.chat_session_id,
        message.message,
        _idempotency_key(message.client_message_id),
        caller(),
    )
    if duplicate:
        return personal({"success": True, "messageId": message_id, "duplicate": True})
    return personal({"success": True, "messageId": message_id}, 201)


def _idempotency_key(in_body: str | None) -> str | None:
    header = request.headers.get("Idempotency-Key")
    if header is None:
        return in_body
    key = validated(IdempotencyKey, {"Idempotency-Key": header}).idempotency_key
    if in_body not in (None, key):
        raise InvalidParameter(
            "Idempotency-Key and client_message_id differ; send one of them.", field="client_message_id"
        )
    return key
