"""Files in a conversation: sent, and fetched by the two."""

import os
from collections.abc import Iterator
from typing import IO
from urllib.parse import quote

from flask import Blueprint, Response

from chat import attachments, sessions, uploads
from chat.accounts import User
from chat.attachments import Served
from chat.blobs import PIECE_BYTES
from chat.errors import (
    AttachmentNotAllowed,
    AttachmentsUsedUp,
    IdempotencyMismatch,
    NotFound,
    Overloaded,
    PictureTooLarge,
    SessionEnded,
    SessionPaused,
    StorageFull,
    TooManyRequests,
    UnreadablePicture,
)
from chat.runtime import Runtime
from chat.uploads import Upload
from chat.web import multipart
from chat.web.answer import personal
from chat.web.contract import Operation
from chat.web.request import Body, IdempotencyKey, Key, Text, caller, given_key, idempotency_key, validated
from chat.wire import Sent

blueprint = Blueprint("attachments", __name__, url_prefix="/api/chat/attachments/<chat_session_id>")
MESSAGE = "/<message_id>"
# Nobody keeps it, no other site shows it, and what is opened by itself runs nothing.
SAFETY = {
    "Cache-Control": "no-store",
    "Vary": "Cookie",
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; sandbox; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
}


class Form(Body):
    """What comes beside the file."""

    message: Text = ""
    client_message_id: Key | None = None


@blueprint.post("")
@Operation(
    "Send a file, with or without words; with a key it is safe to send again",
    {201: Sent, 200: Sent},
    form=Form,
    headers=IdempotencyKey,
    refuses=(
        *(SessionEnded, SessionPaused, IdempotencyMismatch, TooManyRequests, Overloaded),
        *(AttachmentsUsedUp, AttachmentNotAllowed, PictureTooLarge, UnreadablePicture, StorageFull),
    ),
)
def add(runtime: Runtime, user: User, session_id: int) -> Response:
    runtime.database.read(lambda db: sessions.of_user(db, session_id, user.id))
    sent = multipart.form(runtime)
    form = validated(Form, dict(sent.fields))
    key = given_key(idempotency_key(), form.client_message_id)
    upload = Upload(sent.file, sent.name, form.message)
    message_id, is_old = uploads.send(runtime, user, session_id, upload, key, caller())
    said: Sent = {"success": True, "messageId": message_id}
    return personal({**said, "duplicate": True}) if is_old else personal(said, 201)


@blueprint.get(MESSAGE)
@Operation("A file that was sent, for the two and for administrators", {200: "application/octet-stream"})
def show(runtime: Runtime, user: User, session_id: int, message_id: int) -> Response:
    return _served(runtime, attachments.find(runtime, user, session_id, message_id))


@blueprint.get(f"{MESSAGE}/thumbnail")
@Operation("A picture that was sent, as a conversation shows it: still, and small", {200: "image/webp"})
def show_thumbnail(runtime: Runtime, user: User, session_id: int, message_id: int) -> Response:
    return _served(runtime, attachments.find(runtime, user, session_id, message_id, is_thumbnail=True))


def _served(runtime: Runtime, served: Served) -> Response:
    try:
        file = runtime.blobs.open(served.content)
    except FileNotFoundError:  # A backup was put back without its folder.
        raise NotFound from None
    how = "inline" if served.is_shown else "attachment"
    plain = served.name.encode("ascii", "replace").decode().replace("\\", "_").replace('"', "_")
    named = f"{how}; filename=\"{plain}\"; filename*=UTF-8''{quote(served.name, safe='')}"
    headers = {**SAFETY, "Content-Type": served.type, "Content-Disposition": named}
    response = Response(_pieces(file), headers=headers, direct_passthrough=True)
    response.content_length = os.fstat(file.fileno()).st_size
    response.call_on_close(file.close)
    return response


def _pieces(file: IO[bytes]) -> Iterator[bytes]:
    while piece := file.read(PIECE_BYTES):
        yield piece
