"""A conversation that goes on whatever is done to the server, and its history, which is checked at the end.

Both sides write by HTTP and by WebSocket, a reader for each transport follows, one more reader is signed out
before the end, and a stranger who is signed in tries every way in.
"""

import itertools
import json
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from secrets import token_hex
from time import monotonic
from typing import Any

from tests.client import Answer, Client
from tests.faults import tally
from tests.history import History, Operation, Sent, check
from tests.server import PASSWORD, PATIENCE_SECONDS, Server
from tests.streams import CUT, HANDSHAKE, WS
from tests.test_history import LAST, SIDES, TRANSPORTS, Place, read, stored_after
from tests.threads import Threads, together

RETRY_SECONDS = 0.05
STRANGER_SECONDS = 0.1
AFTER_SIGN_OUT = 10
LATER = (429, 503)
WRITERS = tuple(itertools.product(SIDES, ("http", "ws")))


class Patient(Client):
    """Asks again, with the same body, until there is an answer that is neither 429 nor 503."""

    def __init__(self, who: Client, history: History, threads: Threads, address=None) -> None:
        super().__init__(address or who.address, who.token, who.id)
        self.history, self.threads = history, threads

    def request(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        key = json.loads(body).get("client_message_id") if body else None
        while True:
            began, answer = monotonic(), None
            with suppress(*CUT):
                answer = super().request(method, path, body, **headers)
            result = answer.status if answer else "unknown"
            self.history.operations.append(Operation(f"{method} {path}", key, began, monotonic(), result))
            if answer and answer.status not in LATER:
                return answer
            self.threads.check()
            threading.Event().wait(RETRY_SECONDS)


class Traffic:
    """See `traffic`."""

    def __init__(self, server: Server, threads: Threads, address: tuple[str, int] | None) -> None:
        self.server, self.threads, self.history = server, threads, History()
        self.talk = server.conversation()
        self.canary = token_hex(8)
        self.place = Place(self.talk)
        self._address = address
        self._ended = threading.Event()
        self._moved = threading.Condition()
        self._acknowledged = 0
        self.talk.client, self.talk.agent = self._patient(self.talk.client), self._patient(self.talk.agent)
        self._stranger = self._patient(server.conversation().client)
        # The client on another device.
        login = {"email": self.talk.emails["client"], "password": PASSWORD}
        self._leaver = self._patient(
            server.client(server.client().post("/api/auth/login", login).json["token"])
        )
        self._leaving = self.history.reader("the one who leaves", self.place.last_id)

    def start(self) -> list:
        """All of them; returns those who write."""
        for number, transport in enumerate(TRANSPORTS):
            side = SIDES[number % len(SIDES)]
            reader = self.history.reader(f"{side} by {transport}", self.place.last_id)
            place, transports = Place(self.talk, self.place), itertools.cycle([transport])
            who = getattr(self.talk, side)
            self.threads.submit(read, self.threads, reader, who, self.talk.id, place, transports)
        self.threads.submit(self._leave)
        self.threads.submit(self._intrude)
        return [self.threads.submit(self._write, getattr(self.talk, side), side, by) for side, by in WRITERS]

    def go_on(self, count: int) -> None:
        """Until so many more messages have been acknowledged."""
        with self._moved:
            goal = self._acknowledged + count
            self._moved.wait_for(lambda: self._acknowledged >= goal or self.threads.error, PATIENCE_SECONDS)
            assert self._acknowledged >= goal, f"nothing goes on: {self.threads.error}\n{self.server.log}"

    def fault(self) -> None:
        """One more was injected."""
        self.history.faults += 1

    def until_refused(self) -> None:
        """Until somebody was told to come later."""
        seen, deadline = len(self.history.operations), monotonic() + PATIENCE_SECONDS
        while not any(each.result in LATER for each in self.history.operations[seen:]):
            self.threads.check()
            assert monotonic() < deadline, "nobody was refused"
            threading.Event().wait(RETRY_SECONDS)

    def sign_out(self) -> None:
        """The one who leaves, while the others go on."""
        assert self._leaver.post("/api/auth/logout").status in (204, 200, 401)
        self._leaving.sign_out()
        self.go_on(AFTER_SIGN_OUT)

    def end(self, writing: list) -> None:
        """All that was begun is answered, and the last message reaches every reader."""
        self._ended.set()
        for each in writing:
            each.result()
        last = self.history.send("last", LAST)
        last.acknowledge(self.talk.agent.send(self.talk.id, LAST, client_message_id="last").json["messageId"])

    def check(self) -> None:
        """The history has no mistake."""
        mistakes = check(self.history, stored_after(self.talk, self.place.last_id))
        tally.count(self.history, mistakes)
        assert not mistakes, mistakes

    def unanswered(self) -> list[Operation]:
        """Requests that failed. What is said on a WebSocket that ends is said again, on the next one."""
        good = (200, 201, 204, 401, 404)
        return [
            each for each in self.history.operations if each.name != "WS send" and each.result not in good
        ]

    def _patient(self, who: Client) -> Patient:
        return Patient(who, self.history, self.threads, self._address)

    def _write(self, who: Patient, side: str, by: str) -> None:
        with closing(Frames(self, who)) as frames:
            for number in itertools.count():
                if self._ended.is_set():
                    return
                name = f"{side}-{by}-{number}"
                sent = self.history.send(name, f"{self.canary} {name}")
                if by == "http":
                    self._send(who, sent)
                else:
                    frames.send(sent)
                with self._moved:
                    self._acknowledged += 1
                    self._moved.notify_all()

    def _send(self, who: Patient, sent: Sent) -> None:
        answer = who.send(self.talk.id, sent.text, client_message_id=sent.key)
        assert answer.status in (200, 201), (answer.status, answer.body)
        sent.acknowledge(answer.json["messageId"])

    def _leave(self) -> None:
        """Read on until the sign-in has ended."""
        place = Place(self.talk, self.place)
        path = f"/api/chat/messages/{self.talk.id}"
        while True:
            answer = self._leaver.get(f"{path}?cursor={place.cursor}&longPoll=true&wait=1")
            if answer.status == 401:
                return
            for message in answer.json["messages"]:
                self._leaving.receive("cursor", message, answer.json["cursor"])
            place.cursor = answer.json["cursor"]

    def _intrude(self) -> None:
        ways = (
            ("GET", "/api/chat/messages/{}"),
            ("GET", "/api/chat/messages/{}?longPoll=true&cursor=0"),
            ("GET", "/api/chat/sessions/{}"),
            ("GET", "/api/chat/stream/{}"),
            ("GET", "/api/chat/ws/{}"),
            ("POST", "/api/chat/sessions/{}/end"),
        )
        for method, way in itertools.cycle(ways):
            if self._ended.wait(STRANGER_SECONDS):
                return
            path = way.format(self.talk.id)
            if method == "POST":
                answer = self._stranger.post(path)
            else:
                answer = self._stranger.get(path, **(HANDSHAKE if "/ws/" in path else {}))
            if answer.status != 404 or self.canary.encode() in answer.body:
                self.history.leaks.append(f"{method} {path}: {answer.status} {answer.body!r}")


class Frames:
    """Sends over a WebSocket; what got no answer is sent again, over the next one."""

    def __init__(self, traffic: Traffic, who: Patient) -> None:
        self._traffic, self._who, self._socket = traffic, who, None

    def send(self, sent: Sent) -> None:
        """Returns when it is acknowledged."""
        while sent.outcome == "unknown":
            self._traffic.threads.check()
            began, result = monotonic(), "unknown"
            try:
                self._socket = self._socket or WS(self._who, f"/api/chat/ws/{self._traffic.talk.id}")
                told = self._socket.ask("send", message=sent.text, client_message_id=sent.key)
                assert told.name == "done" or told.data["code"] == "database_unavailable", told
                result = 201 if told.name == "done" else 503
                if told.name == "done":
                    sent.acknowledge(told.data["messageId"])
            except (*CUT, StopIteration):
                self.close()
            self._traffic.history.operations.append(
                Operation("WS send", sent.key, began, monotonic(), result)
            )
            if result != 201:
                threading.Event().wait(RETRY_SECONDS)

    def close(self) -> None:
        """The connection that there is."""
        self._socket = self._socket and self._socket.cut()


@contextmanager
def traffic(server: Server, address: tuple[str, int] | None = None) -> Iterator[Traffic]:
    """It goes on while the block does what it does; then one is signed out, and the history is checked.

    With an `address`, clients come through there.
    """
    with together(server) as threads:
        going = Traffic(server, threads, address)
        writing = going.start()
        yield going
        going.sign_out()
        going.end(writing)
    going.check()
