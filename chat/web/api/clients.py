"""Clients' files, and the notes in them: for agents and administrators."""

from typing import Annotated

from flask import Blueprint, Response
from pydantic import Field

from chat import clients, notes
from chat.accounts import User
from chat.errors import Forbidden, IdempotencyMismatch, NotFound, Overloaded, PersonErased
from chat.runtime import Runtime
from chat.web.answer import personal
from chat.web.contract import Operation
from chat.web.request import (
    MAX_INTEGER,
    WRITTEN,
    Body,
    Digits,
    Id,
    IdempotencyKey,
    PageSize,
    Query,
    Text,
    idempotency_key,
)
from chat.wire import ClientFile, Done, Kept

blueprint = Blueprint("clients", __name__, url_prefix="/api/chat/clients/<user_id>")
NOTE = "/notes/<note_id>"


class Listed(Query):
    """A page of notes, and one of conversations."""

    before_session_id: Digits = Field(default=MAX_INTEGER, alias="beforeSessionId")
    before_note_id: Digits = Field(default=MAX_INTEGER, alias="beforeNoteId")
    limit: PageSize = 50


class NewNote(Body):
    """A note, and the client's session that it is of, if it is of one."""

    text: Annotated[Text, WRITTEN]
    chat_session_id: Id | None = None


class Change(Body):
    """What it says from now on."""

    text: Annotated[Text, WRITTEN]


@blueprint.get("")
@Operation(
    "What is known of a client, for agents and administrators",
    {200: ClientFile},
    query=Listed,
    refuses=(Forbidden, Overloaded),
)
def show(runtime: Runtime, user: User, client_id: int, asked: Listed) -> Response:
    found = clients.file_of(
        runtime, user, client_id, asked.before_session_id, asked.before_note_id, asked.limit
    )
    return personal(found)


@blueprint.post("/notes")
@Operation(
    "A note about a client, who does not see it; with a key it is safe to send again",
    {201: Kept, 200: Kept},
    body=NewNote,
    headers=IdempotencyKey,
    refuses=(Forbidden, NotFound, IdempotencyMismatch, PersonErased, Overloaded),
)
def add(runtime: Runtime, user: User, client_id: int, asked: NewNote) -> Response:
    note, is_old = notes.add(runtime, user, client_id, asked.text, asked.chat_session_id, idempotency_key())
    kept: Kept = {"success": True, "note": note}
    return personal({**kept, "duplicate": True}) if is_old else personal(kept, 201)


@blueprint.post(NOTE)
@Operation("Its author writes a note anew", {200: Kept}, body=Change, refuses=(Forbidden, Overloaded))
def change(runtime: Runtime, user: User, client_id: int, note_id: int, asked: Change) -> Response:
    return personal({"success": True, "note": notes.change(runtime, user, client_id, note_id, asked.text)})


@blueprint.post(f"{NOTE}/delete")
@Operation("Its author or an administrator deletes a note", {200: Done}, refuses=(Forbidden, Overloaded))
def delete(runtime: Runtime, user: User, client_id: int, note_id: int) -> Response:
    notes.delete(runtime, user, client_id, note_id)
    return personal({"success": True})
