"""What is published where: the only place that knows which topics a change moves.

Whoever commits a change and whoever finds it in the database afterwards (the poll loop) both ask here. A
topic is for those who can have news on it, and no others: waking everybody costs everybody.
"""

from chat.store.rows import ChangedRow

# Requests to any agent: all agents see them come and go.
QUEUE = "queue"


def of_sign_in(token_hash: bytes) -> str:
    """Where the end of one sign-in is published."""
    return f"token:{token_hash.hex()}"


def of_user(user_id: int) -> str:
    """Where every change of the user's own chat sessions is published."""
    return f"user:{user_id}"


def of_inbox(user_id: int, role: str) -> list[str]:
    """All that a user's inbox waits for."""
    return [of_user(user_id), QUEUE] if role == "agent" else [of_user(user_id)]


def of_messages(chat_session_id: int) -> str:
    """New messages and the end: all that a client without a cursor waits for."""
    return f"messages:{chat_session_id}"


def of_session(chat_session_id: int) -> str:
    """Every change of one chat session."""
    return f"session:{chat_session_id}"


def of_change(row: ChangedRow, since: int, has_message: bool) -> list[str]:
    """Where it is published that a chat session has changed after the revision `since`.

    `has_message` tells whether any of its messages is newer than that, too.
    """
    moved = [of_session(row["id"]), of_user(row["client_id"])]
    if row["agent_id"] is not None:
        moved.append(of_user(row["agent_id"]))
    if has_message or row["status"] == "ended":
        moved.append(of_messages(row["id"]))
    if row["owner_revision"] > since:
        if row["is_for_any"]:
            moved.append(QUEUE)
        if row["previous_agent_id"] is not None:
            moved.append(of_user(row["previous_agent_id"]))
    return moved
