"""Canned replies: an agent types `/`, picks one, and it is in the message."""

import re

from chat import store, texts
from chat.accounts import User
from chat.errors import Forbidden, InvalidParameter, NotFound
from chat.messages import MAX_CHARACTERS
from chat.runtime import Runtime
from chat.store.rows import ReplyRow

SHORTCUT = re.compile(r"[\w-]{1,30}")


def of_agent(runtime: Runtime, agent: User) -> list[ReplyRow]:
    """Their own, by shortcut; raises Forbidden."""
    _only_agent(agent)
    return runtime.database.read(lambda db: store.replies.of_agent(db, agent.id))


def save(runtime: Runtime, agent: User, shortcut: str, message: str) -> None:
    """A new one, or another text for the same shortcut; raises Forbidden, InvalidParameter."""
    _only_agent(agent)
    shortcut = shortcut.strip().removeprefix("/").lower()
    if not SHORTCUT.fullmatch(shortcut) or texts.is_blank(shortcut):
        raise InvalidParameter(f"shortcut is {shortcut!r}; it must have 1 to 30 letters", field="shortcut")
    text = texts.checked(message, "message", MAX_CHARACTERS)
    runtime.database.write(lambda db: store.replies.save(db, agent.id, shortcut, text))


def delete(runtime: Runtime, agent: User, reply_id: int) -> None:
    """Delete one of their own; raises NotFound."""
    if not runtime.database.write(lambda db: store.replies.delete(db, agent.id, reply_id)):
        raise NotFound


def _only_agent(user: User) -> None:
    if user.role != "agent":
        raise Forbidden("Only an agent has canned replies.")
