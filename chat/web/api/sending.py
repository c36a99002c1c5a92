"""POST: a message."""

from collections.abc import Callable
from typing import Annotated

from flask import Blueprint, request

from chat import accounts, messages
from chat.accounts import User
from chat.documents import encode
from chat.errors import (
    IdempotencyMismatch,
    NotFound,
    Overloaded,
    SessionEnded,
    SessionPaused,
    TooManyRequests,
)
from chat.live.hub import Caller
from chat.runtime import Runtime
from chat.web.contract import Operation
from chat.web.held import Answer
from chat.web.request import WRITTEN, Body, Id, IdempotencyKey, Key, Text, given_key, parsed_key
from chat.wire import Sent

blueprint = Blueprint("sending", __name__)


class Message(Body):
    """What a client sends."""

    chat_session_id: Id
    message: Annotated[Text, WRITTEN]
    client_message_id: Key | None = None


@blueprint.post("/api/chat/message")
@Operation(
    "Send a message; with a key it is safe to send again",
    {201: Sent, 200: Sent},
    body=Message,
    headers=IdempotencyKey,
    refuses=(NotFound, SessionEnded, SessionPaused, IdempotencyMismatch, TooManyRequests, Overloaded),
    is_repeated=True,
)
def send(runtime: Runtime, user: User) -> Callable[[Caller, Message], Answer]:
    header = request.headers.get("Idempotency-Key")

    def answer(client: Caller, message: Message) -> Answer:
        accounts.check(runtime, user)
        message_id, duplicate = messages.send(
            runtime,
            user,
            message.chat_session_id,
            message.message,
            given_key(header and parsed_key(header), message.client_message_id),
            client,
        )
        sent: Sent = {"success": True, "messageId": message_id}
        if duplicate:
            return Answer(encode({**sent, "duplicate": True}))
        return Answer(encode(sent), status="201 CREATED")

    return answer
