"""Who is there, who types, and what has arrived: in memory, for this process.

Nothing here decides a bill: the sweeper writes who is there into the database, and typing is never written.
"""

import threading
from collections.abc import Callable, Mapping
from time import monotonic
from typing import Any

from chat import topics
from chat.hub import Hub

TYPING_SECONDS = 5.0
# Somebody who goes on typing is told of again no sooner.
TYPING_AGAIN_SECONDS = 2.0
# Somebody who was seen within so long is online: a poll is held for 25 s.
ONLINE_MS = 30_000
TYPING = "typing:"
NEVER = (0.0, 0)


class Presence:
    """`hub` is told who begins or stops typing; `relay(topics, value)` tells the other processes."""

    def __init__(self, hub: Hub, relay: Callable[[list[str], int], None]) -> None:
        self._hub = hub
        self._relay = relay
        self._lock = threading.Lock()
        self._seen: set[int] = set()
        self._typing: dict[tuple[int, str], tuple[float, int]] = {}
        self._delivered: dict[int, dict[str, int]] = {}

    def see(self, user_id: int) -> None:
        """They made a request."""
        self._seen.add(user_id)

    def take_seen(self) -> set[int]:
        """Who made a request since the last call, or has one held."""
        with self._lock:
            seen, self._seen = self._seen, set()
        return seen | self._hub.owners()

    def deliver(self, chat_session_id: int, side: str, message_id: int) -> None:
        """Their client has everything up to this message."""
        with self._lock:
            sides = self._delivered.setdefault(chat_session_id, {"client": 0, "agent": 0})
            sides[side] = max(sides[side], message_id)

    def take_delivered(self) -> list[tuple[int, int, int]]:
        """What arrived since the last call: (chat session, message at the client, message at the agent)."""
        with self._lock:
            delivered, self._delivered = self._delivered, {}
        return [(session_id, sides["client"], sides["agent"]) for session_id, sides in delivered.items()]

    def type(self, row: Mapping[str, Any], side: str, is_typing: bool) -> None:
        """They type in this session, or stop; said again within 2 s it changes nothing."""
        left = self._typing.get((row["id"], side), NEVER)[0] - monotonic()
        if (is_typing and left > TYPING_SECONDS - TYPING_AGAIN_SECONDS) or (not is_typing and left <= 0):
            return
        other_id = row["agent_id" if side == "client" else "client_id"] or 0
        topic = f"{TYPING}{row['id']}:{side}:{other_id}"
        self.hear(topic, int(is_typing))
        self._relay([topic], int(is_typing))

    def hear(self, topic: str, is_typing: int) -> None:
        """What `type` said, here or in another process."""
        chat_session_id, side, other_id = topic.removeprefix(TYPING).split(":")
        key = int(chat_session_id), side
        with self._lock:
            if is_typing:
                self._typing[key] = monotonic() + TYPING_SECONDS, int(other_id)
            else:
                self._typing.pop(key, None)
        self._nudge(key[0], int(other_id))

    def expire(self) -> None:
        """Forget who has not typed for 5 s."""
        now = monotonic()
        with self._lock:
            expired = {key: other_id for key, (until, other_id) in self._typing.items() if until <= now}
            for key in expired:
                del self._typing[key]
        for (chat_session_id, _), other_id in expired.items():
            self._nudge(chat_session_id, other_id)

    def state(self, row: Mapping[str, Any], side: str, now: int) -> str:
        """How the other side sees this one: typing, online or away."""
        if row["status"] != "ended" and self._typing.get((row["id"], side), NEVER)[0] > monotonic():
            return "typing"
        return "online" if now - row[f"{side}_seen_at"] < ONLINE_MS else "away"

    def _nudge(self, chat_session_id: int, other_id: int) -> None:
        """Whoever looks at the session, and the inbox of the other side."""
        self._hub.nudge(topics.session(chat_session_id))
        self._hub.nudge(topics.user(other_id))
