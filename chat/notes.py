"""What agents and administrators keep about a client, who never sees any of it.

Whoever has or had a session with the client reads it, and administrators do; its author changes it.
"""

from chat import audit, clock, store, texts
from chat.accounts import User
from chat.database.connection import Connection
from chat.errors import Forbidden, IdempotencyMismatch, NotFound, PersonErased, existing
from chat.messages import MAX_CHARACTERS
from chat.runtime import Runtime
from chat.store.rows import NoteRow, SessionRow, UserRow
from chat.wire import Note

CHARACTERS = MAX_CHARACTERS


def add(
    runtime: Runtime, user: User, client_id: int, text: str, chat_session_id: int | None, key: str | None
) -> tuple[Note, bool]:
    """A new note, of a session of the client's or of none: (the note, whether it was there before).

    Raises Forbidden, NotFound, InvalidParameter, IdempotencyMismatch.
    """
    said = texts.checked(text, "text", CHARACTERS)

    def write(db: Connection) -> tuple[Note, bool]:
        client = client_of(db, user, client_id)
        if client["erased_at"] is not None:
            raise PersonErased
        if chat_session_id is not None:
            session = existing(store.sessions.by_id(db, chat_session_id))
            if session["client_id"] != client["id"]:
                raise NotFound
        earlier = store.notes.by_key(db, user.id, key) if key else None
        if earlier is None:
            now = store.server.now(db)
            new_id = store.notes.insert(db, client["id"], user.id, said, now, chat_session_id, key=key)
            return shown(existing(store.notes.by_id(db, new_id)), user), False
        # One that was edited since was asked for with other words.
        if earlier["client_id"] != client_id or (earlier["text"] != said and earlier["edited_at"] is None):
            raise IdempotencyMismatch
        return shown(earlier, user), True

    return runtime.database.write(write)


def change(runtime: Runtime, user: User, client_id: int, note_id: int, text: str) -> Note:
    """Its author writes it anew; raises Forbidden, NotFound, InvalidParameter."""
    said = texts.checked(text, "text", CHARACTERS)

    def write(db: Connection) -> Note:
        row = _note(db, user, client_id, note_id)
        if row["author_id"] != user.id:
            raise Forbidden("Only its author changes a note.")
        if row["text"] != said:
            store.notes.change(db, note_id, said, store.server.now(db))
        return shown(existing(store.notes.by_id(db, note_id)), user)

    return runtime.database.write(write)


def delete(runtime: Runtime, user: User, client_id: int, note_id: int) -> None:
    """Its author or an administrator takes it away; raises Forbidden, NotFound."""

    def write(db: Connection) -> None:
        row = _note(db, user, client_id, note_id)
        if row["author_id"] != user.id and user.role != "admin":
            raise Forbidden("Only its author or an administrator deletes a note.")
        store.notes.delete(db, note_id)
        audit.note(db, user, "note_deleted", client_id, row["chat_session_id"])

    runtime.database.write(write)


def client_of(db: Connection, user: User, client_id: int) -> UserRow:
    """The client, if the user may know what is kept about them; raises Forbidden, NotFound."""
    if user.role == "client":
        raise Forbidden("Only agents and administrators keep notes about clients.")
    if user.role == "agent" and not store.sessions.have_met(db, client_id, user.id):
        raise NotFound
    row = existing(store.users.by_id(db, client_id))
    if row["role"] != "client":
        raise NotFound
    return row


def of_client(
    db: Connection, user: User, client_id: int, before_id: int, limit: int
) -> tuple[list[Note], bool]:
    """The newest with lower ids, for whom `client_of` lets; and whether there are more."""
    rows = store.notes.of_client(db, client_id, before_id, limit + 1)
    return [shown(row, user) for row in rows[:limit]], len(rows) > limit


def hand_over(db: Connection, agent: User, session: SessionRow, to_id: int, text: str, now: int) -> None:
    """For the colleague who goes on; the same once more is no second note."""
    last = store.notes.of_handover(db, session["id"], to_id)
    if text and (last is None or (last["author_id"], last["text"]) != (agent.id, text)):
        store.notes.insert(db, session["client_id"], agent.id, text, now, session["id"], to_id)


def of_handover(db: Connection, user: User, chat_session_id: int) -> Note | None:
    """What a colleague wrote who handed the session over to this agent."""
    row = store.notes.of_handover(db, chat_session_id, user.id)
    return row and shown(row, user)


def _note(db: Connection, user: User, client_id: int, note_id: int) -> NoteRow:
    client_of(db, user, client_id)
    row = existing(store.notes.by_id(db, note_id))
    if row["client_id"] != client_id:
        raise NotFound
    return row


def shown(row: NoteRow, reader: User) -> Note:
    """A note, on the wire."""
    return {
        "id": row["id"],
        "author": {"id": row["author_id"], "name": row["author_name"]},
        "by": row["author_role"],
        "is_own": row["author_id"] == reader.id,
        "chat_session_id": row["chat_session_id"],
        "handed_to": None if row["for_id"] is None else {"id": row["for_id"], "name": row["for_name"] or ""},
        "text": row["text"],
        "created_at": clock.text(row["created_at"]),
        "edited_at": clock.text_or_none(row["edited_at"]),
    }
