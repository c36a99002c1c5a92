"""POST: a message, and what becomes of it."""

from collections.abc import Callable
from typing import Annotated

from flask import Blueprint, Response, request

from chat import accounts, edits, messages
from chat.accounts import User
from chat.documents import encode
from chat.errors import (
    Forbidden,
    IdempotencyMismatch,
    NotFound,
    Overloaded,
    SessionEnded,
    SessionPaused,
    TooLate,
    TooManyRequests,
)
from chat.live.hub import Caller
from chat.runtime import Runtime
from chat.web.answer import personal
from chat.web.contract import Operation
from chat.web.held import Answer
from chat.web.request import (
    WRITTEN,
    Body,
    Id,
    IdempotencyKey,
    Key,
    Text,
    caller,
    given_key,
    parsed_key,
)
from chat.wire import Changed, Sent

blueprint = Blueprint("sending", __name__)
SENT = "/api/chat/messages/<chat_session_id>/<message_id>"
# What every change of a message may be refused for.
REFUSALS = (Forbidden, TooLate, SessionEnded, TooManyRequests, Overloaded)


class Message(Body):
    """What a client sends."""

    chat_session_id: Id
    message: Annotated[Text, WRITTEN]
    client_message_id: Key | None = None


class Edit(Body):
    """What it says from now on."""

    message: Annotated[Text, WRITTEN]


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
            given_key(None if header is None else parsed_key(header), message.client_message_id),
            client,
        )
        sent: Sent = {"success": True, "messageId": message_id}
        if duplicate:
            return Answer(encode({**sent, "duplicate": True}))
        return Answer(encode(sent), status="201 CREATED")

    return answer


@blueprint.post(SENT)
@Operation("Its writer edits a message", {200: Changed}, body=Edit, refuses=(*REFUSALS, SessionPaused))
def edit(runtime: Runtime, user: User, session_id: int, message_id: int, asked: Edit) -> Response:
    message = edits.edit(runtime, user, session_id, message_id, asked.message, caller())
    return personal({"success": True, "message": message})


@blueprint.post(f"{SENT}/delete")
@Operation("Its writer deletes a message", {200: Changed}, refuses=REFUSALS)
def delete(runtime: Runtime, user: User, session_id: int, message_id: int) -> Response:
    message = edits.delete(runtime, user, session_id, message_id, caller())
    return personal({"success": True, "message": message})
