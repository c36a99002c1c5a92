"""What was sent and what was received, and whether that fits together."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from time import monotonic
from typing import Any, Literal, NamedTuple

Kind = Literal["missing", "duplicated", "disordered", "gap", "leaked", "wrong"]
Outcome = Literal["unknown", "acknowledged", "failed"]
Stored = dict[str, Any]


class Mistake(NamedTuple):
    """Something that must not be."""

    kind: Kind
    text: str


class Operation(NamedTuple):
    """One attempt; without an answer its result is unknown: it may have been carried out or not."""

    name: str
    key: str | None
    began: float
    ended: float
    result: int | Literal["unknown"]


@dataclass
class Sent:
    """One message that somebody tried to send, maybe several times under the same key.

    Without any answer its outcome is unknown: it may be stored or not.
    """

    key: str
    text: str
    began: float = field(default_factory=monotonic)
    outcome: Outcome = "unknown"
    message_id: int | None = None
    ended: float = float("inf")

    def acknowledge(self, message_id: int) -> None:
        """The server says that it is stored."""
        self.outcome, self.message_id, self.ended = "acknowledged", message_id, monotonic()

    def fail(self) -> None:
        """The server says that it is not."""
        self.outcome, self.ended = "failed", monotonic()


@dataclass(frozen=True)
class Received:
    """One message as it came to a reader."""

    transport: str
    message_id: int
    key: str | None
    text: str
    cursor: int | None
    at: float = field(default_factory=monotonic)


@dataclass
class Reader:
    """What one reader received, in its order; it began after `first_id`."""

    name: str
    first_id: int = 0
    received: list[Received] = field(default_factory=list)
    signed_out_at: float | None = None

    def receive(self, transport: str, message: dict[str, Any], cursor: int | None) -> None:
        """It came."""
        key, text = message["client_message_id"], message["message"]
        self.received.append(Received(transport, message["id"], key, text, cursor))

    def sign_out(self) -> None:
        """From here on nothing may come."""
        self.signed_out_at = monotonic()


@dataclass
class History:
    """All of one conversation; any thread may add to it."""

    sent: list[Sent] = field(default_factory=list)
    readers: list[Reader] = field(default_factory=list)
    operations: list[Operation] = field(default_factory=list)
    faults: int = 0
    # What an outsider was told, and should not have been.
    leaks: list[str] = field(default_factory=list)

    def send(self, key: str, text: str) -> Sent:
        """Somebody begins to send."""
        self.sent.append(Sent(key, text))
        return self.sent[-1]

    def reader(self, name: str, first_id: int = 0) -> Reader:
        """Somebody begins to read."""
        self.readers.append(Reader(name, first_id))
        return self.readers[-1]


def check(history: History, stored: list[Stored]) -> list[Mistake]:
    """All mistakes, given everything that is stored in the end."""
    mistakes = [*_of_the_store(history, stored), *_of_the_order(history, stored)]
    for reader in history.readers:
        found = _of_a_reader(reader, history, stored)
        mistakes += (Mistake(kind, f"{reader.name}: {text}") for kind, text in found)
    return mistakes + [Mistake("leaked", leak) for leak in history.leaks]


def _of_the_store(history: History, stored: list[Stored]) -> Iterator[Mistake]:
    sent = {one.key: one for one in history.sent}
    texts = {message["client_message_id"]: message["message"] for message in stored}
    ids = {message["client_message_id"]: message["id"] for message in stored}
    for key, count in Counter(message["client_message_id"] for message in stored).items():
        if count > 1:
            yield Mistake("duplicated", f"{key} is stored {count} times")
        if key not in sent:
            yield Mistake("wrong", f"{key} is stored and was never sent")
        elif sent[key].text != texts[key]:
            yield Mistake("wrong", f"{key} is stored with another text")
    for key, one in sent.items():
        if one.outcome == "acknowledged" and key not in ids:
            yield Mistake("missing", f"{key} was acknowledged and is not stored")
        elif one.outcome == "acknowledged" and ids[key] != one.message_id:
            yield Mistake("wrong", f"{key} was acknowledged as {one.message_id} and is stored as {ids[key]}")
        elif one.outcome == "failed" and key in ids:
            yield Mistake("wrong", f"{key} failed and is stored")


def _of_the_order(history: History, stored: list[Stored]) -> Iterator[Mistake]:
    """What was acknowledged before another was sent comes before it."""
    ids = {message["client_message_id"]: message["id"] for message in stored}
    kept = [one for one in history.sent if one.key in ids]
    moments = [(one.began, 1, one) for one in kept]
    moments += [(one.ended, 0, one) for one in kept if one.outcome == "acknowledged"]
    newest = None
    for _, is_begun, one in sorted(moments, key=lambda moment: moment[:2]):
        if not is_begun:
            newest = one if newest is None or ids[one.key] > ids[newest.key] else newest
        elif newest is not None and ids[one.key] < ids[newest.key]:
            yield Mistake(
                "disordered",
                f"{one.key} was sent after {newest.key} was acknowledged, and is stored before it",
            )


def _of_a_reader(reader: Reader, history: History, stored: list[Stored]) -> Iterator[Mistake]:
    sent = {one.key: one for one in history.sent}
    known = {message["id"]: message for message in stored}
    counts = Counter(one.message_id for one in reader.received)
    for message_id, count in counts.items():
        if count > 1:
            yield Mistake("duplicated", f"{message_id} came {count} times")
    last_id, last_cursor = reader.first_id, 0
    for one in reader.received:
        if one.message_id not in known:
            yield Mistake("wrong", f"{one.message_id} came and is not stored")
            continue
        message = known[one.message_id]
        if (one.key, one.text) != (message["client_message_id"], message["message"]):
            yield Mistake("wrong", f"{one.message_id} came as another message ({one.transport})")
        if one.message_id < last_id:
            yield Mistake("disordered", f"{one.message_id} came after {last_id} ({one.transport})")
        if one.cursor is not None and one.cursor < last_cursor:
            yield Mistake(
                "disordered", f"the cursor went back to {one.cursor} from {last_cursor} ({one.transport})"
            )
        last_id, last_cursor = max(last_id, one.message_id), max(last_cursor, one.cursor or 0)
        begun = sent[one.key].began if one.key in sent else one.at
        if one.at < begun:
            yield Mistake("wrong", f"{one.message_id} came before it was sent")
        if reader.signed_out_at is not None and begun > reader.signed_out_at:
            yield Mistake("leaked", f"{one.message_id} came after they had signed out")
    if reader.signed_out_at is None:
        missed = [id for id in known if id > reader.first_id and id not in counts]
        yield from (Mistake("gap", f"{message_id} never came") for message_id in missed)
