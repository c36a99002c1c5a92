"""Searching what was said: people in their own conversations, administrators in all, the newest first."""

import re
from unicodedata import normalize

from chat import audit, clock, store
from chat.accounts import User
from chat.database.connection import Connection
from chat.runtime import Runtime
from chat.store.rows import FoundRow
from chat.wire import Found, Piece

LONGEST = 200
# What is in no message, or would end a quotation.
_APART = re.compile(r'["\0]')


def find(runtime: Runtime, user: User, text: str, before_id: int, limit: int) -> tuple[list[Found], bool]:
    """The newest messages with lower ids that have all words of the text, the last of which may go on.

    And whether there are more. That an administrator searches is noted before, not what. Raises Overloaded
    when too many search already.
    """
    if user.role == "admin" and words(text):
        runtime.database.write(lambda db: audit.note(db, user, "searched"))
    return newest(runtime, user, text, before_id, limit)


def newest(runtime: Runtime, user: User, text: str, before_id: int, limit: int) -> tuple[list[Found], bool]:
    """The same where it is noted already."""
    wanted = words(text)
    if not wanted:
        return [], False

    def read(db: Connection) -> list[FoundRow]:
        return store.search.find(db, wanted, user.role, user.id, before_id, limit + 1)

    found = runtime.database.read_slowly(read)
    return [_shown(row) for row in found[:limit]], len(found) > limit


def words(text: str) -> list[str]:
    """What is searched for: nothing where no letter or digit is in it."""
    found = _APART.sub(" ", normalize("NFC", text)).split()
    return [each for each in found if any(map(str.isalnum, each))]


def _shown(row: FoundRow) -> Found:
    agent_id = row["agent_id"]
    return {
        "message_id": row["message_id"],
        "chat_session_id": row["chat_session_id"],
        "sender_type": row["sender_type"],
        "sender_name": row["sender_name"],
        "created_at": clock.text(row["created_at"]),
        "snippet": _pieces(row["snippet"]),
        "client": {"id": row["client_id"], "name": row["client_name"]},
        "agent": None if agent_id is None else {"id": agent_id, "name": row["agent_name"] or ""},
    }


def _pieces(snippet: str) -> list[Piece]:
    """What matches, and what is between: text, never markup."""
    parts = re.split(f"[{store.search.OPEN}{store.search.CLOSE}]", snippet)
    return [{"text": text, "is_match": bool(number % 2)} for number, text in enumerate(parts) if text]
