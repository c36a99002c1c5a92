"""Who is there, who types, and what has arrived: in memory, for this process.

Nothing here decides a bill: the sweeper writes who is there into the database, and typing is never written.
"""

import threading
from collections.abc import Callable
from time import monotonic
from typing import Literal, NamedTuple

from chat.live import topics
from chat.live.hub import Hub
from chat.store.rows import PeerRow, SessionRow, Side, seen_at

TYPING_SECONDS = 5.0
# Somebody who goes on typing is told of again no sooner.
TYPING_AGAIN_SECONDS = 2.0
# Somebody who was seen within so long is online: a poll is held for 25 s.
ONLINE_MS = 30_000
NEVER = (0.0, 0)

Peer = Literal["typing", "online", "away"]


class Typing(NamedTuple):
    """Somebody begins to type in a chat session, or stops; `other_id` is the user who is told, or 0."""

    chat_session_id: int
    side: Side
    other_id: int
    is_typing: bool


class Presence:
    """`hub` is told who begins or stops typing; `relay(typing)` tells the other processes."""

    def __init__(self, hub: Hub, relay: Callable[[Typing], None]) -> None:
        self._hub = hub
        self._relay = relay
        self._lock = threading.Lock()
        self._seen: set[int] = set()
        self._used: set[bytes] = set()
        # (chat session, side) → until when, and who is told.
        self._typing: dict[tuple[int, Side], tuple[float, int]] = {}
        self._delivered: dict[int, dict[Side, int]] = {}

    def see(self, user_id: int) -> None:
        """The user made a request."""
        self._seen.add(user_id)

    def take_seen(self) -> set[int]:
        """The ids of those who made a request since the last call, or have one held."""
        with self._lock:
            seen, self._seen = self._seen, set()
        return seen | self._hub.waiting_users()

    def use(self, token_hash: bytes) -> None:
        """A program made a request with this token, or has one held."""
        self._used.add(token_hash)

    def take_used(self) -> set[bytes]:
        """The tokens of programs that were used since the last call."""
        with self._lock:
            used, self._used = self._used, set()
        return used

    def deliver(self, chat_session_id: int, side: Side, message_id: int) -> None:
        """Their client has everything up to this message."""
        with self._lock:
            sides = self._delivered.setdefault(chat_session_id, {"client": 0, "agent": 0})
            sides[side] = max(sides[side], message_id)

    def take_delivered(self) -> list[tuple[int, int, int]]:
        """What arrived since the last call: (chat session, message at the client, message at the agent)."""
        with self._lock:
            delivered, self._delivered = self._delivered, {}
        return [(session_id, sides["client"], sides["agent"]) for session_id, sides in delivered.items()]

    def type(self, row: SessionRow, side: Side, is_typing: bool) -> None:
        """They type in this session, or stop; said again within 2 s it changes nothing."""
        left = self._typing.get((row["id"], side), NEVER)[0] - monotonic()
        if (is_typing and left > TYPING_SECONDS - TYPING_AGAIN_SECONDS) or (not is_typing and left <= 0):
            return
        other_id = row["agent_id"] if side == "client" else row["client_id"]
        typing = Typing(row["id"], side, other_id or 0, is_typing)
        self.hear(typing)
        self._relay(typing)

    def hear(self, typing: Typing) -> None:
        """What `type` said, here or in another process."""
        key = typing.chat_session_id, typing.side
        with self._lock:
            if typing.is_typing:
                self._typing[key] = monotonic() + TYPING_SECONDS, typing.other_id
            else:
                self._typing.pop(key, None)
        self._nudge(typing.chat_session_id, typing.other_id)

    def expire(self) -> None:
        """Forget who has not typed for 5 s."""
        now = monotonic()
        with self._lock:
            expired = {key: other_id for key, (until, other_id) in self._typing.items() if until <= now}
            for key in expired:
                del self._typing[key]
        for (chat_session_id, _), other_id in expired.items():
            self._nudge(chat_session_id, other_id)

    def state(self, row: SessionRow | PeerRow, side: Side, now: int) -> Peer:
        """How the other side sees this one at `now` (ms): `typing`, `online` or `away`."""
        if row["status"] != "ended" and self._typing.get((row["id"], side), NEVER)[0] > monotonic():
            return "typing"
        return "online" if now - seen_at(row, side) < ONLINE_MS else "away"

    def _nudge(self, chat_session_id: int, other_id: int) -> None:
        """Whoever looks at the session, and the inbox of the other side."""
        self._hub.nudge(topics.of_session(chat_session_id))
        self._hub.nudge(topics.of_user(other_id))
