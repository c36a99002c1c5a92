"""Canned replies: an agent types `/`, picks one, and it is in the message."""

import re
from typing import Any

from chat.accounts import User
from chat.engine import Engine
from chat.errors import Forbidden, InvalidParameter, NotFound
from chat.messages import trimmed
from chat.store import replies as stored

SHORTCUT = re.compile(r"[\w-]{1,30}")


def of_agent(engine: Engine, agent: User) -> list[dict[str, Any]]:
    """Their own, by shortcut; raises Forbidden."""
    _only_agent(agent)
    return engine.database.read(lambda db: [dict(row) for row in stored.of_agent(db, agent.id)])


def save(engine: Engine, agent: User, shortcut: str, message: str) -> None:
    """A new one, or another text for the same shortcut; raises Forbidden, InvalidParameter."""
    _only_agent(agent)
    shortcut = shortcut.strip().removeprefix("/").lower()
    if not SHORTCUT.fullmatch(shortcut):
        raise InvalidParameter(f"shortcut is {shortcut!r}; it must have 1 to 30 letters", field="shortcut")
    text = trimmed(message)
    engine.database.write(lambda db: stored.save(db, agent.id, shortcut, text))


def delete(engine: Engine, agent: User, reply_id: int) -> None:
    """Raises NotFound."""
    if not engine.database.write(lambda db: stored.delete(db, agent.id, reply_id)):
        raise NotFound


def _only_agent(user: User) -> None:
    if user.role != "agent":
        raise Forbidden("Only an agent has canned replies.")
