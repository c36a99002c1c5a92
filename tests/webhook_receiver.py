"""A receiver of webhooks: what Standard Webhooks (standardwebhooks.com) want of one, without our code."""

import base64
import hashlib
import itertools
import json
import queue
import threading
import time
from collections import deque
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

from tests.client import TIMEOUT_SECONDS

# What receivers forgive of a clock.
TOLERANCE_SECONDS = 300


class Event(NamedTuple):
    """What arrived, and what was answered."""

    id: str
    type: str
    timestamp: str
    data: dict[str, Any]
    status: int
    signatures: int


class Hook:
    """One address. `answers` is what it says to the next ones; while it is `held` it says nothing."""

    def __init__(self, receiver: "Receiver", path: str) -> None:
        self.url = f"{receiver.url}{path}"
        self.secrets: list[str] = []
        self.events: queue.Queue[Event] = queue.Queue()
        self.answers: deque[int | tuple[int, dict[str, str]]] = deque()
        self.free = threading.Event()
        self.free.set()
        # One for each that has come in, answered or not.
        self.begun: queue.Queue[str] = queue.Queue()

    def next(self) -> Event:
        """The next one, once it is answered."""
        return self.events.get(timeout=TIMEOUT_SECONDS)

    def until(self, kind: str, **data: object) -> list[Event]:
        """All until this one has arrived."""
        found = [self.next()]
        while not _is_it(found[-1], kind, data):
            found.append(self.next())
        return found


class Receiver:
    """Use it with `with`."""

    def __init__(self) -> None:
        self.hooks: dict[str, Hook] = {}
        # What was wrong with what came.
        self.problems: list[str] = []
        self._numbers = itertools.count(1)
        handler = type("Handler", (Handler,), {"receiver": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> "Receiver":
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        for hook in self.hooks.values():
            hook.free.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def hook(self) -> Hook:
        """A new one."""
        path = f"/hooks/{next(self._numbers)}?a=b"
        hook = self.hooks[path] = Hook(self, path)
        return hook


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    receiver: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        hook = self.receiver.hooks[self.path]
        hook.begun.put(self.headers["webhook-id"])
        if not hook.free.wait(TIMEOUT_SECONDS):
            return
        answer = hook.answers.popleft() if hook.answers else 204
        status, headers = answer if isinstance(answer, tuple) else (answer, {})
        try:
            event = read(self.headers, body, hook.secrets, status)
        except Exception as error:
            self.receiver.problems.append(f"{error!r}: {body!r}")
            status = 400
        else:
            hook.events.put(event)
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nobody reads it."""


def read(headers: Any, body: bytes, secrets: list[str], status: int = 204) -> Event:
    """The event, if any of its signatures is right and it is of now; raises ValueError."""
    assert headers["Content-Type"] == "application/json"
    sent_at = int(headers["webhook-timestamp"])
    if abs(time.time() - sent_at) > TOLERANCE_SECONDS:
        raise ValueError("of another time")
    signed = f"{headers['webhook-id']}.{sent_at}.".encode() + body
    right = {_signature(secret, signed) for secret in secrets}
    given = headers["webhook-signature"].split(" ")
    if not right & set(given):
        raise ValueError("not signed")
    told = json.loads(body)
    assert told.keys() == {"type", "timestamp", "data"}
    return Event(headers["webhook-id"], told["type"], told["timestamp"], told["data"], status, len(given))


def _signature(secret: str, signed: bytes) -> str:
    """HMAC with SHA-256 (RFC 2104), written down."""
    key = base64.b64decode(secret.removeprefix("whsec_")).ljust(64, b"\0")
    inner = hashlib.sha256(bytes(each ^ 0x36 for each in key) + signed).digest()
    outer = hashlib.sha256(bytes(each ^ 0x5C for each in key) + inner).digest()
    return f"v1,{base64.b64encode(outer).decode()}"


def _is_it(event: Event, kind: str, data: dict[str, object]) -> bool:
    return event.type == kind and data.items() <= event.data.items() and event.status < 300
