"""POST: a message."""

from flask import Blueprint, Response, request

from chat import messages
from chat.errors import InvalidParameter, TooManyRequests
from chat.web.answer import personal
from chat.web.request import Body, Id, Key, Text, body, process, signed_in, validated

sending = Blueprint("sending", __name__)


class Message(Body):
    """What a client sends."""

    chat_session_id: Id
    message: Text
    client_message_id: Key | None = None


class IdempotencyKey(Body):
    """The same key, as a header."""

    idempotency_key: Key


@sending.post("/api/chat/message")
def send() -> Response:
    here, user = process(), signed_in()
    if not here.sends.take(user.id):
        raise TooManyRequests(f"At most {here.settings.sends_per_minute} messages a minute.")
    message = body(Message)
    message_id, duplicate = messages.send(
        here.engine,
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
