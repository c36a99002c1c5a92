"""What a stream tells, whatever frames it: named events, each with the cursor to go on from."""

from collections.abc import Callable, Generator, Iterator, Mapping
from typing import Any, NamedTuple

from chat import inbox, messages
from chat.accounts import User
from chat.errors import Problem
from chat.inbox import Inbox
from chat.live.hub import HERE, Caller, Waiter
from chat.messages import Page
from chat.runtime import Runtime
from chat.waiting import Start

Events = Generator["Event | None", None, None]


class Event(NamedTuple):
    """`cursor` is where to go on from after it; None where nothing has moved."""

    name: str
    data: Mapping[str, Any]
    cursor: int | None = None


def of_session(
    runtime: Runtime,
    user: User,
    chat_session_id: int,
    start: Start,
    caller: Caller = HERE,
    tell_waiter: Callable[[Waiter], None] = lambda waiter: None,
) -> Events:
    """`open`, `message`, `session`, `typing`, and `end` with a reason; None is a heartbeat.

    The first is there at once. Raises what the first read raises, and TooManyWaiters.
    """
    seconds = runtime.settings.heartbeat_seconds
    pages = messages.follow(runtime, user, chat_session_id, start, seconds, caller, tell_waiter)
    return _until_the_end(_of_pages(pages, start.cursor))


def of_inbox(
    runtime: Runtime,
    user: User,
    start: Start,
    caller: Caller = HERE,
    tell_waiter: Callable[[Waiter], None] = lambda waiter: None,
) -> Events:
    """The same of all the user's chat sessions.

    `session` is a card, after the messages that changed in it; its `messages` is null if they are too many.
    """
    pages = inbox.follow(runtime, user, start, runtime.settings.heartbeat_seconds, caller, tell_waiter)
    return _until_the_end(_of_inboxes(pages, start.cursor))


def _until_the_end(events: Iterator[Event | None]) -> Events:
    """With what went wrong as the last event; what goes wrong with the first is raised."""
    yield next(events)
    try:
        yield from events
    except Problem as problem:
        yield Event("end", {"reason": problem.code} | problem.extra)


def _of_pages(pages: Iterator[Page], cursor: int) -> Iterator[Event | None]:
    peer, opened = None, False
    for page in pages:
        if not opened:
            opened = True
            content = {"session": page.session, "peer": page.peer, "server_time": page.server_time}
            yield Event("open", content, cursor)
        elif not page.is_news and page.peer == peer:
            yield None
        for message in page.messages:
            yield Event("message", message, message["revision"])
        if page.is_news:
            yield Event("session", {**page.session, "server_time": page.server_time}, page.cursor)
        if peer not in (None, page.peer):
            yield Event("typing", {"peer": page.peer})
        peer = page.peer
        if page.session["status"] == "ended" and not page.has_more:
            yield Event("end", {"reason": "ended"})
            return
    yield Event("end", {"reason": "restart"})


def _of_inboxes(pages: Iterator[Inbox], cursor: int) -> Iterator[Event | None]:
    peers, opened = None, False
    for page in pages:
        if not opened:
            opened = True
            yield Event("open", {"peers": page.peers, "server_time": page.server_time}, cursor)
        elif not page.is_news and page.peers == peers:
            yield None
        if page.removed:
            # First, and without a place of its own: whoever is cut after a card goes on from that card.
            place = None if page.sessions else page.cursor
            yield Event("removed", {"sessions": page.removed}, place)
        for card in page.sessions:
            yield from (Event("message", message) for message in card["messages"] or ())
            if card["messages"] is not None:
                del card["messages"]
            yield Event("session", card | {"server_time": page.server_time}, card["revision"])
        if peers not in (None, page.peers):
            yield Event("typing", {"peers": page.peers})
        peers = page.peers
    yield Event("end", {"reason": "restart"})
