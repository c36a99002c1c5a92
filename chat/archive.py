"""Conversations to look into: transcripts, and those that an administrator looks for."""

from chat import attachments, audit, receipts, search, sessions, store, texts, timeline
from chat.accounts import User
from chat.database.connection import Connection
from chat.errors import existing
from chat.runtime import Runtime
from chat.store.rows import SessionRow
from chat.wire import TimedSession, Transcript


def transcript(runtime: Runtime, user: User, chat_session_id: int) -> Transcript:
    """The session and all its messages, for who takes part and for administrators; raises NotFound.

    That an administrator reads it is noted, before they do.
    """

    def read(db: Connection) -> Transcript:
        row = _visible(db, user, chat_session_id)
        return {
            "session": timeline.show(db, runtime, row, store.server.time(db)),
            "messages": attachments.addressed(runtime.settings, store.messages.all_of(db, chat_session_id)),
            "receipt": receipts.show(db, runtime, user, chat_session_id),
        }

    if user.role == "admin":
        runtime.database.write(lambda db: _note(db, user, chat_session_id))
    return runtime.database.read(read)


def listed(
    runtime: Runtime, actor: User, text: str, status: str | None, before_id: int, limit: int
) -> tuple[list[TimedSession], bool]:
    """The newest sessions with lower ids that have the words of the text in a name and email, or a message.

    And whether there are more. What is found tells of messages: that words are searched is noted before, not
    which. Raises Forbidden, and Overloaded when too many search already.
    """
    audit.only_administrators(actor)

    def read(db: Connection) -> list[TimedSession]:
        time = store.server.time(db)
        rows = looked_for(db, text, status, before_id, limit + 1)
        return [sessions.details(db, runtime, row, time) for row in rows]

    if text:
        runtime.database.write(lambda db: audit.note(db, actor, "searched"))
    found = runtime.database.read_slowly(read)
    return found[:limit], len(found) > limit


def looked_for(db: Connection, text: str, status: str | None, before_id: int, limit: int) -> list[SessionRow]:
    """The same as rows."""
    names, words = texts.folded(text).split(), search.words(text)
    return store.archive.search(db, names, words, status, before_id, limit)


def _visible(db: Connection, user: User, chat_session_id: int) -> SessionRow:
    if user.role == "admin":
        return existing(store.sessions.by_id(db, chat_session_id))
    return sessions.of_user(db, chat_session_id, user.id)


def _note(db: Connection, reader: User, chat_session_id: int) -> None:
    existing(store.sessions.by_id(db, chat_session_id))
    audit.note(db, reader, "transcript_read", chat_session_id=chat_session_id)
