"""Whatever carries them, messages are neither lost, repeated nor reordered; what is acknowledged stays."""

import itertools
import random
import select
import signal
import threading
from contextlib import suppress

import pytest

from tests.history import History, check
from tests.server import PATIENCE_SECONDS, mostly
from tests.streams import CUT, SSE, WS, raw
from tests.threads import together

SIDES = ("client", "agent")
# Each side writes on each of these, so many messages.
WRITERS, EACH = tuple(itertools.product(SIDES, ("http", "ws"))), 80
LAST = "the last one"
ABORTED = 0.3
PACE_SECONDS = 0.02
JSON_WAIT_SECONDS = 5
# Why a stream may end before its session: who comes back is told the rest.
PASSING = ("restart", "database_unavailable")
TRANSPORTS = ("poll", "last_id", "cursor", "sse", "ws")


def right():
    """A history without a mistake, and what is stored."""
    history = History()
    reader = history.reader("r")
    stored = []
    for number in (1, 2, 3):
        sent = history.send(f"k{number}", f"t{number}")
        sent.acknowledge(number)
        stored.append({"id": number, "client_message_id": f"k{number}", "message": f"t{number}"})
        reader.receive("poll", stored[-1], number)
    history.send("k4", "without an answer")
    return history, reader, stored


WRONG = {
    "k2 was acknowledged and is not stored": lambda history, reader, stored: (
        stored.pop(1),
        reader.received.pop(1),
    ),
    "k2 was acknowledged as 2 and is stored as 20": lambda history, reader, stored: stored[1].update(id=20),
    "k3 is stored 2 times": lambda history, reader, stored: stored.append(stored[2] | {"id": 4}),
    "kx is stored and was never sent": lambda history, reader, stored: stored.append(
        {"id": 4, "client_message_id": "kx", "message": "x"}
    ),
    "k1 is stored with another text": lambda history, reader, stored: stored[0].update(message="x"),
    "k3 failed and is stored": lambda history, reader, stored: history.sent[2].fail(),
    "k2 was sent after k3 was acknowledged, and is stored before it": lambda history, reader, stored: setattr(
        history.sent[1], "began", history.sent[2].ended + 1
    ),
    "r: 2 never came": lambda history, reader, stored: reader.received.pop(1),
    "r: 3 never came": lambda history, reader, stored: reader.received.pop(),
    "r: 3 came 2 times": lambda history, reader, stored: reader.receive("sse", stored[2], 3),
    "r: 2 came after 3 (poll)": lambda history, reader, stored: reader.received.append(
        reader.received.pop(1)
    ),
    "r: the cursor went back to 1 from 3 (ws)": lambda history, reader, stored: reader.receive(
        "ws", stored[0], 1
    ),
    "r: 9 came and is not stored": lambda history, reader, stored: reader.receive(
        "poll", stored[0] | {"id": 9}, 9
    ),
    "r: 3 came as another message (sse)": lambda history, reader, stored: (
        reader.received.pop(),
        reader.receive("sse", stored[2] | {"message": "x"}, 3),
    ),
    "r: 1 came before it was sent": lambda history, reader, stored: setattr(
        history.sent[0], "began", reader.received[0].at + 1
    ),
    "r: 3 came after they had signed out": lambda history, reader, stored: setattr(
        reader, "signed_out_at", history.sent[2].began - 1e-9
    ),
    "a stranger read it": lambda history, reader, stored: history.leaks.append("a stranger read it"),
}


def test_a_right_history_has_no_mistake():
    history, _, stored = right()
    assert check(history, stored) == []
    stored.append({"id": 4, "client_message_id": "k4", "message": "without an answer"})
    assert check(history, stored) == [("gap", "r: 4 never came")]


@pytest.mark.parametrize("mistake", WRONG)
def test_the_checker_finds(mistake):
    history, reader, stored = right()
    WRONG[mistake](history, reader, stored)
    assert mistake in [text for _, text in check(history, stored)]


@pytest.fixture
def pair(start, worker_class):
    """A server with two workers: of a test's own, for the one that fails kills it."""
    return start(worker_class=worker_class, workers=2)


def test_every_transport_tells_every_reader_everything(pair):
    run(pair, [[transport] for transport in TRANSPORTS * 2])


@pytest.mark.parametrize(
    ("worker_class", "seed"),
    [
        ("gevent", 1),
        ("gthread", 2),
        pytest.param("gevent", 2, marks=pytest.mark.soak),
        pytest.param("gthread", 1, marks=pytest.mark.soak),
    ],
)
def test_who_is_cut_at_random_goes_on_from_the_cursor(pair, seed):
    run(pair, [[transport] for transport in TRANSPORTS], seed)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(10, 20))
def test_who_is_cut_at_random_and_for_long_goes_on_from_the_cursor(pair, seed):
    run(pair, [[transport] for transport in TRANSPORTS], seed, each=10 * EACH)


@mostly("gevent")
def test_who_hops_between_transports_in_mid_conversation_misses_nothing(pair):
    run(pair, [TRANSPORTS, TRANSPORTS[::-1], ("sse", "ws"), ("cursor", "sse")], seed=3)


@mostly("gthread")
def test_a_reload_in_the_middle_costs_nobody_a_message(start, worker_class):
    server = start(worker_class=worker_class, workers=2)
    run(server, [[transport] for transport in TRANSPORTS], reload=True)


@mostly("gevent")
def test_nothing_comes_after_signing_out_on_any_transport(pair):
    talk, history = pair.conversation(), History()
    place, arrived = Place(talk), threading.Semaphore(0)
    readers = {name: history.reader(name, place.last_id) for name in TRANSPORTS}
    with together(pair) as threads:
        for name, reader in readers.items():
            threads.submit(read_until_refused, threads, reader, talk, Place(talk, place), name, arrived)
        write(threads, history, talk.id, talk.agent, "before", "http", 1)
        for _ in readers:
            assert arrived.acquire(timeout=PATIENCE_SECONDS)
        talk.client.post("/api/auth/logout")
        for reader in readers.values():
            reader.sign_out()
        write(threads, history, talk.id, talk.agent, "after", "http", 20)
    assert check(history, stored_after(talk, place.last_id)) == []


def read_until_refused(threads, reader, talk, place, transport, arrived):
    """Go on until the sign-in has ended, and tell when the first message has come."""
    while talk.client.fetch(talk.id).status == 200:
        threads.check()
        with suppress(*CUT, AssertionError):
            READ[transport](reader, talk.client, talk.id, place, random.Random(1))
        if reader.received:
            arrived.release()


class Place:
    """Where a reader stands: each transport goes on from it and moves it."""

    def __init__(self, talk, place=None):
        if place is None:
            page = talk.agent.fetch(talk.id).json
            self.last_id, self.cursor = page["messages"][-1]["id"], page["cursor"]
        else:
            self.last_id, self.cursor = place.last_id, place.cursor


def run(server, readers, seed=None, reload=False, each=EACH):
    """Writers and readers on one conversation, all at once; then the history has no mistake."""
    talk, history = server.conversation(), History()
    place, half = Place(talk), threading.Semaphore(0)
    with together(server) as threads:
        for number, (side, transports) in enumerate(zip(itertools.cycle(SIDES), readers, strict=False)):
            threads.submit(
                read,
                threads,
                history.reader(f"{side} {number} {'-'.join(transports)}", place.last_id),
                getattr(talk, side),
                talk.id,
                Place(talk, place),
                itertools.cycle(transports),
                seed and random.Random(seed * 100 + number),
            )
        writing = [
            threads.submit(
                write,
                threads,
                history,
                talk.id,
                getattr(talk, side),
                f"{side}-{transport}",
                transport,
                each,
                half,
            )
            for side, transport in WRITERS
        ]
        if reload:
            assert half.acquire(timeout=PATIENCE_SECONDS)
            server.signal(signal.SIGHUP)
        for one in writing:
            one.result()
        history.send("last", LAST).acknowledge(
            talk.agent.send(talk.id, LAST, client_message_id="last").json["messageId"]
        )
    assert len(history.sent) == len(WRITERS) * each + 1
    assert check(history, stored_after(talk, place.last_id)) == []


def stored_after(talk, last_id):
    """A full read."""
    found, has_more = [], True
    while has_more:
        page = talk.agent.fetch(talk.id, lastMessageId=found[-1]["id"] if found else last_id).json
        found, has_more = found + page["messages"], page["has_more"]
    return found


def write(threads, history, chat_session_id, who, name, transport, count, half=None):
    """Send one after the other; what got no answer is sent again under its key."""
    socket = None
    for number in range(count):
        sent = history.send(f"{name}-{number}", f"{name} says {number}")
        while sent.outcome == "unknown":
            threads.check()
            try:
                if transport == "ws":
                    socket = socket or WS(who, f"/api/chat/ws/{chat_session_id}")
                    told = socket.ask("send", message=sent.text, client_message_id=sent.key)
                    assert (told.name, told.data["client_message_id"]) == ("done", sent.key)
                    sent.acknowledge(told.data["messageId"])
                else:
                    answer = who.send(chat_session_id, sent.text, client_message_id=sent.key)
                    assert answer.status in (200, 201), answer
                    sent.acknowledge(answer.json["messageId"])
            except (*CUT, StopIteration):
                socket = socket and socket.cut()
        if half and number == count // 2:
            half.release()
    if socket:
        socket.cut()


def read(threads, reader, who, chat_session_id, place, transports, dice=None):
    """Read on until the last message, on one transport after the other; with dice, cut now and then."""
    while not (reader.received and reader.received[-1].text == LAST):
        threads.check()
        transport = next(transports)
        if dice and dice.random() < ABORTED and transport not in ("sse", "ws"):
            abort(who, chat_session_id, place, dice)
        with suppress(*CUT):
            READ[transport](reader, who, chat_session_id, place, dice)


def abort(who, chat_session_id, place, dice):
    """Ask, and leave before the answer, or in the middle of it."""
    path = f"/api/chat/messages/{chat_session_id}?cursor={place.cursor}&longPoll=true"
    with suppress(OSError), raw(who, path) as connection:
        select.select([connection], [], [], dice.random() * PACE_SECONDS)


def poll(reader, who, chat_session_id, place, dice):
    threading.Event().wait(PACE_SECONDS)
    page(reader, place, "poll", who.fetch(chat_session_id, lastMessageId=place.last_id))


def hold_last_id(reader, who, chat_session_id, place, dice):
    answer = who.fetch(chat_session_id, lastMessageId=place.last_id, longPoll="true", wait=JSON_WAIT_SECONDS)
    page(reader, place, "last_id", answer)


def hold_cursor(reader, who, chat_session_id, place, dice):
    answer = who.fetch(chat_session_id, cursor=place.cursor, longPoll="true", wait=JSON_WAIT_SECONDS)
    page(reader, place, "cursor", answer)


def page(reader, place, transport, answer):
    """Take an answer, all or nothing."""
    assert answer.status == 200, answer
    for message in answer.json["messages"]:
        reader.receive(transport, message, answer.json["cursor"])
        place.last_id = message["id"]
    place.cursor = answer.json["cursor"]


def stream(kind, transport):
    def listen(reader, who, chat_session_id, place, dice):
        """Until it ends, or after some events the client leaves while more are on their way."""
        count = dice.randrange(1, 15) if dice else None
        path = f"/api/chat/{'stream' if kind is SSE else 'ws'}/{chat_session_id}?cursor={place.cursor}"
        with kind(who, path) as told:
            if kind is SSE and told.status == 503:
                raise ConnectionRefusedError(503)
            for event in itertools.islice(told, count):
                if event.name == "message":
                    reader.receive(transport, event.data, event.cursor)
                    place.last_id = event.data["id"]
                    if event.data["message"] == LAST:
                        return
                place.cursor = event.cursor or place.cursor
                assert event.name != "end" or event.data["reason"] in PASSING, event

    return listen


READ = {
    "poll": poll,
    "last_id": hold_last_id,
    "cursor": hold_cursor,
    "sse": stream(SSE, "sse"),
    "ws": stream(WS, "ws"),
}
