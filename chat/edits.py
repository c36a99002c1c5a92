"""A writer's own last messages: edited and deleted, for some minutes after they were sent.

What was there before is not kept. A message that was reported stays as it is, and its writer is not told why.
"""

from chat import attachments, changes, messages, sessions, store, texts
from chat.accounts import User
from chat.changes import Change
from chat.database.connection import Connection
from chat.errors import Forbidden, NotFound, SessionPaused, TooLate, existing
from chat.lifecycle import Lifecycle
from chat.live.hub import HERE, Caller
from chat.runtime import Runtime
from chat.settings import Settings
from chat.store.rows import Message, SaidRow

MINUTE_MS = 60_000


def edit(
    runtime: Runtime, user: User, chat_session_id: int, message_id: int, text: str, caller: Caller = HERE
) -> Message:
    """The message says this from now on; once more, nothing is changed.

    Raises InvalidParameter, NotFound, Forbidden, TooLate, SessionEnded, SessionPaused, TooManyRequests.
    """
    messages.count(runtime, user, caller)
    said = texts.checked(text, "message", messages.MAX_CHARACTERS)
    return _change(runtime, user, chat_session_id, message_id, said)


def delete(
    runtime: Runtime, user: User, chat_session_id: int, message_id: int, caller: Caller = HERE
) -> Message:
    """An empty message stays in its place: what it did to the clock, and what it cost, it did.

    Raises NotFound, Forbidden, TooLate, SessionEnded, TooManyRequests.
    """
    messages.count(runtime, user, caller)
    return _change(runtime, user, chat_session_id, message_id, "")


def own(db: Connection, user: User, chat_session_id: int, message_id: int) -> Message:
    """A message that the user wrote in a session of theirs; raises NotFound, Forbidden."""
    _said(db, user, chat_session_id, message_id)
    return store.messages.shown(db, chat_session_id, message_id)


def since(db: Connection, settings: Settings) -> int:
    """When the oldest messages were sent that can be edited now."""
    return store.server.now(db) - settings.edit_minutes * MINUTE_MS


def _said(db: Connection, user: User, chat_session_id: int, message_id: int) -> SaidRow:
    sessions.of_user(db, chat_session_id, user.id)
    said = existing(store.messages.said(db, message_id))
    if said["chat_session_id"] != chat_session_id:
        raise NotFound
    if said["sender_id"] != user.id:
        raise Forbidden("Only who wrote a message edits or deletes it.")
    return said


def _change(runtime: Runtime, user: User, chat_session_id: int, message_id: int, text: str) -> Message:
    def write(db: Connection) -> tuple[Message, list[Change]]:
        said, told = _said(db, user, chat_session_id, message_id), list[Change]()
        if said["message"] != text:
            row = sessions.of_user(db, chat_session_id, user.id)
            life, now, told = messages.settled(db, runtime, user, row)
            _require_time(db, runtime.settings, said)
            if text:
                _require_running(life, user)
            head = store.revision.advance(db)
            store.messages.change(db, message_id, text, now, head)
            life.session |= {"revision": head, "edited_revision": head}
            told += changes.save(db, life, head)
        (shown,) = attachments.addressed(
            runtime.settings, [store.messages.shown(db, chat_session_id, message_id)]
        )
        return shown, told

    shown, told = runtime.database.write(write)
    changes.publish(runtime, told)
    return shown


def _require_time(db: Connection, settings: Settings, said: SaidRow) -> None:
    if said["is_deleted"]:
        raise TooLate("It is deleted.")
    sent_at, minutes = said["created_at"], settings.edit_minutes
    if sent_at <= since(db, settings) or store.reports.has(db, said["chat_session_id"], sent_at):
        raise TooLate(f"A message can be edited and deleted for at most {minutes} minutes after it was sent.")


def _require_running(life: Lifecycle, user: User) -> None:
    """What may be written in a pause is counted, and edits would be more of it."""
    reason, side = life.session["pause_reason"], sessions.side_of(life.row, user.id)
    if life.session["status"] == "paused":
        raise SessionPaused(
            f"It is paused ({reason}): a message can be deleted, and edited when it goes on.",
            pause_reason=reason,
            may_resume=messages.RESUME.get(reason or "", ("",))[0] == side,
        )
