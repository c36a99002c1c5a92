"""What is published where; `store.revision.changed_topics` says the same in SQL."""

from collections.abc import Mapping
from typing import Any

QUEUE = "queue"


def token(token_hash: bytes) -> str:
    """The end of one sign-in."""
    return f"token:{token_hash.hex().upper()}"


def user(user_id: int) -> str:
    """Every change of the user's chat sessions: the inbox."""
    return f"user:{user_id}"


def messages(chat_session_id: int) -> str:
    """New messages and the end: all that a client without a cursor waits for."""
    return f"messages:{chat_session_id}"


def session(chat_session_id: int) -> str:
    """Every change of one chat session."""
    return f"session:{chat_session_id}"


def of_mark(row: Mapping[str, Any]) -> list[str]:
    """Where it is published that something was read or has arrived: not to who waits for messages alone."""
    people = [user(row[name]) for name in ("client_id", "agent_id") if row[name] is not None]
    return [session(row["id"]), *people]


def of_change(row: Mapping[str, Any], has_message: bool) -> list[str]:
    """Where a change of this chat session is published."""
    topics = of_mark(row)
    if has_message or row["status"] == "ended":
        topics.insert(0, messages(row["id"]))
    if row["owner_revision"] == row["revision"]:
        topics.append(QUEUE)
        if row["previous_agent_id"] is not None:
            topics.append(user(row["previous_agent_id"]))
    return topics
