"""POST: a message."""

from flask import Blueprint, Response, request

from chat import messages
from chat.errors import InvalidParameter
from chat.web.answer import personal
from chat.web.request import Body, Id, Key, Text, body, current_runtime, signed_in, validated

blueprint = Blueprint("sending", __name__)


class Message(Body):
    """What a client sends."""

    chat_session_id: Id
    message: Text
    client_message_id: Key | None = None


class IdempotencyKey(Body):
    """The same key, as a header."""

    idempotency_key: Key


@blueprint.post("/api/chat/message")
def send() -> Response:
    runtime, user = current_runtime(), signed_in()
    message = body(Message)
    message_id, duplicate = messages.send(
        runtime,
        user,
        message.chat_session_id,
        message.message,
        _idempotency_key(message.client_message_id),
    )
    if duplicate:
        return personal({"success": True, "messageId": message_id, "duplicate": True})
    return personal({"success": True, "messageId": message_id}, 201)


def _idempotency_key(in_body: str | None) -> str | None:
    header = request.headers.get("Idempotency-Key")
    if header is None:
        return in_body
    key = validated(IdempotencyKey, {"idempotency_key": header}).idempotency_key
    if in_body not in (None, key):
        raise InvalidParameter("Idempotency-Key and client_message_id differ; send one of them.")
    return key
