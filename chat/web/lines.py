"""A conversation as it is read: its messages, and what happened between them."""

from collections.abc import Sequence

from chat.store.rows import Message
from chat.wire import Event


def lines(
    messages: Sequence[Message], events: Sequence[Event], has_more: bool = False
) -> list[Message | Event]:
    """Both in order; of the events those that belong to these messages, before which there may be more."""
    first = messages[0]["id"] if messages and has_more else 0
    last = messages[-1]["id"] if messages else 0
    shown = [each for each in events if first <= each["after_message_id"] <= last]
    return sorted([*messages, *shown], key=_place)


def _place(line: Message | Event) -> tuple[int, bool]:
    return (line["after_message_id"], True) if "code" in line else (line["id"], False)
